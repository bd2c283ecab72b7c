//! A subscription to a channel of Redis that never misses a message silently: a lost
//! connection, a server that no longer answers and a full buffer of messages all end it
//! with an error.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo as _, ProtocolVersion, PushInfo, PushKind,
    Value,
    aio::{MultiplexedConnection, SendError},
};
use tokio::sync::mpsc;

use super::CacheError;

/// How often a silent server is pinged, to notice that it is gone.
const PING_INTERVAL: Duration = Duration::from_millis(200);
/// Messages that may wait to be read. One more ends the subscription.
const MAX_BUFFERED: usize = 10_000;

/// Messages of one channel, in order and without gaps.
pub struct Subscription {
    connection: MultiplexedConnection,
    messages: mpsc::Receiver<PushInfo>,
    timeout: Duration,
}

impl Subscription {
    pub(super) async fn open(
        client: &Client,
        channel: &str,
        timeout: Duration,
    ) -> Result<Self, CacheError> {
        let (sender, messages) = mpsc::channel(MAX_BUFFERED);
        // A full buffer drops the sender, so that the reader gets the messages before and
        // then the end.
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
        // The pings share the connection, which only RESP3 allows after SUBSCRIBE.
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
            messages,
            timeout,
        })
    }

    /// Waits for the next message. After an error, messages may have been missed.
    pub async fn next(&mut self) -> Result<String, CacheError> {
        loop {
            let info = match tokio::time::timeout(PING_INTERVAL, self.messages.recv()).await {
                Ok(Some(info)) => info,
                Ok(None) => return Err(CacheError::Overflowed),
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
                    return Err(CacheError::Failed(lost.into()));
                }
                // Redis confirms the subscription in this way.
                _ => {}
            }
        }
    }

    async fn ping(&mut self) -> Result<(), CacheError> {
        let ping = redis::cmd("PING");
        let answer = ping.query_async::<()>(&mut self.connection);
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(answered) => Ok(answered?),
            Err(_) => Err(CacheError::TimedOut),
        }
    }
}
