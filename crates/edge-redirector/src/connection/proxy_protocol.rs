//! The PROXY protocol, version 2: in front of a connection the proxy says whom it is from
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).
//!
//! A receiver must not guess whether the header is there: with the setting every connection
//! has it, and one that has not, or that comes from somewhere else, is closed.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use ppp::v2::{Addresses, Command, Header};
use tokio::{io::AsyncReadExt as _, net::TcpStream};

use super::ProxyProtocol;

/// Signature, version, families and length.
const FIXED_LEN: usize = 16;
/// Bytes that addresses and extensions may have.
const MAX_LEN: u16 = 4096;

/// The address that the proxy says, `None` if it speaks for itself, as in its health checks.
pub(super) async fn read(
    stream: &mut TcpStream,
    peer: Option<SocketAddr>,
    protocol: &ProxyProtocol,
) -> io::Result<Option<SocketAddr>> {
    let is_trusted = |ip: IpAddr| protocol.trusted_proxies.iter().any(|net| net.contains(&ip));
    if !peer.is_some_and(|peer| is_trusted(peer.ip().to_canonical())) {
        return Err(refused("not from one of TRUSTED_PROXIES"));
    }
    let reading = tokio::time::timeout(protocol.timeout, read_header(stream)).await;
    let bytes = reading.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    source(&bytes)
}

async fn read_header(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut header = vec![0; FIXED_LEN];
    stream.read_exact(&mut header).await?;
    if !header.starts_with(ppp::v2::PROTOCOL_PREFIX) {
        return Err(refused("no PROXY protocol header of version 2"));
    }
    let length = u16::from_be_bytes([header[FIXED_LEN - 2], header[FIXED_LEN - 1]]);
    if length > MAX_LEN {
        return Err(refused("a PROXY protocol header that is too long"));
    }
    header.resize(FIXED_LEN + usize::from(length), 0);
    stream.read_exact(&mut header[FIXED_LEN..]).await?;
    Ok(header)
}

fn source(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    let header = Header::try_from(header).map_err(|_| refused("a broken PROXY protocol header"))?;
    Ok(match (header.command, header.addresses) {
        (Command::Local, _) => None,
        (Command::Proxy, Addresses::IPv4(v4)) => Some((v4.source_address, v4.source_port).into()),
        (Command::Proxy, Addresses::IPv6(v6)) => {
            Some((v6.source_address.to_canonical(), v6.source_port).into())
        }
        (Command::Proxy, Addresses::Unix(_) | Addresses::Unspecified) => None,
    })
}

fn refused(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
