//! Prepares a connection before its requests are parsed: reads the PROXY protocol header,
//! and escapes request lines with bytes that a URL may not have. Parsing HTTP is left to
//! actix.

mod proxy_protocol;
mod request_line;
mod request_scanner;

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use platform::log_rate_limit::LogRateLimiter;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

pub use proxy_protocol::ProxyProtocolConfig;
use request_scanner::RequestScanner;

/// Returns the prepared connection and the address that it comes from: the peer's, or with
/// the PROXY protocol the one in the header of a trusted proxy.
pub async fn accept(
    mut stream: TcpStream,
    proxy_protocol: Option<&ProxyProtocolConfig>,
) -> io::Result<(EscapingConnection<TcpStream>, Option<SocketAddr>)> {
    let mut peer = stream.peer_addr().ok();
    if let Some(config) = proxy_protocol {
        let source = proxy_protocol::read_source(&mut stream, peer, config).await;
        let source = source.inspect_err(|error| {
            static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
            if error.kind() == io::ErrorKind::InvalidData
                && let Some(suppressed) = LOG_LIMIT.permit()
            {
                tracing::warn!(
                    error.message = %error,
                    suppressed,
                    "reading the PROXY protocol header failed, closing the connection"
                );
            }
        })?;
        peer = source.or(peer);
    }
    let connection = EscapingConnection {
        stream,
        scanner: RequestScanner::default(),
        unread: Vec::new(),
    };
    Ok((connection, peer))
}

/// A connection whose request lines are escaped as they are read. Bytes that need no
/// escaping are not copied.
pub struct EscapingConnection<S> {
    stream: S,
    scanner: RequestScanner,
    /// Bytes that are escaped and not read yet.
    unread: Vec<u8>,
}

impl<S: AsyncRead + Unpin> AsyncRead for EscapingConnection<S> {
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
                true => this.scanner.finish(),
                false => this.scanner.scan(new),
            };
            let is_end = new.is_empty();
            let Some(replaced) = replaced else {
                return Poll::Ready(Ok(()));
            };
            buffer.set_filled(n_before);
            this.unread = replaced;
            // The scanner holds back the new bytes. Read on: returning without bytes would
            // mean the end of the connection.
            if this.unread.is_empty() && is_end {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for EscapingConnection<S> {
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
