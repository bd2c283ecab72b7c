//! Settings come from the environment, each with a flag of the same name, a
//! default and a line of help. A missing or wrong one stops the start, before
//! a port opens, with one sentence that names it.

use clap::{
    Arg, Command, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// The settings, or the end of the process with exit code 2.
pub fn parse<S: Parser>() -> S {
    S::try_parse().unwrap_or_else(|error| stop(&error, &S::command()))
}

#[expect(clippy::print_stderr, reason = "there is no log yet")]
fn stop(error: &clap::Error, command: &Command) -> ! {
    match sentence(error, command) {
        Some(sentence) => {
            eprintln!("{}: {sentence}", command.get_name());
            std::process::exit(2)
        }
        None => error.exit(),
    }
}

/// What is wrong, in one sentence that names the variable, and its value
/// unless that is a secret. `None` for what is no matter of a setting's value
/// (help, an unknown flag), which clap says well itself.
pub fn sentence(error: &clap::Error, command: &Command) -> Option<String> {
    let names = match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(name) => vec![name.clone()],
        ContextValue::Strings(names) => names.clone(),
        _ => return None,
    };
    match error.kind() {
        ErrorKind::MissingRequiredArgument => {
            let described: Vec<_> = names
                .iter()
                .map(|name| match find(command, name).and_then(variable) {
                    Some(variable) => format!("{variable} (or {name})"),
                    None => name.clone(),
                })
                .collect();
            Some(format!(
                "{} must be set; see --help",
                described.join(" and ")
            ))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let name = names.first()?;
            let arg = find(command, name);
            let label = arg.and_then(variable).unwrap_or_else(|| name.clone());
            let secret = arg.is_some_and(Arg::is_hide_env_values_set);
            let value = match error.get(ContextKind::InvalidValue) {
                Some(ContextValue::String(value)) if !secret => format!(" {value:?}"),
                _ => String::new(),
            };
            let why = std::error::Error::source(error).map_or_else(
                || possible_values(error),
                // A parser's own words may quote a secret.
                |why| match secret && !why.is::<SettingError>() {
                    true => String::new(),
                    false => format!(": {why}"),
                },
            );
            Some(format!(
                "{label} has a value{value} that is not valid{why}; see --help"
            ))
        }
        _ => None,
    }
}

fn possible_values(error: &clap::Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => format!(", it can be {}", values.join(", ")),
        _ => String::new(),
    }
}

fn variable(arg: &Arg) -> Option<String> {
    arg.get_env()
        .map(|name| name.to_string_lossy().into_owned())
}

/// The argument that clap shows as, say, `--redis-url <REDIS_URL>`.
fn find<'c>(command: &'c Command, shown: &str) -> Option<&'c Arg> {
    let long = shown.split([' ', '=']).next()?.strip_prefix("--")?;
    let of_subcommands = command.get_subcommands().find_map(|sub| find(sub, shown));
    let own = command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(long));
    own.or(of_subcommands)
}

/// A secret setting: it can be read where it is used, and is shown nowhere.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// What is wrong with a setting's value, in words that quote nothing of it: they may be
/// shown though the value is a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(pub String);

/// A URL that names one server by a scheme that is spoken in clear. What stands behind the
/// host is not looked at, but for a fragment, which means nothing to any server.
/// `encrypted` are the schemes of the same protocol over TLS.
pub fn parse_server_url(
    text: &str,
    scheme: &str,
    encrypted: &[&str],
) -> Result<url::Url, SettingError> {
    let explained = |why: &str| Err(SettingError(why.to_owned()));
    let given = text.split_once("://").map(|(given, _)| given);
    let given = given.unwrap_or_default().to_ascii_lowercase();
    if encrypted.contains(&given.as_str()) {
        return Err(SettingError(format!(
            "{given}:// needs TLS, which is not spoken: use {scheme}:// over a private network"
        )));
    }
    let Some(rest) = text
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_prefix("://"))
    else {
        return Err(SettingError(format!("it must begin with {scheme}://")));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if tail.contains('@') {
        return explained("/, ?, # and @ in a user or password must be percent-encoded");
    }
    if tail.contains('#') {
        return explained("it must not have a part behind #");
    }
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if host.is_empty() || host.starts_with(':') {
        return explained("it names no host");
    }
    if host.contains(',') {
        return explained("it must name one host");
    }
    let (name, port) = match host.strip_prefix('[') {
        Some(_) => host.rsplit_once(']').map_or((host, ""), |(name, port)| {
            (name, port.strip_prefix(':').unwrap_or(port))
        }),
        None => host.split_once(':').unwrap_or((host, "")),
    };
    let is_name = |name: &str| {
        name.starts_with('[')
            || name
                .chars()
                .all(|char| char.is_ascii_alphanumeric() || "-._".contains(char))
    };
    if !is_name(name) {
        return explained("its host is no host name or address");
    }
    let has_port = host.len() > name.len() && !host.ends_with(']');
    if has_port && !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return explained("its port is no number from 1 to 65535");
    }
    match url::Url::parse(text) {
        Ok(url) if url.has_host() => Ok(url),
        _ => explained("its host is no host name or address"),
    }
}

