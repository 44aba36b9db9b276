//! A private Redis server that keeps nothing on disk.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::error::EnvironmentError;
use super::port;
use super::process::ServerProcess;
use super::run::Run;

pub const NAME: &str = "redis";

const READY_LIMIT: Duration = Duration::from_secs(20);

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

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}
