//! Sign-in, as far as no table is concerned: its limits, cookies and links, and the provider of
//! single sign-on.

mod cookies;
mod links;
mod provider;
mod throttle;

use std::time::Duration;

use platform::redis_cache::RedisCache;
use prometheus_client::metrics::counter::Counter;

use crate::settings::UserSettings;
pub use cookies::{Cookies, PROVIDER_COOKIE};
pub use links::{INVITATION_LIFETIME, Links, PASSWORD_LINK_LIFETIME};
pub use provider::{PendingSignIn, Provider, ProviderError};
pub use throttle::{Attempt, AttemptKind, Throttle};

pub struct SignIn {
    /// How long a session lasts that is not used.
    pub idle_timeout: Duration,
    /// How long a session lasts.
    pub max_age: Duration,
    pub cookies: Cookies,
    pub links: Links,
    pub throttle: Throttle,
    /// Whether links are mailed. Otherwise they are shown to whoever invites.
    pub sends_mail: bool,
    /// `None` without single sign-on.
    pub provider: Option<Provider>,
}

impl SignIn {
    pub fn new(
        settings: &UserSettings,
        redis: RedisCache,
        throttle_skipped: Counter,
    ) -> anyhow::Result<Self> {
        let max_age = Duration::from_secs(settings.session_max_age_s);
        let links = Links::new(&settings.dashboard_url);
        Ok(Self {
            idle_timeout: Duration::from_secs(settings.session_idle_timeout_s),
            max_age,
            cookies: Cookies::new(settings.session_cookie_secure, max_age),
            throttle: Throttle::new(redis, settings.sign_in_max_failures, throttle_skipped),
            sends_mail: settings.mail.smtp_url.is_some(),
            provider: Provider::new(&settings.single_sign_on, &links)?,
            links,
        })
    }
}
