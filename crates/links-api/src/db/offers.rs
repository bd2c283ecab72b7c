//! The table `offers`.

use domain::macros::{AffiliatePlatform, append_parameters};

/// The template of the destination of an offer's clicks. An SMS offer has the parameters of
/// its platform added to its URL; a partnership offer's template is complete.
pub fn destination_template(kind: &str, url_template: &str, platform: Option<&str>) -> String {
    let platform = match platform {
        Some("tune") if kind == "sms" => AffiliatePlatform::Tune,
        Some("everflow") if kind == "sms" => AffiliatePlatform::Everflow,
        _ => return url_template.to_owned(),
    };
    append_parameters(url_template, &platform.parameters())
}
