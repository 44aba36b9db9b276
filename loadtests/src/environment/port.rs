//! Ports for servers that must come back on the same one after a restart.
//!
//! They are taken from below the range that systems give to outgoing connections: otherwise a
//! client's connection could occupy the port of a server that is down for a moment, or even
//! connect to itself there.

use std::net::{Ipv4Addr, TcpListener};

use rand::RngExt;

use super::error::EnvironmentError;

const RANGE: std::ops::Range<u16> = 20_000..32_000;
const DRAWS: u32 = 200;
/// How often a server may find that somebody else was quicker.
const STARTS: u32 = 8;

/// Starts a server on a free port; on another one when somebody else has taken it in the moment.
pub async fn start_on_free<T>(
    start: impl AsyncFn(u16) -> Result<T, EnvironmentError>,
) -> Result<T, EnvironmentError> {
    for _ in 1..STARTS {
        match start(free()?).await {
            Err(EnvironmentError::DiedAtStart { log, .. }) if is_about_the_port(&log) => {}
            other => return other,
        }
    }
    start(free()?).await
}

/// In the words of every C library that we know, which PostgreSQL, Redis and Rust all pass on.
fn is_about_the_port(log: &str) -> bool {
    log.contains("ddress already in use")
}

/// A port on which nobody listens at the moment.
pub fn free() -> Result<u16, EnvironmentError> {
    let mut draw = rand::rng();
    (0..DRAWS)
        .map(|_| draw.random_range(RANGE))
        .find(|port| is_free(*port))
        .ok_or(EnvironmentError::NoPort { tries: DRAWS })
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_listened_on_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }

    fn died(log: &str) -> EnvironmentError {
        EnvironmentError::DiedAtStart {
            server: "redis",
            status: "exit status: 1".to_owned(),
            log: log.to_owned(),
        }
    }

    #[tokio::test]
    async fn a_port_that_was_taken_in_the_moment_is_replaced_by_another() {
        let tried = std::cell::RefCell::new(Vec::new());
        let port = start_on_free(async |port| {
            tried.borrow_mut().push(port);
            match tried.borrow().len() {
                1 => Err(died("bind: Address already in use")),
                _ => Ok(port),
            }
        });
        let port = port.await.unwrap();
        assert_eq!(tried.borrow().len(), 2);
        assert_eq!(tried.borrow()[1], port);
    }

    #[tokio::test]
    async fn any_other_death_is_told_at_once_and_a_taken_port_in_the_end() {
        let tries = std::cell::Cell::new(0);
        let count = || tries.set(tries.get() + 1);
        let other = start_on_free(async |_| {
            count();
            Err::<(), _>(died("out of memory"))
        });
        assert!(other.await.is_err());
        assert_eq!(tries.take(), 1);
        let taken = start_on_free(async |_| {
            count();
            Err::<(), _>(died("Address already in use"))
        });
        assert!(
            taken
                .await
                .unwrap_err()
                .to_string()
                .contains("already in use")
        );
        assert_eq!(tries.take(), STARTS);
    }

    #[test]
    fn free_ports_lie_below_those_of_outgoing_connections() {
        let port = free().unwrap();
        assert!(RANGE.contains(&port));
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
