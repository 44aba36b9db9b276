//! What the fault proxy does to connections, seen from both of their ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use squall::environment::Run;
use squall::environment::proxy::{FaultProxy, ProxyError};
use squall::scenario::{Edge, EdgeConditions, EdgeFault};

use crate::playground::{eventually, settings};

const EDGE: Edge = Edge::Database;
/// Long enough for a byte to come through if anything let it.
const A_WHILE: Duration = Duration::from_millis(300);
/// Only ends a test that has failed.
const LIMIT: Duration = Duration::from_secs(30);

struct Rig {
    proxy: FaultProxy,
    address: SocketAddr,
    _run: Run,
}

impl Rig {
    /// A proxy in front of a server that sends back what it gets.
    fn new(latency: Duration) -> Self {
        Self::in_front_of(echo_server(), latency)
    }

    fn in_front_of(upstream: SocketAddr, latency: Duration) -> Self {
        let run = Run::open(&settings()).unwrap();
        let proxy = FaultProxy::start(&run).unwrap();
        let address = proxy
            .open(EDGE, upstream, EdgeConditions { latency })
            .unwrap();
        Self {
            proxy,
            address,
            _run: run,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }
}

fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut back = stream.try_clone().unwrap();
                let mut from = stream;
                let _ = std::io::copy(&mut from, &mut back);
                let _ = back.shutdown(Shutdown::Write);
            });
        }
    });
    address
}

fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
}

fn receive(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn round_trip(stream: &mut TcpStream, text: &str) {
    send(stream, text);
    assert_eq!(receive(stream, text.len()), text);
}

/// Whether nothing comes for a while.
fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(A_WHILE)).unwrap();
    let read = stream.read(&mut [0; 1]);
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    matches!(read, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn is_reset(result: std::io::Result<usize>) -> bool {
    matches!(result, Err(error) if error.kind() == ErrorKind::ConnectionReset)
}

#[test]
fn bytes_pass_unchanged_and_the_end_of_each_direction_too() {
    let rig = Rig::new(Duration::from_millis(1));
    let sent: Vec<u8> = (0..3_000_000u32).map(|index| (index % 251) as u8).collect();
    let mut stream = rig.connect();
    let mut writer = stream.try_clone().unwrap();
    let to_send = sent.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&to_send).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    writing.join().unwrap();
    assert!(
        received == sent,
        "{} of {} bytes",
        received.len(),
        sent.len()
    );
}

#[test]
fn a_round_trip_takes_the_latency_twice_and_a_connect_as_long_again() {
    let latency = Duration::from_millis(50);
    let rig = Rig::new(latency);
    let start = Instant::now();
    let mut stream = rig.connect();
    round_trip(&mut stream, "first");
    assert!(start.elapsed() >= 4 * latency, "{:?}", start.elapsed());
    let start = Instant::now();
    round_trip(&mut stream, "second");
    assert!(start.elapsed() >= 2 * latency, "{:?}", start.elapsed());
}

