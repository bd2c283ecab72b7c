//! A TCP proxy in the test's process, which can cut and freeze connections.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Passing,
    /// Connections stay open, and no byte is passed on.
    Frozen,
    /// Connections are cut, and new ones end at once.
    Cut,
}

pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
}

impl Proxy {
    /// Starts a proxy to a server at `host:port`.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let (mode, modes) = watch::channel(Mode::Passing);
        let target = target.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, target.clone(), modes.clone()));
            }
        });
        Self { address, mode }
    }

    /// The address to connect to in place of the server's.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    pub fn freeze(&self) {
        self.mode.send_replace(Mode::Frozen);
    }

    pub fn pass(&self) {
        self.mode.send_replace(Mode::Passing);
    }
}

async fn pass(client: TcpStream, target: String, mut modes: watch::Receiver<Mode>) {
    if *modes.borrow_and_update() == Mode::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let is_cut = async |mut modes: watch::Receiver<Mode>| {
        // An error ends the proxy and its connections.
        drop(modes.wait_for(|mode| *mode == Mode::Cut).await);
    };
    tokio::select! {
        () = copy(client_read, server_write, modes.clone()) => {}
        () = copy(server_read, client_write, modes.clone()) => {}
        () = is_cut(modes.clone()) => {}
    }
}

async fn copy(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if modes.wait_for(|mode| *mode != Mode::Frozen).await.is_err()
            || to.write_all(&buffer[..n]).await.is_err()
        {
            return;
        }
    }
    // While frozen, the end of a connection is not passed on either: the other side waits.
    drop(modes.wait_for(|mode| *mode != Mode::Frozen).await);
}
