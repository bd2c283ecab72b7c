//! Opening and closing connections, with a limit on every wait.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lapin::{
    Channel, Connection, ConnectionProperties,
    tcp::{AMQPUriTcpExt as _, AsyncTcpStream},
    uri::AMQPUri,
};

use super::{BrokerAddresses, CONNECT_TIMEOUT, Topology};

/// How long connecting and declaring may take together where there are other addresses to
/// try.
const CONNECT_TIMEOUT_WITH_ALTERNATIVES: Duration = Duration::from_secs(4);

/// How long a broker may take to confirm that a connection is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no connection to RabbitMQ.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("RabbitMQ cannot be reached or refuses the connection: {0}")]
    Failed(#[from] lapin::Error),
    #[error("RabbitMQ did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// Opens a connection to the first address that accepts one, opens a channel on it, and
/// declares the topology. `name` is what the broker shows for the connection.
pub async fn connect(
    addresses: &BrokerAddresses,
    topology: &Topology,
    name: &str,
) -> Result<(Connection, Channel), ConnectError> {
    let addresses = addresses.shuffled();
    // With others to try, it does not pay to wait as long for a silent broker.
    let timeout = match addresses.len() {
        1 => CONNECT_TIMEOUT,
        _ => CONNECT_TIMEOUT_WITH_ALTERNATIVES,
    };
    let mut failure = ConnectError::TimedOut(timeout);
    for uri in addresses {
        match connect_to(uri, topology, name, timeout).await {
            Ok(connected) => return Ok(connected),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn connect_to(
    uri: AMQPUri,
    topology: &Topology,
    name: &str,
    timeout: Duration,
) -> Result<(Connection, Channel), ConnectError> {
    let deadline = tokio::time::Instant::now() + timeout;
    // The head of the parent module says why there is no automatic recovery.
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let handshake = Handshake::default();
    let connecting = handshake.connect(uri, properties);
    let connection = match tokio::time::timeout_at(deadline, connecting).await {
        Ok(connected) => connected?,
        Err(_) => {
            handshake.give_up();
            return Err(ConnectError::TimedOut(timeout));
        }
    };
    let declaring = async {
        let channel = connection.create_channel().await?;
        topology.declare(&channel).await?;
        Ok(channel)
    };
    let failure = match tokio::time::timeout_at(deadline, declaring).await {
        Ok(Ok(channel)) => return Ok((connection, channel)),
        Ok(Err(error)) => ConnectError::Failed(error),
        Err(_) => ConnectError::TimedOut(timeout),
    };
    // It would stay open, although the next attempt opens another.
    close_in_background(Arc::new(connection));
    Err(failure)
}

/// The socket of a connection that is being opened. lapin continues a handshake whose
/// future was dropped, so each attempt on a frozen broker would leave a connection behind
/// if its socket were not shut down.
#[derive(Clone, Default)]
struct Handshake(Arc<Mutex<HandshakeState>>);

#[derive(Default)]
enum HandshakeState {
    #[default]
    NoSocket,
    Socket(std::net::TcpStream),
    GivenUp,
}

impl Handshake {
    async fn connect(
        &self,
        uri: AMQPUri,
        properties: ConnectionProperties,
    ) -> lapin::Result<Connection> {
        let handshake = self.clone();
        let runtime = lapin::runtime::default_runtime()?;
        let connecting = Connection::connector(
            uri,
            runtime,
            async move |uri, runtime| {
                let stream = uri.connect_async(&runtime).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    handshake.keep_socket(plain.get_ref().as_fd().try_clone_to_owned()?)?;
                }
                Ok(stream)
            },
            properties,
        );
        let connection = connecting.await;
        // The handshake is over, and only lapin needs the socket now.
        *self.lock() = HandshakeState::NoSocket;
        connection
    }

    fn keep_socket(&self, socket: OwnedFd) -> std::io::Result<()> {
        let mut state = self.lock();
        if matches!(*state, HandshakeState::GivenUp) {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        *state = HandshakeState::Socket(socket.into());
        Ok(())
    }

    /// Shuts the socket down, now or as soon as it is opened.
    fn give_up(&self) {
        let state = std::mem::replace(&mut *self.lock(), HandshakeState::GivenUp);
        if let HandshakeState::Socket(socket) = state
            && let Err(error) = socket.shutdown(std::net::Shutdown::Both)
        {
            tracing::debug!(error = %error, "a connection to RabbitMQ had been closed already");
        }
    }

    fn lock(&self) -> MutexGuard<'_, HandshakeState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes a connection without waiting for it.
pub fn close_in_background(connection: Arc<Connection>) {
    tokio::spawn(async move { close(&connection).await });
}

/// Closes a connection and waits for the broker's confirmation, for three seconds at most.
pub async fn close(connection: &Connection) {
    let closing = connection.close(200, "stopping".into());
    match tokio::time::timeout(CLOSE_TIMEOUT, closing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(error = %error, "closing the connection to RabbitMQ failed")
        }
        Err(_) => tracing::info!(
            "RabbitMQ did not confirm in time that the connection is closed, leaving it"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frozen broker accepts connections and sends nothing.
    #[tokio::test]
    async fn a_failed_attempt_leaves_no_connection_behind() {
        let broker = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("amqp://{}", broker.local_addr().unwrap());
        let uri = BrokerAddresses::parse(&url).unwrap().shuffled().remove(0);
        let topology = Topology::new("test", 1);
        let timeout = Duration::from_millis(300);
        let connecting = connect_to(uri, &topology, "test", timeout);
        let (connected, accepted) = tokio::join!(connecting, broker.accept());
        assert!(connected.is_err());
        let (socket, _) = accepted.unwrap();
        let closed_by_client = async {
            let mut received = [0; 64];
            loop {
                socket.readable().await.unwrap();
                match socket.try_read(&mut received) {
                    Ok(0) => return,
                    Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
                    _ => {}
                }
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(60), closed_by_client);
        assert!(ended.await.is_ok(), "the connection is still open");
    }
}
