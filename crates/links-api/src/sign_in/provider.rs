//! Single sign-on: the provider that says who somebody is, by OpenID Connect.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use openidconnect::{
    AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    TokenResponse as _,
    core::{CoreClient, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType},
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::links::Links;
use crate::settings::SingleSignOnSettings;

/// How long a call of the provider may take, and how long its answer may be.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// How long its description and its keys are used. A new key is known after that.
const METADATA_LIFETIME: Duration = Duration::from_secs(300);
/// How tokens may be signed: by the provider's own keys.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

pub struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: ClientSecret,
    redirect_url: RedirectUrl,
    /// In lower case; all domains are allowed if there are none.
    allowed_domains: Vec<String>,
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    metadata: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

/// A sign-in that is under way at the provider. The browser keeps it in a cookie.
#[derive(Debug, Serialize, Deserialize)]
pub struct PendingSignIn {
    state: String,
    nonce: String,
    pkce_verifier: String,
    /// The path of the dashboard to which the browser returns.
    pub return_to: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("the provider cannot be reached or answers what is not OpenID Connect: {0}")]
    Unavailable(String),
    #[error("the provider's answer is not the one to this sign-in: {0}")]
    Refused(String),
    #[error("the provider does not say that the e-mail address is verified")]
    EmailNotVerified,
    #[error("the domain of the e-mail address is not one of OIDC_ALLOWED_DOMAINS")]
    DomainNotAllowed,
}

impl Provider {
    /// `None` without the settings of one.
    pub fn new(settings: &SingleSignOnSettings, links: &Links) -> anyhow::Result<Option<Self>> {
        let (Some(issuer), Some(client_id), Some(client_secret)) = (
            &settings.oidc_issuer,
            &settings.oidc_client_id,
            &settings.oidc_client_secret,
        ) else {
            return Ok(None);
        };
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .build();
        let allowed = settings.oidc_allowed_domains.iter();
        Ok(Some(Self {
            issuer: IssuerUrl::new(issuer.clone()).context("OIDC_ISSUER is not a URL")?,
            client_id: ClientId::new(client_id.clone()),
            client_secret: ClientSecret::new(client_secret.reveal().to_owned()),
            redirect_url: RedirectUrl::new(links.provider_callback())
                .context("DASHBOARD_URL is not a URL")?,
            allowed_domains: allowed.map(|domain| domain.to_lowercase()).collect(),
            http: Client::builder(TokioExecutor::new()).build(connector),
            metadata: Mutex::new(None),
        }))
    }

    /// Where the browser goes to sign in, and what it keeps meanwhile.
    pub async fn start(&self, return_to: String) -> Result<(String, PendingSignIn), ProviderError> {
        let metadata = self.metadata().await?;
        let client = CoreClient::from_provider_metadata(
            metadata,
            self.client_id.clone(),
            Some(self.client_secret.clone()),
        )
        .set_redirect_uri(self.redirect_url.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let pending = PendingSignIn {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            pkce_verifier: verifier.into_secret(),
            return_to,
        };
        Ok((url.into(), pending))
    }

    /// The verified e-mail address of whoever has signed in, in lower case.
    pub async fn finish(
        &self,
        code: String,
        state: &str,
        pending: PendingSignIn,
    ) -> Result<String, ProviderError> {
        if state != pending.state {
            return Err(ProviderError::Refused("another state".to_owned()));
        }
        let metadata = self.metadata().await?;
        let client = CoreClient::from_provider_metadata(
            metadata,
            self.client_id.clone(),
            Some(self.client_secret.clone()),
        )
        .set_redirect_uri(self.redirect_url.clone());
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| ProviderError::Unavailable(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.pkce_verifier));
        let token = request
            .request_async(&|request: HttpRequest| self.call(request))
            .await
            .map_err(|error| ProviderError::Refused(error.to_string()))?;
        let id_token = token.id_token();
        let id_token =
            id_token.ok_or_else(|| ProviderError::Refused("there is no ID token".to_owned()))?;
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
        let claims = id_token
            .claims(&verifier, &Nonce::new(pending.nonce))
            .map_err(|error| ProviderError::Refused(error.to_string()))?;
        let email = claims.email().map(|email| email.to_lowercase());
        let email = email.filter(|_| claims.email_verified() == Some(true));
        let email = email.ok_or(ProviderError::EmailNotVerified)?;
        let domain = email.rsplit('@').next().unwrap_or_default();
        let is_allowed = self.allowed_domains.is_empty()
            || self.allowed_domains.iter().any(|allowed| allowed == domain);
        match is_allowed {
            true => Ok(email),
            false => Err(ProviderError::DomainNotAllowed),
        }
    }

    /// What the provider says of itself, with its keys.
    async fn metadata(&self) -> Result<CoreProviderMetadata, ProviderError> {
        let mut known = self.metadata.lock().await;
        if let Some((read_at, metadata)) = &*known
            && read_at.elapsed() < METADATA_LIFETIME
        {
            return Ok(metadata.clone());
        }
        let issuer = self.issuer.clone();
        let metadata = CoreProviderMetadata::discover_async(issuer, &|request: HttpRequest| {
            self.call(request)
        })
        .await;
        let metadata = metadata.map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        *known = Some((Instant::now(), metadata.clone()));
        Ok(metadata)
    }

    /// Sends a request. It follows no redirect.
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let call = async {
            let request = request.map(|body| Full::new(Bytes::from(body)));
            let response = self.http.request(request).await;
            let (head, body) = response
                .map_err(|error| CallError(error.to_string()))?
                .into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| CallError(error.to_string()))?;
            Ok(HttpResponse::from_parts(head, body.to_bytes().to_vec()))
        };
        let called = tokio::time::timeout(CALL_TIMEOUT, call).await;
        called.unwrap_or_else(|_| Err(CallError("it does not answer".to_owned())))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct CallError(String);
