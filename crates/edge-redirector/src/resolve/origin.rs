//! The origin: links-api's internal port.

use std::{sync::Arc, time::Duration};

use domain::{
    id::ShortId,
    record::{RecordChange, RecordKey},
};
use platform::{circuit_breaker::CircuitBreaker, settings::Secret};
use reqwest::{Client, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

/// Requests under way at once. Guessed ids all end here: they wait for each
/// other instead of filling the origin's pool.
const MAX_REQUESTS: usize = 64;

/// Why the origin gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum OriginUnavailable {
    #[error("the request failed: {0}")]
    Failed(#[from] reqwest::Error),
    #[error("the origin answers {0}")]
    Status(StatusCode),
    #[error("too many requests wait for the origin")]
    Busy,
    #[error("the origin failed a moment ago and is not asked again yet")]
    CircuitOpen,
}

#[derive(Clone)]
pub struct Origin {
    client: Client,
    url: String,
    token: Secret,
    timeout: Duration,
    places: Arc<Semaphore>,
    breaker: CircuitBreaker,
}

impl Origin {
    /// How long it is left alone after it failed: what hangs on it would hang once more.
    const PAUSE: Duration = Duration::from_millis(500);

    pub fn new(url: &str, token: Secret, timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            url: format!("{url}/internal/v1"),
            token,
            timeout,
            places: Arc::new(Semaphore::new(MAX_REQUESTS)),
            breaker: CircuitBreaker::new(Self::PAUSE),
        })
    }

    /// The record as JSON, `None` if there is none.
    pub async fn find(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, OriginUnavailable> {
        if !self.breaker.allow_call() {
            return Err(OriginUnavailable::CircuitOpen);
        }
        self.find_now(key).await
    }

    async fn find_now(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, OriginUnavailable> {
        let waiting = tokio::time::timeout(self.timeout, self.places.acquire());
        let _place = match waiting.await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) | Err(_) => return Err(OriginUnavailable::Busy),
        };
        let response = self.get(&format!("records/{key}")).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(response.bytes().await?.to_vec())),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(OriginUnavailable::Status(status)),
        }
    }

    /// Any answer is a sign of life.
    async fn get(&self, path: &str) -> Result<reqwest::Response, OriginUnavailable> {
        let request = self
            .client
            .get(format!("{}/{path}", self.url))
            .bearer_auth(self.token.reveal());
        let response = request.send().await;
        match &response {
            Ok(_) => self.breaker.record_success(),
            Err(_) => self.breaker.record_failure(),
        }
        Ok(response?)
    }

    /// The short domains with a link of this id, as seen from a host.
    pub async fn hosts_of(
        &self,
        host: &str,
        id: &ShortId,
    ) -> Result<Vec<String>, OriginUnavailable> {
        if !self.breaker.allow_call() {
            return Err(OriginUnavailable::CircuitOpen);
        }
        self.list(&format!("hosts/{host}/{id}")).await
    }

    /// The slugs of a host that are this id in upper or lower case, at most two. A links-api
    /// from before this question knows of none.
    pub async fn slugs(&self, host: &str, id: &ShortId) -> Result<Vec<ShortId>, OriginUnavailable> {
        if !self.breaker.allow_call() {
            return Err(OriginUnavailable::CircuitOpen);
        }
        match self.list(&format!("slugs/{host}/{id}")).await {
            Err(OriginUnavailable::Status(StatusCode::NOT_FOUND)) => Ok(Vec::new()),
            slugs => slugs,
        }
    }

    /// The changes of the last minute. Whoever follows them has a pace of its own: it asks
    /// also while the origin is left alone.
    pub async fn changes(&self) -> Result<Vec<RecordChange>, OriginUnavailable> {
        self.list("changes").await
    }

    async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, OriginUnavailable> {
        let response = self.get(path).await?;
        match response.status() {
            StatusCode::OK => Ok(response.json().await?),
            status => Err(OriginUnavailable::Status(status)),
        }
    }

    /// Whether it answers at all, also while it is left alone.
    pub async fn ping(self) -> Result<(), OriginUnavailable> {
        // Account 0 does not exist: 404 is the sign of life.
        let nobody = RecordKey::Account(domain::id::AccountId(0));
        self.find_now(&nobody).await.map(drop)
    }
}
