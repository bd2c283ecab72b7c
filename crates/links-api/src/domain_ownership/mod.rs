//! Whether an account owns the host of a domain. The host shows a token, either in a TXT
//! record or in a file over HTTP. A task checks this for all domains; Caddy asks for which
//! hosts it may get certificates.

mod certificate_check;
mod checks;
mod prober;
mod public_addresses;
mod token_location;

pub use certificate_check::configure;
pub use checks::DomainChecks;
pub use prober::Prober;
pub use token_location::{file_url, txt_record_name};
