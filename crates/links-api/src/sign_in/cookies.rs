//! The cookies of sessions, and of sign-ins that are under way at a provider.

use std::time::Duration;

use actix_web::cookie::{Cookie, CookieBuilder, SameSite, time};

use crate::auth::{SESSION_COOKIE, SecretToken};

pub const PROVIDER_COOKIE: &str = "waypost_oidc";
/// How long people may take at the provider.
const PROVIDER_MAX_AGE: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, Copy)]
pub struct Cookies {
    is_secure: bool,
    max_age: Duration,
}

impl Cookies {
    pub fn new(is_secure: bool, max_age: Duration) -> Self {
        Self { is_secure, max_age }
    }

    pub fn session(&self, token: &SecretToken) -> Cookie<'static> {
        self.build(SESSION_COOKIE, token.reveal().to_owned(), self.max_age)
    }

    /// Removes the cookie of the session.
    pub fn without_session(&self) -> Cookie<'static> {
        self.build(SESSION_COOKIE, String::new(), Duration::ZERO)
    }

    /// What a sign-in at the provider is continued with.
    pub fn provider(&self, value: String) -> Cookie<'static> {
        self.build(PROVIDER_COOKIE, value, PROVIDER_MAX_AGE)
    }

    pub fn without_provider(&self) -> Cookie<'static> {
        self.build(PROVIDER_COOKIE, String::new(), Duration::ZERO)
    }

    fn build(&self, name: &'static str, value: String, max_age: Duration) -> Cookie<'static> {
        let max_age_s = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
        CookieBuilder::new(name, value)
            .path("/")
            .http_only(true)
            .secure(self.is_secure)
            .same_site(SameSite::Lax)
            .max_age(time::Duration::seconds(max_age_s))
            .finish()
    }
}
