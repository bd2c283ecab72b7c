//! A small provider of OpenID Connect: its description, its keys and its tokens. People sign in
//! at it by calling [`TestProvider::authorize`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use openidconnect::{
    AuthUrl, EmptyAdditionalProviderMetadata, IssuerUrl, JsonWebKeyId, JsonWebKeySetUrl,
    PrivateSigningKey as _, ResponseTypes, TokenUrl,
    core::{
        CoreEdDsaPrivateSigningKey, CoreIdToken, CoreIdTokenClaims, CoreJsonWebKeySet,
        CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType, CoreSubjectIdentifierType,
    },
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

pub const CLIENT_ID: &str = "waypost";
pub const CLIENT_SECRET: &str = "a-client-secret-for-tests";

/// A key of this test alone.
const SIGNING_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHfpxlCiqZI9d0LMcHrj7KmNJzBpTQDbscUwzsOfEoNL
-----END PRIVATE KEY-----
";

/// What somebody has signed in as, and what the token has to answer to.
#[derive(Debug, Clone)]
struct Grant {
    email: &'static str,
    is_verified: bool,
    nonce: String,
    challenge: String,
}

#[derive(Clone)]
pub struct TestProvider {
    pub issuer: String,
    grants: Arc<Mutex<HashMap<String, Grant>>>,
}

impl TestProvider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            grants: Arc::default(),
        };
        let accepting = provider.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let provider = accepting.clone();
                // A client that goes away ends its connection only.
                tokio::spawn(async move { drop(provider.serve(stream).await) });
            }
        });
        provider
    }

    /// Signs somebody in at the URL to which the browser was sent. Returns code and state, with
    /// which it is sent back.
    pub fn authorize(&self, url: &str, email: &'static str, is_verified: bool) -> (String, String) {
        let parameter = |name| e2e::client::parameter(url, name).unwrap();
        assert!(
            url.starts_with(&format!("{}/authorize?", self.issuer)),
            "{url}"
        );
        assert_eq!(parameter("client_id"), CLIENT_ID);
        assert_eq!(parameter("code_challenge_method"), "S256");
        assert_eq!(parameter("response_type"), "code");
        let grant = Grant {
            email,
            is_verified,
            nonce: parameter("nonce"),
            challenge: parameter("code_challenge"),
        };
        let code = uuid::Uuid::new_v4().to_string();
        self.grants.lock().unwrap().insert(code.clone(), grant);
        (code, parameter("state"))
    }

    /// Answers one request, and closes the connection.
    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        let (head, body) = loop {
            let mut chunk = [0; 4096];
            let n_read = stream.read(&mut chunk).await?;
            if n_read == 0 {
                return Ok(());
            }
            bytes.extend_from_slice(&chunk[..n_read]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.to_lowercase();
                let length = length.split("content-length: ").nth(1).map_or(0, |rest| {
                    rest.split("\r\n").next().unwrap().parse().unwrap()
                });
                if body.len() >= length {
                    break (head.to_owned(), body.to_owned());
                }
            }
        };
        let path = head.split(' ').nth(1).unwrap_or_default();
        let (status, answer) = match path {
            "/.well-known/openid-configuration" => (200, self.metadata()),
            "/jwks" => (
                200,
                json!(CoreJsonWebKeySet::new(vec![
                    signing_key().as_verification_key()
                ])),
            ),
            "/token" => self.token(&head, &body),
            _ => (404, json!({})),
        };
        let answer = answer.to_string();
        let response = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{answer}",
            answer.len()
        );
        stream.write_all(response.as_bytes()).await
    }

    fn metadata(&self) -> Value {
        let url = |path: &str| format!("{}{path}", self.issuer);
        let metadata = CoreProviderMetadata::new(
            IssuerUrl::new(self.issuer.clone()).unwrap(),
            AuthUrl::new(url("/authorize")).unwrap(),
            JsonWebKeySetUrl::new(url("/jwks")).unwrap(),
            vec![ResponseTypes::new(vec![CoreResponseType::Code])],
            vec![CoreSubjectIdentifierType::Public],
            vec![CoreJwsSigningAlgorithm::EdDsa],
            EmptyAdditionalProviderMetadata::default(),
        );
        json!(metadata.set_token_endpoint(Some(TokenUrl::new(url("/token")).unwrap())))
    }

    /// A code is good for one token, for the client that has the verifier and the secret.
    fn token(&self, head: &str, body: &str) -> (u16, Value) {
        let form: HashMap<_, _> = url::form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect();
        let grant = self.grants.lock().unwrap().remove(&form["code"]);
        let digest = Sha256::digest(&form["code_verifier"]);
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest);
        let grant = grant.filter(|grant| grant.challenge == challenge);
        let credentials = format!("{CLIENT_ID}:{CLIENT_SECRET}");
        let credentials = base64::prelude::BASE64_STANDARD.encode(credentials);
        let (Some(grant), true) = (grant, head.contains(&credentials)) else {
            return (400, json!({ "error": "invalid_grant" }));
        };
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "iss": self.issuer, "aud": [CLIENT_ID], "sub": "somebody", "exp": now + 300,
            "iat": now, "nonce": grant.nonce, "email": grant.email,
            "email_verified": grant.is_verified,
        });
        let claims: CoreIdTokenClaims = serde_json::from_value(claims).unwrap();
        let algorithm = CoreJwsSigningAlgorithm::EdDsa;
        let token = CoreIdToken::new(claims, &signing_key(), algorithm, None, None).unwrap();
        let answer = json!({
            "access_token": "unused", "token_type": "Bearer", "id_token": token.to_string(),
        });
        (200, answer)
    }
}

fn signing_key() -> CoreEdDsaPrivateSigningKey {
    let id = JsonWebKeyId::new("test".to_owned());
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(SIGNING_KEY, Some(id)).unwrap()
}
