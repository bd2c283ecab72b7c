//! Enumerations whose variants have a name in JSON, in the database and on the command
//! line: each is declared once, as a table of variants and names.

/// An enumeration with a name for each variant; declared by [`enumeration!`].
pub trait Enumeration: Copy + PartialEq + 'static {
    /// The names in the order of declaration.
    const NAMES: &'static [&'static str];

    fn name(self) -> &'static str;

    /// The variant of this name, or `None` if no variant has it.
    fn parse(name: &str) -> Option<Self>;
}

/// Declares an enumeration and the name of each variant:
///
/// ```ignore
/// enumeration! {
///     /// Whether a list can be used.
///     pub enum ListStatus {
///         Active = "active",
///         Paused = "paused",
///     }
/// }
/// ```
macro_rules! enumeration {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $type:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $name:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility enum $type {
            $($(#[$variant_meta])* $variant),+
        }

        impl $crate::enumeration::Enumeration for $type {
            const NAMES: &'static [&'static str] = &[$($name),+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            fn parse(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use enumeration;

#[cfg(test)]
mod tests {
    use super::*;

    enumeration! {
        enum Fruit {
            Apple = "apple",
            PassionFruit = "passion_fruit",
        }
    }

    #[test]
    fn each_variant_has_the_name_it_was_declared_with() {
        assert_eq!(Fruit::NAMES, ["apple", "passion_fruit"]);
        for name in Fruit::NAMES {
            assert_eq!(Fruit::parse(name).map(Fruit::name), Some(*name));
        }
        assert_eq!(Fruit::parse("Apple"), None);
    }
}
