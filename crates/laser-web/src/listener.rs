//! An address to listen on, and the names under which it may be asked.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface. Loopback unless told otherwise: nobody else's machine can ask.
    pub host: IpAddr,
    /// The port; 0 takes a free one.
    pub port: u16,
}

impl Address {
    /// A port of this machine that no other machine reaches.
    pub fn loopback(port: u16) -> Self {
        Address {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port,
        }
    }
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has it.
    #[error(
        "{0} is in use: another program listens there; choose another --port, or 0 for a free one"
    )]
    InUse(SocketAddr),
    /// Anything else.
    #[error("{address} cannot be listened on: {source}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A socket that connections wait at.
pub struct Listener {
    pub(crate) socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens; connections wait until [`serve`](crate::serve) takes them.
    ///
    /// # Errors
    /// An address in use, of another machine, or one that needs more rights.
    pub async fn bind(address: Address) -> Result<Self, BindError> {
        let wanted = SocketAddr::new(address.host, address.port);
        let fail = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse(wanted),
            _ => BindError::Other {
                address: wanted,
                source,
            },
        };
        let socket = TcpListener::bind(wanted).await.map_err(fail)?;
        let address = socket.local_addr().map_err(fail)?;
        Ok(Listener { socket, address })
    }

    /// The address, with the port that was given.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a path. An address that stands for every interface is named by loopback.
    pub fn url(&self) -> String {
        let mut shown = self.address;
        if shown.ip().is_unspecified() {
            shown.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{shown}")
    }

    /// Who may be asked for here: on loopback only names of loopback, elsewhere any.
    pub fn hosts(&self) -> Hosts {
        match self.address.ip().is_loopback() {
            true => Hosts::Loopback,
            false => Hosts::Any,
        }
    }
}

/// The values of the `Host` header that are answered.
///
/// A page of another site can make its own name point at 127.0.0.1 (DNS rebinding) and would then
/// read this service's answers in the visitor's browser; but the browser still sends that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// `localhost` and addresses of loopback, with any port.
    Loopback,
    /// Whatever the client calls this machine.
    Any,
}

impl Hosts {
    /// Whether a `Host` header is answered; a request without one is not from a browser.
    pub fn admits(self, host: Option<&str>) -> bool {
        match (self, host) {
            (Hosts::Any, _) | (Hosts::Loopback, None) => true,
            (Hosts::Loopback, Some(host)) => is_loopback(host),
        }
    }
}

/// Whether `name[:port]` is loopback.
fn is_loopback(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = match host.rsplit_once(':') {
        // A colon inside brackets belongs to an IPv6 address.
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let ip = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost")
        || ip
            .unwrap_or(name)
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_answers_to_its_own_names_alone() {
        for host in [
            "localhost",
            "LocalHost:8000",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.3.2.1",
            "[::1]",
            "[::1]:8000",
        ] {
            assert!(Hosts::Loopback.admits(Some(host)), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1:8000",
            "[::2]:80",
            "localhost:port",
            "localhost:80:80",
        ] {
            assert!(!Hosts::Loopback.admits(Some(host)), "{host}");
        }
        assert!(Hosts::Loopback.admits(None));
        assert!(Hosts::Any.admits(Some("evil.example")));
    }

    #[tokio::test]
    async fn an_address_in_use_is_named_with_a_remedy() {
        let first = Listener::bind(Address::loopback(0)).await.unwrap();
        let port = first.address().port();
        assert_eq!(first.url(), format!("http://127.0.0.1:{port}"));
        let again = Listener::bind(Address::loopback(port)).await.err().unwrap();
        let said = again.to_string();
        assert!(
            said.contains(&port.to_string()) && said.contains("--port"),
            "{said}"
        );
    }
}
