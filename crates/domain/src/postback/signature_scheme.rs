//! How shops and payment services sign the requests that they send.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a shop or payment service signs its requests. Each is checked by a file of its own in
/// edge-redirector's `conversion::authentication`, with the sources of the scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignatureScheme {
    /// The header `Stripe-Signature`: HMAC-SHA256 of the time and the body.
    Stripe,
    /// The header `X-Shopify-Hmac-Sha256`: HMAC-SHA256 of the body.
    Shopify,
    /// The body is encrypted: AES-256-CBC by a key that is made of the secret.
    Clickbank,
    /// The parameter `sha_sign`: SHA-512 of the other parameters with the secret.
    Digistore24,
}
