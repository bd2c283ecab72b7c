//! The paths of conversions.

use domain::postback::Preset;

#[derive(Debug, Clone, PartialEq)]
pub enum Endpoint {
    /// `/conv`: a conversion of a link or a click. `/api/postbacks/<preset>` is the same, read
    /// by that preset: the documented path of some networks' own postbacks. It may be of an offer
    /// with its secret, too.
    Conversion { preset: Option<&'static Preset> },
    /// `/conv/offer`: a conversion of an offer, with the offer's secret.
    OfferConversion,
    /// `/conv/coupon`: a conversion of a coupon.
    CouponConversion,
    /// `/pixel/<link_id>.gif`: a conversion of a link, by an image in a page.
    Pixel { link_id: String },
}

impl Endpoint {
    pub fn parse(path: &str) -> Option<Self> {
        match path {
            "/conv" => Some(Self::Conversion { preset: None }),
            "/conv/offer" => Some(Self::OfferConversion),
            "/conv/coupon" => Some(Self::CouponConversion),
            _ => {
                if let Some(name) = path.strip_prefix("/api/postbacks/") {
                    let preset = Some(Preset::named(name)?);
                    return Some(Self::Conversion { preset });
                }
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
            Self::Conversion { .. } | Self::OfferConversion | Self::CouponConversion => None,
        }
    }

    /// What the path says beside the query, in the form of a query.
    pub fn path_parameters(&self) -> Option<String> {
        match self {
            Self::Pixel { link_id } => Some(format!("link_id={link_id}")),
            Self::Conversion { preset } => preset.map(|preset| format!("preset={}", preset.name)),
            Self::OfferConversion | Self::CouponConversion => None,
        }
    }

    /// The label `source` of metrics.
    pub fn source_label(&self) -> &'static str {
        match self {
            Self::Conversion { .. } => "conv",
            Self::OfferConversion => "offer",
            Self::CouponConversion => "coupon",
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
        let preset = |name: &str| {
            let preset = Preset::named(name);
            assert!(preset.is_some(), "{name}");
            Some(Endpoint::Conversion { preset })
        };
        for (path, expected) in [
            ("/conv", Some(Endpoint::Conversion { preset: None })),
            ("/api/postbacks/tune", preset("tune")),
            ("/api/postbacks/everflow", preset("everflow")),
            ("/api/postbacks/", None),
            ("/api/postbacks/nobody", None),
            ("/api/postbacks", None),
            ("/conv/offer", Some(Endpoint::OfferConversion)),
            ("/conv/coupon", Some(Endpoint::CouponConversion)),
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
