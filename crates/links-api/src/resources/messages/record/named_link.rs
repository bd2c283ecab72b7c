//! How a row names a link.

use domain::{
    host,
    id::{LinkCode, ShortId},
};

use crate::db::links::MessageLink;

/// A short id, a short URL, or the id `lnk_...` of a campaign link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedLink {
    /// As the row has it.
    pub text: String,
    pub name: LinkName,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkName {
    Short {
        host: Option<String>,
        id: String,
    },
    /// Without `lnk_`.
    Code(String),
}

/// What is wrong with a text that names no link, to complete "... is not valid: ".
pub const NOT_A_LINK: &str = "it is neither the id of a link, such as Ab3kX9q, nor its URL, such as \
     https://yourdomain.com/Ab3kX9q";

impl NamedLink {
    pub fn parse(text: &str) -> Option<Self> {
        let name = parse_name(text.trim())?;
        Some(Self {
            text: text.to_owned(),
            name,
        })
    }

    pub fn names(&self, link: &MessageLink) -> bool {
        match &self.name {
            LinkName::Short { host, id } => {
                *id == link.short_id && host.as_ref().is_none_or(|host| *host == link.host)
            }
            LinkName::Code(code) => link.code.as_ref() == Some(code),
        }
    }
}

fn parse_name(text: &str) -> Option<LinkName> {
    if let Ok(code) = LinkCode::parse_link_id(text) {
        return Some(LinkName::Code(code.as_str().to_owned()));
    }
    let schemes = ["https://", "http://"];
    let without_scheme = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    let (host, id) = match without_scheme.unwrap_or(text).split_once('/') {
        Some((host, path)) => {
            let id = path.split(['?', '#']).next().unwrap_or_default();
            (Some(host::normalise(host)?), id)
        }
        None => (None, text),
    };
    let id = ShortId::parse(id).ok()?.as_str().to_owned();
    Some(LinkName::Short { host, id })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Ab3kX9q", "Ab3kX9q")]
    #[case(" Ab3kX9q ", "Ab3kX9q")]
    #[case("my-slug", "my-slug")]
    #[case("https://Your.Example/Ab3kX9q", "your.example Ab3kX9q")]
    #[case("http://your.example/Ab3kX9q?sub1=a#b", "your.example Ab3kX9q")]
    #[case("your.example/Ab3kX9q", "your.example Ab3kX9q")]
    #[case("lnk_x7kQ2mNp", "code x7kQ2mNp")]
    #[case("", "none")]
    #[case("a", "none")]
    #[case("https://your.example/", "none")]
    #[case("https://your.example/c/Ab3kX9q", "none")]
    #[case("https:///Ab3kX9q", "none")]
    #[case("é23", "none")]
    fn a_link_is_named_by_its_id_or_url(#[case] text: &str, #[case] expected: &str) {
        let found = match NamedLink::parse(text).map(|link| link.name) {
            None => "none".to_owned(),
            Some(LinkName::Code(code)) => format!("code {code}"),
            Some(LinkName::Short { host: None, id }) => id,
            Some(LinkName::Short {
                host: Some(host),
                id,
            }) => format!("{host} {id}"),
        };
        assert_eq!(found, expected);
    }
}
