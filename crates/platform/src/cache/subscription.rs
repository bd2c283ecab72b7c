//! A channel of Redis that is known to be alive: a lost connection, a server
//! that no longer answers and a message that could not be kept all end it.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo as _, ProtocolVersion, PushInfo, PushKind,
    Value,
    aio::{MultiplexedConnection, SendError},
};
use tokio::sync::mpsc;

use super::CacheUnavailable;

/// How often the server is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_millis(200);
/// Messages that may wait to be read.
const MAX_WAITING: usize = 10_000;

pub struct Subscription {
    connection: MultiplexedConnection,
    pushed: mpsc::Receiver<PushInfo>,
    timeout: Duration,
}

impl Subscription {
    pub(super) async fn open(
        client: &Client,
        channel: &str,
        timeout: Duration,
    ) -> Result<Self, CacheUnavailable> {
        let (sender, pushed) = mpsc::channel(MAX_WAITING);
        // The connection drops its half of the channel by an error here: the
        // reader sees the end of it after the messages before.
        let sender = std::sync::Mutex::new(Some(sender));
        let push = move |info| {
            let mut sender = sender.lock().map_err(|_| SendError)?;
            let sent = sender.as_ref().ok_or(SendError)?.try_send(info);
            sent.map_err(|_| {
                sender.take();
                SendError
            })
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout.max(Duration::from_millis(500))))
            .set_response_timeout(Some(timeout))
            .set_push_sender(push);
        // Only RESP3 takes commands on a connection that is subscribed.
        let info = client.get_connection_info().clone();
        let redis = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(redis).into_connection_info()?)?;
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = connecting.await?;
        connection.subscribe(channel).await?;
        Ok(Self {
            connection,
            pushed,
            timeout,
        })
    }

    /// The next message. An error means that messages may have been missed.
    pub async fn next(&mut self) -> Result<String, CacheUnavailable> {
        loop {
            let info = match tokio::time::timeout(PING_INTERVAL, self.pushed.recv()).await {
                Ok(Some(info)) => info,
                Ok(None) => return Err(CacheUnavailable::Overflowed),
                Err(_) => {
                    self.ping().await?;
                    continue;
                }
            };
            match info.kind {
                PushKind::Message => {
                    if let Some(Value::BulkString(payload)) = info.data.get(1) {
                        return Ok(String::from_utf8_lossy(payload).into_owned());
                    }
                }
                PushKind::Disconnection => {
                    let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                    return Err(CacheUnavailable::Failed(lost.into()));
                }
                // The answers to subscribing.
                _ => {}
            }
        }
    }

    async fn ping(&mut self) -> Result<(), CacheUnavailable> {
        let ping = redis::cmd("PING");
        let answer = ping.query_async::<()>(&mut self.connection);
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(answered) => Ok(answered?),
            Err(_) => Err(CacheUnavailable::TimedOut),
        }
    }
}
