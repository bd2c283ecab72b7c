//! Settings of users: how they sign in, and how mail is sent to them.

use clap::Args;
use ipnet::IpNet;
use platform::settings::Secret;

#[derive(Debug, Clone, Args)]
pub struct UserSettings {
    /// The address of the dashboard, as browsers know it. Links in invitations and mails begin
    /// with it, and single sign-on comes back to it: it must serve the paths /api of this
    /// service too.
    #[arg(long, env = "DASHBOARD_URL", default_value = DEFAULT_DASHBOARD_URL,
          value_parser = parse_dashboard_url)]
    pub dashboard_url: String,
    /// Whether browsers send the cookie of a session over HTTPS only. `false` is for
    /// installations without HTTPS, where whoever reads the network can take over sessions.
    #[arg(long, env = "SESSION_COOKIE_SECURE", default_value = "true",
          action = clap::ArgAction::Set)]
    pub session_cookie_secure: bool,
    /// Seconds after which a session ends that is not used. Too low: users sign in often. Too
    /// high: a browser that was left behind stays signed in.
    #[arg(long, env = "SESSION_IDLE_TIMEOUT_S", default_value = "604800",
          value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub session_idle_timeout_s: u64,
    /// Seconds after which a session ends, however much it is used.
    #[arg(long, env = "SESSION_MAX_AGE_S", default_value = "2592000",
          value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub session_max_age_s: u64,
    /// How often in 15 minutes sign-in to an e-mail address may fail from one network. From all
    /// networks together it may fail ten times as often, and so may a network at all addresses.
    #[arg(long, env = "SIGN_IN_MAX_FAILURES", default_value = "10",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub sign_in_max_failures: u64,
    /// Connections for sign-in. Each computes one digest of a password at a time, so this is also
    /// how many processors guessing can keep busy. Too low: people wait to sign in.
    #[arg(long, env = "DATABASE_SIGN_IN_POOL_SIZE", default_value = "2",
          value_parser = clap::value_parser!(u16).range(1..=100))]
    pub database_sign_in_pool_size: u16,
    /// Networks of the proxies before this service, such as 10.0.0.0/8, separated by commas. The
    /// address of a client is the one that they name in X-Forwarded-For or Forwarded.
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    #[command(flatten)]
    pub mail: MailSettings,
    #[command(flatten)]
    pub single_sign_on: SingleSignOnSettings,
}

#[derive(Debug, Clone, Args)]
pub struct MailSettings {
    /// The server that sends mail, such as smtps://user:password@smtp.example.com, or
    /// smtp://...?tls=required for STARTTLS. Without it, links are shown to whoever invites.
    #[arg(long, env = "SMTP_URL", hide_env_values = true, value_parser = parse_smtp_url,
          requires = "mail_from")]
    pub smtp_url: Option<Secret>,
    /// What mail is sent from, such as "Waypost <waypost@example.com>".
    #[arg(long, env = "MAIL_FROM", value_parser = parse_mailbox)]
    pub mail_from: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct SingleSignOnSettings {
    /// The OpenID Connect provider by which users may sign in, such as
    /// `https://accounts.google.com`. Its redirect URL is that of the dashboard with the path
    /// /api/v2/sessions/oidc/callback.
    #[arg(long, env = "OIDC_ISSUER", value_parser = parse_url,
          requires = "oidc_client_id", requires = "oidc_client_secret")]
    pub oidc_issuer: Option<String>,
    #[arg(long, env = "OIDC_CLIENT_ID")]
    pub oidc_client_id: Option<String>,
    #[arg(long, env = "OIDC_CLIENT_SECRET", hide_env_values = true)]
    pub oidc_client_secret: Option<Secret>,
    /// The domains of the e-mail addresses that may sign in so, separated by commas. Without one
    /// all may that have an account or an invitation.
    #[arg(long, env = "OIDC_ALLOWED_DOMAINS", value_delimiter = ',')]
    pub oidc_allowed_domains: Vec<String>,
}

pub const DEFAULT_DASHBOARD_URL: &str = "http://localhost:8080";

/// The URL without a slash at its end.
pub fn parse_dashboard_url(text: &str) -> Result<String, String> {
    parse_url(text).map(|url| url.trim_end_matches('/').to_owned())
}

fn parse_url(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok();
    let url = url.filter(|url| ["http", "https"].contains(&url.scheme()) && url.query().is_none());
    url.map(|_| text.to_owned())
        .ok_or_else(|| "it is not a URL such as https://app.example.com".to_owned())
}

fn parse_smtp_url(text: &str) -> Result<Secret, platform::settings::SettingError> {
    use lettre::{AsyncSmtpTransport, Tokio1Executor};
    match AsyncSmtpTransport::<Tokio1Executor>::from_url(text) {
        Ok(_) => Ok(Secret::new(text)),
        Err(_) => Err(platform::settings::SettingError(
            "it is not a URL such as smtps://user:password@smtp.example.com".to_owned(),
        )),
    }
}

fn parse_mailbox(text: &str) -> Result<String, String> {
    let mailbox: Result<lettre::message::Mailbox, _> = text.parse();
    mailbox
        .map(|_| text.to_owned())
        .map_err(|_| "it is not an address such as waypost@example.com".to_owned())
}
