//! Why a text is not a template, and the limits of templates.

/// The most bytes that a template may have.
pub const MAX_TEMPLATE_BYTES: usize = 4096;
/// The most macros that a template may have. It limits the length of the expanded URL.
pub const MAX_MACROS: usize = 64;

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    #[error("the URL is longer than {MAX_TEMPLATE_BYTES} bytes")]
    TooLong,
    #[error("the URL has more than {MAX_MACROS} macros")]
    TooManyMacros,
    #[error("the URL has a control character")]
    ControlCharacter,
    #[error("the URL does not start with http:// or https://")]
    NotHttp,
    #[error("the URL has a user name or password")]
    UserInfo,
    #[error(
        "the URL has a macro or brace before its path; macros are allowed in path, query and \
         fragment"
    )]
    MacroInHost,
    #[error("the URL has a `.` or `..` segment in a path that has a macro")]
    DotSegment,
    #[error("not a URL: {0}")]
    NotAUrl(url::ParseError),
}

impl InvalidTemplate {
    /// The code by which programs tell the reasons apart.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::TooManyMacros => "too_many_macros",
            Self::ControlCharacter => "control_character",
            Self::NotHttp => "not_http",
            Self::UserInfo => "user_info",
            Self::MacroInHost => "macro_before_path",
            Self::DotSegment => "dot_segment",
            Self::NotAUrl(_) => "not_a_url",
        }
    }
}
