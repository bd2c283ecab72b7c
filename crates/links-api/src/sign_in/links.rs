//! Links into the dashboard.

use std::time::Duration;

use crate::auth::SecretToken;

const DAY: Duration = Duration::from_secs(86_400);
pub const INVITATION_LIFETIME: Duration = DAY.saturating_mul(7);
pub const PASSWORD_LINK_LIFETIME: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone)]
pub struct Links {
    dashboard_url: String,
}

impl Links {
    /// `dashboard_url` has no slash at its end.
    pub fn new(dashboard_url: &str) -> Self {
        Self {
            dashboard_url: dashboard_url.to_owned(),
        }
    }

    /// Where an invitation is accepted.
    pub fn invitation(&self, token: &SecretToken) -> String {
        format!("{}/invitations/{}", self.dashboard_url, token.reveal())
    }

    /// Where a new password is set.
    pub fn password(&self, token: &SecretToken) -> String {
        format!("{}/password-resets/{}", self.dashboard_url, token.reveal())
    }

    /// To where the provider of single sign-on comes back.
    pub fn provider_callback(&self) -> String {
        format!("{}/api/v2/sessions/oidc/callback", self.dashboard_url)
    }

    /// A page of the dashboard; `path` begins with a slash.
    pub fn page(&self, path: &str) -> String {
        format!("{}{path}", self.dashboard_url)
    }

    /// The page for signing in, which says why that failed.
    pub fn failed_sign_in(&self, code: &str) -> String {
        format!("{}/sign-in?error={code}", self.dashboard_url)
    }
}
