//! The texts that a list puts around every message.

/// The texts that a list puts in front of and behind every message.
#[derive(Debug, Clone, Copy, Default)]
pub struct MessageFrame<'a> {
    pub prepend: Option<&'a str>,
    pub append: Option<&'a str>,
}

impl MessageFrame<'_> {
    /// The template with both texts around it. Unless there is a blank between a text and the
    /// template, one is inserted, so that the text does not become part of a link: a space
    /// behind the first text, a line break before the second.
    pub fn wrap(self, template: &str) -> String {
        let mut framed = String::with_capacity(template.len() + 64);
        if let Some(prepend) = self.prepend.filter(|text| !text.is_empty()) {
            framed.push_str(prepend);
            if !prepend.ends_with(char::is_whitespace) && !template.starts_with(char::is_whitespace)
            {
                framed.push(' ');
            }
        }
        framed.push_str(template);
        if let Some(append) = self.append.filter(|text| !text.is_empty()) {
            if !append.starts_with(char::is_whitespace) && !template.ends_with(char::is_whitespace)
            {
                framed.push('\n');
            }
            framed.push_str(append);
        }
        framed
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, None, "x", "x")]
    #[case(Some("Brand: "), Some("Reply STOP"), "x", "Brand: x\nReply STOP")]
    #[case(Some("Brand:"), Some(" Reply STOP"), "x", "Brand: x Reply STOP")]
    #[case(Some(""), Some(""), "x", "x")]
    #[case(Some("B:"), Some("S"), " x ", "B: x S")]
    fn a_frame_is_put_around_the_template(
        #[case] prepend: Option<&str>,
        #[case] append: Option<&str>,
        #[case] template: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(MessageFrame { prepend, append }.wrap(template), expected);
    }
}
