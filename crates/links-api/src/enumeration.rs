//! Enumerations whose variants have a name in JSON, in queries, in the database and on the
//! command line: each is declared once, as a table of variants and names.

use serde::{Deserialize as _, Deserializer, de};
use tokio_postgres::types::{FromSql as _, Type};

/// An enumeration with a name for each variant; declared by [`enumeration!`].
pub trait Enumeration: Copy + PartialEq + 'static {
    /// The names in the order of declaration.
    const NAMES: &'static [&'static str];

    /// The names as a sentence has them: `active, paused`.
    const NAME_LIST: &'static str;

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
            $(#[$first_meta:meta])* $first:ident = $first_name:literal
            $(, $(#[$variant_meta:meta])* $variant:ident = $name:literal)* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility enum $type {
            $(#[$first_meta])* $first
            $(, $(#[$variant_meta])* $variant)*
        }

        impl $crate::enumeration::Enumeration for $type {
            const NAMES: &'static [&'static str] = &[$first_name $(, $name)*];
            const NAME_LIST: &'static str = concat!($first_name $(, ", ", $name)*);

            fn name(self) -> &'static str {
                match self {
                    Self::$first => $first_name,
                    $(Self::$variant => $name,)*
                }
            }

            fn parse(name: &str) -> Option<Self> {
                match name {
                    $first_name => Some(Self::$first),
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::enumeration::Enumeration::name(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::enumeration::deserialize(deserializer)
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let names = <Self as $crate::enumeration::Enumeration>::NAMES;
                schemars::json_schema!({ "type": "string", "enum": names })
            }
        }

        impl tokio_postgres::types::ToSql for $type {
            fn to_sql(
                &self,
                sql_type: &tokio_postgres::types::Type,
                out: &mut bytes::BytesMut,
            ) -> Result<tokio_postgres::types::IsNull, $crate::enumeration::SqlError> {
                $crate::enumeration::Enumeration::name(*self).to_sql(sql_type, out)
            }
            fn accepts(sql_type: &tokio_postgres::types::Type) -> bool {
                <&str as tokio_postgres::types::ToSql>::accepts(sql_type)
            }
            tokio_postgres::types::to_sql_checked!();
        }

        impl<'row> tokio_postgres::types::FromSql<'row> for $type {
            fn from_sql(
                sql_type: &tokio_postgres::types::Type,
                raw: &'row [u8],
            ) -> Result<Self, $crate::enumeration::SqlError> {
                $crate::enumeration::from_sql(sql_type, raw)
            }
            fn accepts(sql_type: &tokio_postgres::types::Type) -> bool {
                <&str as tokio_postgres::types::FromSql>::accepts(sql_type)
            }
        }
    };
}

pub(crate) use enumeration;

/// The error type of conversions from and to SQL.
pub type SqlError = Box<dyn std::error::Error + Sync + Send>;

/// Reads the name of a variant; for [`enumeration!`].
pub fn deserialize<'de, T: Enumeration, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let name = String::deserialize(deserializer)?;
    T::parse(&name).ok_or_else(|| de::Error::unknown_variant(&name, T::NAMES))
}

/// Reads the name of a variant from a column; for [`enumeration!`].
pub fn from_sql<T: Enumeration>(sql_type: &Type, raw: &[u8]) -> Result<T, SqlError> {
    let name = <&str>::from_sql(sql_type, raw)?;
    T::parse(name).ok_or_else(|| format!("{name} is not one of {}", T::NAME_LIST).into())
}

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
