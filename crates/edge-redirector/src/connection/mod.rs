//! A connection before its requests are parsed: whom it comes from, where a proxy says so
//! in front of it, and request lines with bytes that should have been escaped.

mod escape;
mod proxy_protocol;
mod request_line;

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use ipnet::IpNet;
use platform::log_rate_limit::LogRateLimiter;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use escape::RequestLines;

/// What is read before the first request.
#[derive(Debug, Clone)]
pub struct ProxyProtocol {
    /// Who may say whom a connection comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// How long it may take them.
    pub timeout: Duration,
}

/// The connection and the address that it comes from: its peer's, or with the PROXY
/// protocol the one that a trusted proxy says.
pub async fn accept(
    mut stream: TcpStream,
    proxy_protocol: Option<&ProxyProtocol>,
) -> io::Result<(Connection<TcpStream>, Option<SocketAddr>)> {
    let mut peer = stream.peer_addr().ok();
    if let Some(protocol) = proxy_protocol {
        let named = proxy_protocol::read(&mut stream, peer, protocol).await;
        let named = named.inspect_err(|error| {
            static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
            if error.kind() == io::ErrorKind::InvalidData
                && let Some(suppressed) = LOG_LIMIT.permit()
            {
                tracing::warn!(error = %error, suppressed, "a connection is closed: PROXY_PROTOCOL");
            }
        })?;
        peer = named.or(peer);
    }
    let connection = Connection {
        stream,
        lines: RequestLines::default(),
        unread: Vec::new(),
    };
    Ok((connection, peer))
}

/// A connection whose request lines are escaped as they are read. What needs no escaping is
/// not copied.
pub struct Connection<S> {
    stream: S,
    lines: RequestLines,
    /// Escaped, and not read yet.
    unread: Vec<u8>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.unread.is_empty() {
                let n = this.unread.len().min(buffer.remaining());
                buffer.put_slice(&this.unread[..n]);
                this.unread.drain(..n);
                return Poll::Ready(Ok(()));
            }
            let n_before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
            let new = &buffer.filled()[n_before..];
            let replaced = match new.is_empty() {
                true => this.lines.end(),
                false => this.lines.escape(new),
            };
            let is_end = new.is_empty();
            let Some(replaced) = replaced else {
                return Poll::Ready(Ok(()));
            };
            buffer.set_filled(n_before);
            this.unread = replaced;
            // Nothing is to be read yet: to say so would mean the end.
            if this.unread.is_empty() && is_end {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