/// A parser for a URL that paths are put behind; without the slash at its end.
pub fn parse_http_base_url(text: &str) -> Result<String, SettingError> {
    let url = parse_server_url(text, "http", &["https"])?;
    if url.query().is_some() || !url.username().is_empty() || url.password().is_some() {
        let wrong = "it must have no user, password or query";
        return Err(SettingError(wrong.to_owned()));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// A parser for a secret that somebody might otherwise leave at "secret".
pub fn parse_long_secret(text: &str) -> Result<Secret, String> {
    if text.len() < 16 {
        return Err("it must have at least 16 characters".to_owned());
    }
    Ok(Secret(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[derive(Debug, Parser)]
    struct Example {
        #[arg(long, env = "EXAMPLE_URL")]
        url: String,
        #[arg(long, env = "EXAMPLE_PORT", default_value = "80")]
        port: u16,
        #[arg(long, env = "EXAMPLE_TOKEN", hide_env_values = true, value_parser = refuse)]
        token: Option<Secret>,
        #[arg(long, env = "EXAMPLE_BROKER", hide_env_values = true, value_parser = broker)]
        broker: Option<Secret>,
        #[arg(long, default_value = "a", value_parser = ["a", "b"])]
        letter: String,
    }

    fn broker(text: &str) -> Result<Secret, SettingError> {
        parse_server_url(text, "amqp", &["amqps"]).map(|_| Secret(text.to_owned()))
    }

    fn refuse(value: &str) -> Result<Secret, String> {
        Err(format!("no good: {value}"))
    }

    fn said(args: &[&str]) -> String {
        let args = std::iter::once(&"example").chain(args);
        let error = Example::try_parse_from(args).expect_err("these are wrong");
        sentence(&error, &Example::command()).expect("and it can be said in a sentence")
    }

    #[test]
    fn a_missing_setting_is_named() {
        assert_eq!(
            said(&[]),
            "EXAMPLE_URL (or --url <URL>) must be set; see --help"
        );
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_value() {
        assert_eq!(
            said(&["--url", "x", "--port", "70000"]),
            "EXAMPLE_PORT has a value \"70000\" that is not valid: 70000 is not in 0..=65535; see --help",
        );
        assert_eq!(
            said(&["--url", "x", "--letter", "c"]),
            "--letter <LETTER> has a value \"c\" that is not valid, it can be a, b; see --help",
        );
    }

    #[test]
    fn a_secret_is_named_without_its_value() {
        let said = said(&["--url", "x", "--token", "hunter2"]);
        assert_eq!(
            said,
            "EXAMPLE_TOKEN has a value that is not valid; see --help"
        );
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_explained_where_that_quotes_nothing() {
        let error = Example::try_parse_from(["example", "--url", "x", "--broker", "hunter2"]);
        let error = error.expect_err("it is no URL");
        assert_eq!(
            sentence(&error, &Example::command()).unwrap(),
            "EXAMPLE_BROKER has a value that is not valid: it must begin with amqp://; see --help"
        );
    }

    #[test]
    fn a_base_url_is_plain_http_to_one_host() {
        let base = |text| parse_http_base_url(text).map_err(|error| error.to_string());
        assert_eq!(base("http://h:1/"), Ok("http://h:1".to_owned()));
        assert_eq!(base("http://[::1]:1/a"), Ok("http://[::1]:1/a".to_owned()));
        let table = [
            ("https://h", "TLS"),
            ("h:1", "http://"),
            ("http://", "host"),
            ("http://a,b", "one host"),
            ("http://a:1,http://b:1", "one host"),
            ("http://h?x=1", "query"),
            ("http://u@h", "user"),
            ("http://h#x", "#"),
            ("http://h:99999", "port"),
        ];
        for (text, expected) in table {
            let refused = base(text).expect_err(text);
            assert!(refused.contains(expected), "{text}: {refused}");
        }
    }

    #[test]
    fn a_secret_has_no_debug_form() {
        let secret: Secret = "hunter2".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "(secret)");
    }
}
