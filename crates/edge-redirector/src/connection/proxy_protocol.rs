//! The PROXY protocol, version 2: a header before the first request says which address the
//! connection of the proxy's client comes from
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).
//!
//! By the specification a receiver must not guess whether the header is present. With the
//! setting every connection must have it; a connection without it, or from another address
//! than a trusted proxy's, is closed.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use ppp::v2::{Addresses, Command, Header};
use tokio::{io::AsyncReadExt as _, net::TcpStream};

/// How to read the header.
#[derive(Debug, Clone)]
pub struct ProxyProtocolConfig {
    /// The proxies whose header is accepted.
    pub trusted_proxies: Vec<IpNet>,
    /// How long the header may take to arrive.
    pub timeout: Duration,
}

/// Bytes of the signature, version, families and length.
const FIXED_LEN: usize = 16;
/// Largest length of the addresses and extensions, in bytes.
const MAX_VARIABLE_LEN: u16 = 4096;

/// Reads the header. Returns the address of the proxy's client, or `None` if the connection
/// is the proxy's own, as in its health checks.
pub async fn read_source(
    stream: &mut TcpStream,
    peer: Option<SocketAddr>,
    config: &ProxyProtocolConfig,
) -> io::Result<Option<SocketAddr>> {
    let is_trusted = |ip: IpAddr| config.trusted_proxies.iter().any(|net| net.contains(&ip));
    if !peer.is_some_and(|peer| is_trusted(peer.ip().to_canonical())) {
        return Err(invalid_data("the peer is not one of TRUSTED_PROXIES"));
    }
    let header = tokio::time::timeout(config.timeout, read_header(stream)).await;
    let header = header.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    parse_source(&header)
}

async fn read_header(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut header = vec![0; FIXED_LEN];
    stream.read_exact(&mut header).await?;
    if !header.starts_with(ppp::v2::PROTOCOL_PREFIX) {
        return Err(invalid_data(
            "there is no PROXY protocol header of version 2",
        ));
    }
    let length = u16::from_be_bytes([header[FIXED_LEN - 2], header[FIXED_LEN - 1]]);
    if length > MAX_VARIABLE_LEN {
        return Err(invalid_data("the PROXY protocol header is too long"));
    }
    header.resize(FIXED_LEN + usize::from(length), 0);
    stream.read_exact(&mut header[FIXED_LEN..]).await?;
    Ok(header)
}

fn parse_source(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    let header = Header::try_from(header)
        .map_err(|_| invalid_data("the PROXY protocol header is invalid"))?;
    Ok(match (header.command, header.addresses) {
        (Command::Local, _) => None,
        (Command::Proxy, Addresses::IPv4(v4)) => Some((v4.source_address, v4.source_port).into()),
        (Command::Proxy, Addresses::IPv6(v6)) => {
            Some((v6.source_address.to_canonical(), v6.source_port).into())
        }
        (Command::Proxy, Addresses::Unix(_) | Addresses::Unspecified) => None,
    })
}

fn invalid_data(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
