//! Where a host shows its token.

/// The name of the TXT record that has the token as its value.
pub fn txt_record_name(host: &str) -> String {
    format!("_waypost.{host}")
}

/// The URL of the file whose content is the token, on port 80.
pub fn file_url(host: &str, token: &str) -> String {
    format!("http://{host}{}", file_path(token))
}

pub fn file_path(token: &str) -> String {
    format!("/.well-known/waypost/{token}")
}
