//! `[target]`: somebody's running service, and which hosts beyond loopback may be loaded.
//!
//! Load to anywhere but loopback is refused unless the file itself names the host and port.

use std::net::SocketAddr;

use reqwest::Url;

use crate::scenario::diagnostic::{Location, Problems};
use crate::scenario::document::Node;
use crate::scenario::reader::Section;
use crate::scenario::values::FromNode;

#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    /// Scheme, host and port; `None`: servers of our own.
    pub(crate) base_url: Option<String>,
    pub(crate) allow: Vec<HostPort>,
}

/// An entry of the allow-list: `host:port`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPort(String);

impl FromNode for HostPort {
    fn from_node(node: &Node) -> Result<Self, String> {
        let text = String::from_node(node)?;
        let port = text
            .rsplit_once(':')
            .and_then(|(host, port)| (!host.is_empty()).then_some(port));
        match port.map(str::parse::<u16>) {
            Some(Ok(port)) if port > 0 && !text.contains('/') => {
                Ok(Self(text.to_ascii_lowercase()))
            }
            _ => Err(format!(
                "is \"{text}\": write a host and a port, such as \"staging.example.com:443\""
            )),
        }
    }
}

pub(crate) fn read(root: &mut Section<'_>) -> Target {
    let Some(mut section) = root.section("target", "[target]") else {
        return Target::default();
    };
    let allow = section
        .optional::<Vec<HostPort>>("allow")
        .unwrap_or_default();
    let base_url = section.node("base_url").and_then(|node| {
        let written = section.optional::<String>("base_url")?;
        base_url(&written, &allow, &node.at, section.problems())
    });
    section.close();
    Target { base_url, allow }
}

/// Checks where load would go; the address without a trailing slash.
pub(crate) fn base_url(
    written: &str,
    allow: &[HostPort],
    at: &Location,
    problems: &Problems,
) -> Option<String> {
    let checked = parse(written).and_then(|url| {
        check_allowed(&url, allow)?;
        Ok(url)
    });
    match checked {
        Ok(url) => Some(url.as_str().trim_end_matches('/').to_owned()),
        Err(complaint) => {
            problems.report(at, complaint);
            None
        }
    }
}

fn parse(written: &str) -> Result<Url, String> {
    let url = Url::parse(written).map_err(|error| {
        format!("\"{written}\" is no address ({error}): write http://host:port")
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "\"{written}\" is not reached over http or https: write http://host:port"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "the address of {} holds a user name: send it as a header",
            host_port(&url)
        ));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "\"{written}\" is more than scheme, host and port: paths belong to the steps of [[journeys]]"
        ));
    }
    Ok(url)
}

fn host_port(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    )
}

fn check_allowed(url: &Url, allow: &[HostPort]) -> Result<(), String> {
    let target = host_port(url);
    if allow.iter().any(|allowed| allowed.0 == target) {
        return Ok(());
    }
    let permission = format!(
        "to send it to {target}, a scenario file must say so under [target]: allow = [\"{target}\"]"
    );
    match url.socket_addrs(|| None) {
        Ok(addresses) if !addresses.is_empty() && addresses.iter().all(is_loopback) => Ok(()),
        Ok(_) => Err(format!("load goes only to loopback; {permission}")),
        Err(error) => Err(format!(
            "load goes only to loopback, and {target} was not found ({error}); {permission}"
        )),
    }
}

fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(written: &str, allow: &[&str]) -> Result<String, String> {
        let allow: Vec<HostPort> = allow
            .iter()
            .map(|entry| HostPort((*entry).to_owned()))
            .collect();
        let problems = Problems::default();
        let url = base_url(written, &allow, &Location::whole("--target"), &problems);
        match problems.into_result() {
            Ok(()) => Ok(url.unwrap_or_default()),
            Err(found) => Err(found.to_string()),
        }
    }

    #[test]
    fn loopback_needs_no_permission() {
        for (written, base) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.0.0.77:1/", "http://127.0.0.77:1"),
            ("http://localhost:80", "http://localhost"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("http://[::ffff:127.0.0.1]:9", "http://[::ffff:7f00:1]:9"),
            ("HTTP://127.1:9", "http://127.0.0.1:9"),
        ] {
            assert_eq!(checked(written, &[]), Ok(base.to_owned()), "{written}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_line_to_add() {
        assert_eq!(
            checked("http://192.0.2.7:8080", &["192.0.2.7:80"]),
            Err("--target: load goes only to loopback; to send it to 192.0.2.7:8080, a scenario file must say \
                 so under [target]: allow = [\"192.0.2.7:8080\"]"
                .to_owned())
        );
        assert_eq!(
            checked("http://192.0.2.7:8080", &["192.0.2.7:8080"]),
            Ok("http://192.0.2.7:8080".to_owned())
        );
        assert_eq!(
            checked("https://shop.example", &["shop.example:443"]),
            Ok("https://shop.example".to_owned())
        );
        let unknown = checked("http://nowhere.invalid:1", &[]);
        assert!(
            unknown
                .as_ref()
                .is_err_and(|message| message.contains("allow = [\"nowhere.invalid:1\"]")),
            "{unknown:?}"
        );
    }

    #[test]
    fn addresses_are_scheme_host_and_port() {
        for (written, complaint) in [
            ("127.0.0.1:8080", "is no address"),
            ("localhost:8080", "is not reached over http or https"),
            ("ftp://127.0.0.1", "is not reached over http or https"),
            (
                "http://127.0.0.1/posts",
                "is more than scheme, host and port",
            ),
            ("http://me:secret@127.0.0.1", "holds a user name"),
            ("http://127.0.0.1:99999", "is no address"),
            ("", "is no address"),
        ] {
            let message = checked(written, &[]).err().unwrap_or_default();
            assert!(message.contains(complaint), "{written}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
