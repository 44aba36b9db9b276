//! Redis' own counters: a witness that does not depend on what the service says.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Since the server was started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RedisCounters {
    pub commands: f64,
    pub hits: f64,
    pub misses: f64,
}

/// Asks the server at `HOST:PORT` once.
pub async fn read(address: &str) -> io::Result<RedisCounters> {
    let mut stream = TcpStream::connect(address).await?;
    // After QUIT the server ends the connection, and with it the answer.
    stream.write_all(b"INFO stats\r\nQUIT\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    parse(&answer)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "these are no counters"))
}

fn parse(answer: &str) -> Option<RedisCounters> {
    let number = |name: &str| {
        let mut lines = answer.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().parse().ok()
    };
    Some(RedisCounters {
        commands: number("total_commands_processed")?,
        hits: number("keyspace_hits")?,
        misses: number("keyspace_misses")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_are_found_among_the_others_and_a_missing_one_loses_all() {
        let answer = "$99\r\n# Stats\r\ntotal_connections_received:3\r\n\
            total_commands_processed:17\r\nexpired_keys:2\r\nkeyspace_hits:5\r\n\
            keyspace_misses:4\r\n\r\n+OK\r\n";
        let counters = RedisCounters {
            commands: 17.0,
            hits: 5.0,
            misses: 4.0,
        };
        assert_eq!(parse(answer), Some(counters));
        assert_eq!(parse(&answer.replace("keyspace_hits", "hits")), None);
        assert_eq!(parse("-NOAUTH Authentication required.\r\n+OK\r\n"), None);
    }
}
