//! The client of the origin, which is the internal port of links-api.

use std::{sync::Arc, time::Duration};

use domain::{
    id::{AccountId, ClickId, OfferId, ShortId},
    record::{RecordChange, RecordKey, StoredClick},
};
use platform::{circuit_breaker::CircuitBreaker, settings::Secret};
use reqwest::{Client, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::name_caches::OfferOwner;

/// Concurrent requests for records. All guessed ids come here: their requests wait for a
/// permit instead of exhausting the origin's connection pool.
const MAX_RECORD_REQUESTS: usize = 64;

/// Why the origin gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    #[error("the request failed: {0}")]
    Request(#[from] reqwest::Error),
    #[error("the origin answered with status {0}")]
    Status(StatusCode),
    #[error("too many requests wait for the origin")]
    TooManyRequests,
    #[error("the origin failed a moment ago, so its circuit breaker is open")]
    CircuitOpen,
}

impl OriginError {
    /// Whether the same request would be refused again.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Status(StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE)
        )
    }
}

#[derive(Clone)]
pub struct Origin {
    client: Client,
    base_url: String,
    token: Secret,
    timeout: Duration,
    permits: Arc<Semaphore>,
    circuit_breaker: CircuitBreaker,
}

impl Origin {
    /// How long the circuit breaker stays open after a failure: requests that hang until
    /// their timeout must not be followed by more of the kind.
    const CIRCUIT_OPEN_FOR: Duration = Duration::from_millis(500);

    /// `url` is the URL of the port, without a path.
    pub fn new(url: &str, token: Secret, timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            base_url: format!("{url}/internal/v1"),
            token,
            timeout,
            permits: Arc::new(Semaphore::new(MAX_RECORD_REQUESTS)),
            circuit_breaker: CircuitBreaker::new(Self::CIRCUIT_OPEN_FOR),
        })
    }

    /// The JSON of a record, or `None` if there is no such record.
    pub async fn record(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, OriginError> {
        self.check_circuit()?;
        self.record_without_circuit_breaker(key).await
    }

    async fn record_without_circuit_breaker(
        &self,
        key: &RecordKey,
    ) -> Result<Option<Vec<u8>>, OriginError> {
        let acquiring = tokio::time::timeout(self.timeout, self.permits.acquire());
        let _permit = match acquiring.await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) | Err(_) => return Err(OriginError::TooManyRequests),
        };
        let response = self.get(&format!("records/{key}")).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(response.bytes().await?.to_vec())),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(OriginError::Status(status)),
        }
    }

    /// The short domains with a link of this id that a postback to `host` can mean.
    pub async fn short_domains_by_id(
        &self,
        host: &str,
        id: &ShortId,
    ) -> Result<Vec<String>, OriginError> {
        self.check_circuit()?;
        self.get_list(&format!("hosts/{host}/{id}")).await
    }

    /// The slugs of `host` that equal this id in upper or lower case, at most two. Empty if
    /// the links-api is older than this endpoint.
    pub async fn slugs_in_any_case(
        &self,
        host: &str,
        id: &ShortId,
    ) -> Result<Vec<ShortId>, OriginError> {
        self.get_list_of_newer_origin(&format!("slugs/{host}/{id}"))
            .await
    }

    /// The account that holds `host`, if one does. Empty if the links-api is older than this
    /// endpoint.
    pub async fn accounts_of_host(&self, host: &str) -> Result<Vec<AccountId>, OriginError> {
        self.get_list_of_newer_origin(&format!("hosts/{host}"))
            .await
    }

    /// The offers with this `external_id`, at most two. Empty if the links-api is older than
    /// this endpoint.
    pub async fn offers_by_external_id(
        &self,
        owner: &OfferOwner,
        external_id: &str,
    ) -> Result<Vec<OfferId>, OriginError> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("external_id", external_id);
        match owner {
            OfferOwner::Account(id) => query.append_pair("account_id", &id.to_string()),
            OfferOwner::SecretDigest(digest) => query.append_pair("secret_digest", digest),
        };
        self.get_list_of_newer_origin(&format!("offers?{}", query.finish()))
            .await
    }

    /// The click with this id, or `None` if it is not stored.
    pub async fn stored_click(&self, id: ClickId) -> Result<Option<StoredClick>, OriginError> {
        self.check_circuit()?;
        let response = self.get(&format!("clicks/{id}")).await?;
        match response.status() {
            StatusCode::OK => Ok(response.json().await?),
            status => Err(OriginError::Status(status)),
        }
    }

    /// Posts lines of the log of postbacks. The log must not stand in the way of lookups, so
    /// this neither asks the circuit breaker nor tells it anything.
    pub async fn post_postback_log(&self, lines: Vec<u8>) -> Result<(), OriginError> {
        let request = self
            .client
            .post(format!("{}/postbacks", self.base_url))
            .bearer_auth(self.token.reveal())
            .body(lines);
        match request.send().await?.status() {
            StatusCode::OK => Ok(()),
            status => Err(OriginError::Status(status)),
        }
    }

    /// The record changes of the last minute. The caller polls with its own interval, so
    /// this ignores the circuit breaker.
    pub async fn changes(&self) -> Result<Vec<RecordChange>, OriginError> {
        self.get_list("changes").await
    }

    /// Whether the origin answers; ignores the circuit breaker.
    pub async fn ping(self) -> Result<(), OriginError> {
        // Account 0 does not exist: its 404 shows that the origin answers.
        let missing = RecordKey::Account(AccountId(0));
        self.record_without_circuit_breaker(&missing)
            .await
            .map(drop)
    }

    fn check_circuit(&self) -> Result<(), OriginError> {
        match self.circuit_breaker.allow_call() {
            true => Ok(()),
            false => Err(OriginError::CircuitOpen),
        }
    }

    async fn get_list_of_newer_origin<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Vec<T>, OriginError> {
        self.check_circuit()?;
        match self.get_list(path).await {
            Err(OriginError::Status(StatusCode::NOT_FOUND)) => Ok(Vec::new()),
            result => result,
        }
    }

    async fn get_list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, OriginError> {
        let response = self.get(path).await?;
        match response.status() {
            StatusCode::OK => Ok(response.json().await?),
            status => Err(OriginError::Status(status)),
        }
    }

    /// Sends a request. A response of any status closes the circuit breaker.
    async fn get(&self, path: &str) -> Result<reqwest::Response, OriginError> {
        let request = self
            .client
            .get(format!("{}/{path}", self.base_url))
            .bearer_auth(self.token.reveal());
        let response = request.send().await;
        match &response {
            Ok(_) => self.circuit_breaker.record_success(),
            Err(_) => self.circuit_breaker.record_failure(),
        }
        Ok(response?)
    }
}