#[test]
fn delayed_bytes_travel_together_and_in_order() {
    let latency = Duration::from_millis(200);
    let rig = Rig::new(latency);
    let mut stream = rig.connect();
    round_trip(&mut stream, "established");
    let start = Instant::now();
    let mut expected = String::new();
    for number in 0..40 {
        let part = format!("part {number};");
        send(&mut stream, &part);
        expected.push_str(&part);
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(receive(&mut stream, expected.len()), expected);
    // One after the other they would take 16 s; together they take about half of one.
    assert!(start.elapsed() < 20 * latency, "{:?}", start.elapsed());
}

#[test]
fn an_added_latency_is_on_top_of_the_standing_one_and_goes_away() {
    let latency = Duration::from_millis(40);
    let rig = Rig::new(latency);
    let mut stream = rig.connect();
    round_trip(&mut stream, "before");
    let fault = rig
        .proxy
        .add(EDGE, EdgeFault::Latency(3 * latency))
        .unwrap();
    let start = Instant::now();
    round_trip(&mut stream, "during");
    assert!(start.elapsed() >= 8 * latency, "{:?}", start.elapsed());
    rig.proxy.remove(EDGE, fault).unwrap();
    let fastest = (0..10)
        .map(|_| {
            let start = Instant::now();
            round_trip(&mut stream, "after");
            start.elapsed()
        })
        .min();
    assert!(fastest.unwrap() < 8 * latency, "{fastest:?}");
}

#[test]
fn a_black_hole_swallows_old_and_new_connections_until_it_is_gone() {
    let rig = Rig::new(Duration::ZERO);
    let mut old = rig.connect();
    round_trip(&mut old, "before");
    let fault = rig.proxy.add(EDGE, EdgeFault::Drop).unwrap();
    send(&mut old, "from the old");
    let mut new = rig.connect();
    send(&mut new, "from the new");
    assert!(is_silent(&mut old));
    assert!(is_silent(&mut new));
    rig.proxy.remove(EDGE, fault).unwrap();
    assert_eq!(receive(&mut old, 12), "from the old");
    assert_eq!(receive(&mut new, 12), "from the new");
}

#[test]
fn a_reset_breaks_old_and_new_connections_until_it_is_gone() {
    let rig = Rig::new(Duration::ZERO);
    let mut old = rig.connect();
    round_trip(&mut old, "before");
    let fault = rig.proxy.add(EDGE, EdgeFault::Reset).unwrap();
    assert!(is_reset(old.read(&mut [0; 1])));
    let mut new = rig.connect();
    assert!(is_reset(new.read(&mut [0; 1])));
    rig.proxy.remove(EDGE, fault).unwrap();
    round_trip(&mut rig.connect(), "after");
}

#[test]
fn a_reset_reaches_the_other_end_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let rig = Rig::in_front_of(listener.local_addr().unwrap(), Duration::ZERO);
    let mut client = rig.connect();
    send(&mut client, "x");
    let (mut server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(receive(&mut server, 1), "x");
    rig.proxy.add(EDGE, EdgeFault::Reset).unwrap();
    assert!(is_reset(server.read(&mut [0; 1])));
}

#[test]
fn a_narrow_line_is_shared_by_all_connections_of_the_edge() {
    let rig = Rig::new(Duration::ZERO);
    let mut streams = [rig.connect(), rig.connect()];
    for stream in &mut streams {
        round_trip(stream, "before");
    }
    let per_second = 20_000;
    rig.proxy
        .add(EDGE, EdgeFault::Bandwidth(per_second))
        .unwrap();
    let text = "x".repeat(5_000);
    let start = Instant::now();
    for stream in &mut streams {
        send(stream, &text);
    }
    for stream in &mut streams {
        assert_eq!(receive(stream, text.len()), text);
    }
    // 10,000 bytes in all; each direction lets them pass in half a second.
    assert!(
        start.elapsed() >= Duration::from_millis(490),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn what_waits_on_a_narrow_line_goes_on_at_once_when_it_is_wide_again() {
    let rig = Rig::new(Duration::ZERO);
    let mut stream = rig.connect();
    round_trip(&mut stream, "before");
    // Eleven hours for what follows.
    let fault = rig.proxy.add(EDGE, EdgeFault::Bandwidth(1)).unwrap();
    let text = "x".repeat(40_000);
    send(&mut stream, &text);
    assert!(rig.proxy.remove(EDGE, fault).is_ok());
    assert_eq!(receive(&mut stream, text.len()), text);
}

#[test]
fn two_faults_hold_together_and_end_one_by_one() {
    let rig = Rig::new(Duration::ZERO);
    let mut stream = rig.connect();
    round_trip(&mut stream, "before");
    let latency = Duration::from_millis(60);
    let slow = rig.proxy.add(EDGE, EdgeFault::Latency(latency)).unwrap();
    let hole = rig.proxy.add(EDGE, EdgeFault::Drop).unwrap();
    send(&mut stream, "during");
    assert!(is_silent(&mut stream));
    rig.proxy.remove(EDGE, hole).unwrap();
    assert_eq!(receive(&mut stream, 6), "during");
    let start = Instant::now();
    round_trip(&mut stream, "still slow");
    assert!(start.elapsed() >= 2 * latency);
    rig.proxy.remove(EDGE, slow).unwrap();
    round_trip(&mut stream, "after");
}

#[test]
fn a_server_that_is_down_looks_down_through_the_proxy() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let rig = Rig::in_front_of(nobody, Duration::ZERO);
    assert!(is_reset(rig.connect().read(&mut [0; 1])));
}

#[test]
fn an_edge_without_a_proxy_is_named() {
    let rig = Rig::new(Duration::ZERO);
    let error = rig.proxy.add(Edge::Client, EdgeFault::Drop).unwrap_err();
    assert!(
        matches!(error, ProxyError::NotProxied(Edge::Client)),
        "{error}"
    );
}

#[test]
fn a_proxy_that_died_is_an_error_and_a_surprise() {
    let rig = Rig::new(Duration::ZERO);
    let pid = rig.proxy.process().pid().unwrap();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    let exit = eventually("its end is noticed", || {
        rig.proxy.process().take_unexpected_exits().pop()
    });
    assert_eq!(exit.process, "fault-proxy");
    assert!(exit.status.contains("SIGKILL"), "{}", exit.status);
    assert!(rig.proxy.add(EDGE, EdgeFault::Drop).is_err());
}
