//! Reading settings. Each comes from an environment variable or from the flag of the same
//! name, and has a default and a line of help. A missing or invalid setting ends the process
//! before it opens a port, with one sentence that names it. The settings themselves are
//! declared where they are used.

use clap::{
    Arg, Command, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::build_info::BuildInfo;

/// Reads the settings of a program. If one is missing or invalid, prints a sentence and
/// ends the process with exit code 2. `--version` prints `build`.
pub fn parse<S: Parser>(build: BuildInfo) -> S {
    // It is leaked once per process: clap wants a text that lives as long as that.
    let command = S::command().version(build.to_string().leak() as &str);
    let matches = command.try_get_matches();
    let settings = matches.and_then(|matches| S::from_arg_matches(&matches));
    settings.unwrap_or_else(|error| exit_with(&error, &S::command()))
}

#[expect(clippy::print_stderr, reason = "the log has not started")]
fn exit_with(error: &clap::Error, command: &Command) -> ! {
    match describe_error(error, command) {
        Some(sentence) => {
            eprintln!("{}: {sentence}", command.get_name());
            std::process::exit(2)
        }
        None => error.exit(),
    }
}

/// One sentence that names the variable with its value, unless that is a secret, and says
/// what is wrong with it. `None` for errors that do not concern the value of a setting
/// (help, an unknown flag): clap describes them well.
pub fn describe_error(error: &clap::Error, command: &Command) -> Option<String> {
    let names = match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(name) => vec![name.clone()],
        ContextValue::Strings(names) => names.clone(),
        _ => return None,
    };
    match error.kind() {
        ErrorKind::MissingRequiredArgument => {
            let described: Vec<_> = names
                .iter()
                .map(
                    |name| match find_argument(command, name).and_then(variable_name) {
                        Some(variable) => format!("{variable} (or {name})"),
                        None => name.clone(),
                    },
                )
                .collect();
            Some(format!(
                "{} must be set; see --help",
                described.join(" and ")
            ))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let name = names.first()?;
            let arg = find_argument(command, name);
            let label = arg.and_then(variable_name).unwrap_or_else(|| name.clone());
            let is_secret = arg.is_some_and(Arg::is_hide_env_values_set);
            let value = match error.get(ContextKind::InvalidValue) {
                Some(ContextValue::String(value)) if !is_secret => format!(" {value:?}"),
                _ => String::new(),
            };
            let why = std::error::Error::source(error).map_or_else(
                || possible_values(error),
                // The error of a parser may quote a secret, unless it promises not to.
                |why| match is_secret && !why.is::<SettingError>() {
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

fn variable_name(arg: &Arg) -> Option<String> {
    arg.get_env()
        .map(|name| name.to_string_lossy().into_owned())
}

/// Finds the argument that clap shows as, for example, `--redis-url <REDIS_URL>`.
fn find_argument<'c>(command: &'c Command, shown: &str) -> Option<&'c Arg> {
    let long = shown.split([' ', '=']).next()?.strip_prefix("--")?;
    let in_subcommands = command
        .get_subcommands()
        .find_map(|subcommand| find_argument(subcommand, shown));
    let in_command = command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(long));
    in_command.or(in_subcommands)
}

/// The value of a secret setting. Its debug form hides it.
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

/// What is wrong with the value of a setting. The text quotes no part of the value, so it
/// may be shown even if the value is a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(pub String);

/// Parses the URL of one server with a protocol without TLS. `tls_schemes` are the schemes
/// of the same protocol over TLS, for a better error. Path and query are left to the
/// caller; a fragment is refused, because no server gets it.
pub fn parse_server_url(
    text: &str,
    scheme: &str,
    tls_schemes: &[&str],
) -> Result<url::Url, SettingError> {
    let invalid = |why: &str| Err(SettingError(why.to_owned()));
    let text_scheme = text.split_once("://").map(|(text_scheme, _)| text_scheme);
    let text_scheme = text_scheme.unwrap_or_default().to_ascii_lowercase();
    if tls_schemes.contains(&text_scheme.as_str()) {
        return Err(SettingError(format!(
            "{text_scheme}:// needs TLS, which is not supported: use {scheme}:// over a private network"
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
        return invalid("/, ?, # and @ in a user or password must be percent-encoded");
    }
    if tail.contains('#') {
        return invalid("it must not have a part behind #");
    }
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if host.is_empty() || host.starts_with(':') {
        return invalid("it names no host");
    }
    if host.contains(',') {
        return invalid("it must name one host");
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
        return invalid("its host is no host name or address");
    }
    let has_port = host.len() > name.len() && !host.ends_with(']');
    if has_port && !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return invalid("its port is no number from 1 to 65535");
    }
    match url::Url::parse(text) {
        Ok(url) if url.has_host() => Ok(url),
        _ => invalid("its host is no host name or address"),
    }
}

/// Parses a URL to which paths are appended. Returns it without its trailing slash.
pub fn parse_http_base_url(text: &str) -> Result<String, SettingError> {
    let url = parse_server_url(text, "http", &["https"])?;
    if url.query().is_some() || !url.username().is_empty() || url.password().is_some() {
        let wrong = "it must have no user, password or query";
        return Err(SettingError(wrong.to_owned()));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Parses a secret of at least 16 characters, so that nobody leaves it at "secret".
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
        #[arg(long, env = "EXAMPLE_TOKEN", hide_env_values = true, value_parser = reject)]
        token: Option<Secret>,
        #[arg(long, env = "EXAMPLE_BROKER", hide_env_values = true, value_parser = parse_broker)]
        broker: Option<Secret>,
        #[arg(long, default_value = "a", value_parser = ["a", "b"])]
        letter: String,
    }

    fn parse_broker(text: &str) -> Result<Secret, SettingError> {
        parse_server_url(text, "amqp", &["amqps"]).map(|_| Secret(text.to_owned()))
    }

    fn reject(value: &str) -> Result<Secret, String> {
        Err(format!("no good: {value}"))
    }

    fn error_for(args: &[&str]) -> String {
        let args = std::iter::once(&"example").chain(args);
        let error = Example::try_parse_from(args).expect_err("the arguments are invalid");
        describe_error(&error, &Example::command()).expect("the error concerns a value")
    }

    #[test]
    fn a_missing_setting_is_named() {
        assert_eq!(
            error_for(&[]),
            "EXAMPLE_URL (or --url <URL>) must be set; see --help"
        );
    }

    #[test]
    fn an_invalid_setting_is_named_with_its_value() {
        assert_eq!(
            error_for(&["--url", "x", "--port", "70000"]),
            "EXAMPLE_PORT has a value \"70000\" that is not valid: 70000 is not in 0..=65535; see --help",
        );
        assert_eq!(
            error_for(&["--url", "x", "--letter", "c"]),
            "--letter <LETTER> has a value \"c\" that is not valid, it can be a, b; see --help",
        );
    }

    #[test]
    fn a_secret_is_named_without_its_value() {
        let error = error_for(&["--url", "x", "--token", "hunter2"]);
        assert_eq!(
            error,
            "EXAMPLE_TOKEN has a value that is not valid; see --help"
        );
    }

    #[test]
    fn the_error_of_a_secret_is_shown_if_it_quotes_nothing() {
        let error = Example::try_parse_from(["example", "--url", "x", "--broker", "hunter2"]);
        let error = error.expect_err("it is not a URL");
        assert_eq!(
            describe_error(&error, &Example::command()).unwrap(),
            "EXAMPLE_BROKER has a value that is not valid: it must begin with amqp://; see --help"
        );
    }

    #[test]
    fn a_base_url_is_http_to_one_host() {
        let parse = |text| parse_http_base_url(text).map_err(|error| error.to_string());
        assert_eq!(parse("http://h:1/"), Ok("http://h:1".to_owned()));
        assert_eq!(parse("http://[::1]:1/a"), Ok("http://[::1]:1/a".to_owned()));
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
            let error = parse(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_debug_form_of_a_secret_hides_it() {
        let secret: Secret = "hunter2".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "(secret)");
    }
}
