//! HTTP by hand, for what no client library would send.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

pub struct RawConnection(TcpStream);

impl RawConnection {
    pub async fn open(address: &str) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// For a client that takes little at a time.
    pub async fn open_with_small_window(address: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(2_048).unwrap();
        Self(socket.connect(address.parse().unwrap()).await.unwrap())
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Whether so many bytes came before the end.
    pub async fn receive(&mut self, bytes: usize) -> bool {
        self.0.read_exact(&mut vec![0; bytes]).await.is_ok()
    }

    /// Everything until the service closes the connection.
    pub async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.unwrap();
        rest
    }

    /// Status and body of the one answer that comes before the service closes the connection.
    pub async fn only_answer(self) -> (u16, String, Value) {
        let text = String::from_utf8(self.rest().await).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (
            status,
            head.to_ascii_lowercase(),
            serde_json::from_str(body).unwrap_or_default(),
        )
    }
}
