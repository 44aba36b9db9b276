//! Where requests go: a base URL, taken apart and resolved once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use http::HeaderValue;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum TargetError {
    #[error("the target {0:?} is not a URL such as http://127.0.0.1:8080: {1}")]
    NotAUrl(String, String),
    #[error("the target {0:?} is neither http:// nor https://")]
    Scheme(String),
    #[error("the target's host {host:?} has no address: {problem}")]
    Unresolved { host: String, problem: String },
}

#[derive(Debug, Clone)]
pub struct Target {
    /// Scheme, host, port and leading path, without a trailing slash.
    pub base_url: String,
    pub secure: bool,
    pub address: SocketAddr,
    /// What `Host` says: the port only when it is not the scheme's own.
    pub(super) authority: HeaderValue,
    /// What precedes every path; empty for most.
    pub(super) path_prefix: String,
}

/// How many loopback addresses connections are spread over: each has ports of its own.
const SOURCES: u32 = 16;

impl Target {
    /// Resolves the host's name; the first address is used for the whole run.
    pub fn resolve(base_url: &str) -> Result<Self, TargetError> {
        let url = reqwest::Url::parse(base_url)
            .map_err(|error| TargetError::NotAUrl(base_url.to_owned(), error.to_string()))?;
        let secure = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(TargetError::Scheme(base_url.to_owned())),
        };
        let no_host = || TargetError::NotAUrl(base_url.to_owned(), "it has no host".into());
        let host = url.host_str().ok_or_else(no_host)?;
        let port = url.port_or_known_default().ok_or_else(no_host)?;
        let authority = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            secure,
            address: resolve(host, port)?,
            authority: HeaderValue::from_str(&authority).map_err(|_| no_host())?,
            path_prefix: url.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The address that a user's connections come from; `None`: the system's choice.
    ///
    /// Ports are counted per pair of addresses, so that spreading over several loopback addresses
    /// makes them last where one address runs out after some 28,000 connections.
    pub(super) fn source(&self, user: u32) -> Option<IpAddr> {
        match self.address.ip() {
            IpAddr::V4(address) if address.is_loopback() && cfg!(target_os = "linux") => {
                Some(Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + user % SOURCES).into())
            }
            _ => None,
        }
    }
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, TargetError> {
    let unresolved = |problem: String| TargetError::Unresolved {
        host: host.to_owned(),
        problem,
    };
    // URLs write IPv6 addresses in brackets.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = (bare, port)
        .to_socket_addrs()
        .map_err(|error| unresolved(error.to_string()))?;
    addresses
        .next()
        .ok_or_else(|| unresolved("the name exists, without addresses".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let target = Target::resolve("http://127.0.0.1:8080/api/").unwrap();
        assert_eq!(
            (
                target.authority.to_str().unwrap(),
                target.path_prefix.as_str()
            ),
            ("127.0.0.1:8080", "/api")
        );
        assert!(!target.secure);
        assert_eq!(
            Target::resolve("http://[::1]:99").unwrap().address.port(),
            99
        );
        assert_eq!(
            Target::resolve("http://127.0.0.1").unwrap().address.port(),
            80
        );
    }

    #[test]
    fn what_is_no_target_is_refused_with_its_text() {
        for (url, part) in [
            ("127.0.0.1:8080", "URL"),
            ("ftp://127.0.0.1", "neither"),
            ("http://", "URL"),
        ] {
            let error = Target::resolve(url).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(url), "{error}");
        }
        assert!(matches!(
            Target::resolve("http://no-such-host.invalid"),
            Err(TargetError::Unresolved { .. })
        ));
    }

    #[test]
    fn loopback_connections_come_from_several_addresses() {
        let target = Target::resolve("http://127.0.0.1:8080").unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(target.source(0).unwrap().to_string(), "127.0.0.1");
            assert_eq!(target.source(5).unwrap().to_string(), "127.0.0.6");
        }
        assert_eq!(Target::resolve("http://[::1]:80").unwrap().source(5), None);
    }
}
