//! A private Redis server that keeps nothing on disk.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::error::EnvironmentError;
use super::port;
use super::process::ServerProcess;
use super::run::Run;

pub const NAME: &str = "redis";

const READY_LIMIT: Duration = Duration::from_secs(20);

/// How long it may take to tell of itself.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Spoils the beginning of every text under a key that matches, which lives on as long as it would have,
/// and tells how many there were.
const CORRUPT: &str = "
local spoiled = 0
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  if redis.call('TYPE', key).ok == 'string' then
    redis.call('SETRANGE', key, 0, ARGV[2])
    spoiled = spoiled + 1
  end
end
return spoiled";

/// No text in any language, and longer than most of what stands at the beginning of anything.
const NONSENSE: &[u8] = b"\xff\x00 this is no value \x00\xff";

#[derive(Debug)]
pub struct Redis {
    process: ServerProcess,
    port: u16,
}

impl Redis {
    /// Starts a server and waits until it answers.
    pub async fn start(run: &Run) -> Result<Self, EnvironmentError> {
        run.directory().part(NAME, run.account())?;
        port::start_on_free(async |port| Self::start_on(run, port).await).await
    }

    async fn start_on(run: &Run, port: u16) -> Result<Self, EnvironmentError> {
        let mut launch = run.launch(NAME, &run.programs().redis()?);
        launch.account = run.account();
        launch.directory = run.directory().path().join(NAME);
        launch.variables = vec![("LC_ALL", "C".into())];
        launch.arguments = [
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        .map(Into::into)
        .to_vec();
        let server = Self {
            process: run.start(launch)?,
            port,
        };
        server
            .process
            .wait_until_ready(READY_LIMIT, async || server.answers())
            .await?;
        Ok(server)
    }

    /// A PING in Redis's inline form; whoever else may have taken the port answers otherwise.
    fn answers(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let limit = Duration::from_millis(200);
        let pong = TcpStream::connect_timeout(&address, limit).and_then(|mut stream| {
            stream.set_read_timeout(Some(limit))?;
            stream.write_all(b"PING\r\n")?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer)?;
            Ok(answer)
        });
        self.process.is_running() && pong.is_ok_and(|answer| &answer == b"+PONG")
    }

    /// Starts it again on the same port, empty, without waiting until it answers.
    pub fn start_again(&self) -> Result<(), EnvironmentError> {
        self.process.spawn().map(drop)
    }

    /// Asks it to end; kills it when that takes longer than `limit`.
    pub fn shut_down(&self, limit: Duration) {
        self.process.terminate(Signal::SIGTERM, limit);
    }

    pub fn process(&self) -> &ServerProcess {
        &self.process
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self) -> String {
        url(&self.address())
    }

    /// What it is and how it was told to run.
    pub fn effective(&self) -> Result<Value, EnvironmentError> {
        let told = |reason: String| EnvironmentError::ReadBack {
            what: "what Redis tells of itself",
            reason,
        };
        let information = self
            .information("server")
            .map_err(|error| told(error.to_string()))?;
        let version = information
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"))
            .ok_or_else(|| told("it names no version".to_owned()))?;
        Ok(json!({ "version": version.trim(), "save": "", "appendonly": "no" }))
    }

    /// Makes nonsense of every text under a key that matches the pattern; how many there were.
    pub fn corrupt(&self, keys: &str) -> Result<u64, EnvironmentError> {
        let told = |reason: String| EnvironmentError::Redis {
            doing: "corrupting values",
            reason,
        };
        let answer = self
            .command(&[b"EVAL", CORRUPT.as_bytes(), b"0", keys.as_bytes(), NONSENSE])
            .map_err(|error| told(error.to_string()))?;
        let number = answer.strip_prefix(':').and_then(|text| text.parse().ok());
        number.ok_or_else(|| told(format!("it answers {answer}")))
    }

    /// Sends a command, and returns the first line of the answer.
    fn command(&self, words: &[&[u8]]) -> std::io::Result<String> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        let mut stream = self.connect()?;
        stream.write_all(&request)?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let stream = TcpStream::connect_timeout(&address, ANSWERS_WITHIN)?;
        stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
        Ok(stream)
    }

    /// A section of its INFO, which ends where the answer's length says.
    fn information(&self, section: &str) -> std::io::Result<String> {
        let mut stream = self.connect()?;
        stream.write_all(format!("INFO {section}\r\nQUIT\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// How it is connected to, itself or through a proxy.
pub fn url(address: &str) -> String {
    format!("redis://{address}/")
}
