//! The paths of conversions.

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `/conv`: a conversion of a link or a click.
    Conversion,
    /// `/conv/offer`: a conversion of an offer, with the offer's secret.
    OfferConversion,
    /// `/pixel/<link_id>.gif`: a conversion of a link, by an image in a page.
    Pixel { link_id: String },
}

impl Endpoint {
    pub fn parse(path: &str) -> Option<Self> {
        match path {
            "/conv" => Some(Self::Conversion),
            "/conv/offer" => Some(Self::OfferConversion),
            _ => {
                let link_id = path.strip_prefix("/pixel/")?.strip_suffix(".gif")?;
                Some(Self::Pixel {
                    link_id: link_id.to_owned(),
                })
            }
        }
    }

    /// The link id in the path of a pixel.
    pub fn pixel_link_id(&self) -> Option<&str> {
        match self {
            Self::Pixel { link_id } => Some(link_id),
            Self::Conversion | Self::OfferConversion => None,
        }
    }

    /// The label `source` of metrics.
    pub fn source_label(&self) -> &'static str {
        match self {
            Self::Conversion => "conv",
            Self::OfferConversion => "offer",
            Self::Pixel { .. } => "pixel",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_conversions_are_parsed() {
        let pixel = |link_id: &str| {
            Some(Endpoint::Pixel {
                link_id: link_id.to_owned(),
            })
        };
        for (path, expected) in [
            ("/conv", Some(Endpoint::Conversion)),
            ("/conv/offer", Some(Endpoint::OfferConversion)),
            ("/pixel/Ab3kX9q.gif", pixel("Ab3kX9q")),
            ("/pixel/.gif", pixel("")),
            ("/pixel/Ab3kX9q", None),
            ("/convert", None),
            ("/Ab3kX9q", None),
        ] {
            assert_eq!(Endpoint::parse(path), expected, "{path}");
        }
    }
}
