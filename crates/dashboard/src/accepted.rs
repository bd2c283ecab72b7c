//! Which compressed form of a body a client accepts.

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Brotli,
}

impl Encoding {
    /// The value of Content-Encoding, if the body is compressed.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    /// Whether `Accept-Encoding` names it, and not with the weight 0.
    pub fn is_accepted(self, accept_encoding: &str) -> bool {
        let Some(name) = self.name() else { return true };
        accept_encoding.split(',').any(|part| {
            let mut parameters = part.split(';').map(str::trim);
            let is_named = parameters
                .next()
                .is_some_and(|it| it.eq_ignore_ascii_case(name));
            let weight = parameters.find_map(|it| it.strip_prefix("q="));
            is_named && weight.is_none_or(|it| it.parse::<f32>().is_ok_and(|it| it > 0.0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_of_zero_refuses_an_encoding() {
        for (header, expected) in [
            ("br", true),
            ("gzip, deflate, BR;q=0.5", true),
            ("br;q=0, gzip", false),
            ("brotli", false),
            ("", false),
        ] {
            assert_eq!(Encoding::Brotli.is_accepted(header), expected, "{header}");
        }
        assert!(Encoding::Identity.is_accepted(""));
    }
}
