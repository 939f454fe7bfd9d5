//! The types of columns that can be written: one line of [`TYPES`] each, what a type takes in parentheses beside it.

use super::mistake::unknown;

/// Digits of PostgreSQL's longest `numeric` with a precision, and characters of its longest `varchar`.
const PRECISION_MAX: u16 = 1_000;
const LENGTH_MAX: u32 = 10_485_760;

/// A type of column; an array is a list of one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `uuid`
    Uuid,
    /// `text`, also right for `varchar`, and, with a cast, for enums.
    Text,
    /// `varchar(n)`: at most so many characters; without a length as many as there are.
    Varchar {
        /// Characters.
        length: Option<u32>,
    },
    /// `char(n)`: PostgreSQL fills it up with spaces, which count for nothing.
    Char {
        /// Characters.
        length: u32,
    },
    /// `citext`, of the extension of that name.
    Citext,
    /// `smallint`
    Smallint,
    /// `integer`
    Integer,
    /// `bigint`
    Bigint,
    /// `real`: six digits that can be relied on.
    Real,
    /// `double precision`: fifteen digits that can be relied on.
    Double,
    /// `numeric(precision, scale)`.
    Numeric {
        /// Digits in total.
        precision: u16,
        /// Digits after the point.
        scale: u16,
    },
    /// `numeric` without a precision: as many digits as there are.
    AnyNumeric,
    /// `boolean`
    Boolean,
    /// `date`
    Date,
    /// `time`, without a zone.
    Time,
    /// `timestamp with time zone`
    Timestamptz,
    /// `timestamp without time zone`, in UTC.
    Timestamp,
    /// `bytea`
    Bytea,
    /// `inet`
    Inet,
    /// `jsonb`
    Jsonb,
    /// `json`
    Json,
}

/// What stands in the parentheses behind a type's name.
#[derive(Clone, Copy)]
enum Takes {
    Nothing(ColumnType),
    Length(fn(Option<u32>) -> ColumnType),
    Digits,
}

/// The types by the names that a model may give them; the first of a type is the one that messages name.
const TYPES: [(&str, Takes); 26] = [
    ("uuid", Takes::Nothing(ColumnType::Uuid)),
    ("text", Takes::Nothing(ColumnType::Text)),
    ("varchar", Takes::Length(|length| ColumnType::Varchar { length })),
    ("character varying", Takes::Length(|length| ColumnType::Varchar { length })),
    ("char", Takes::Length(|length| ColumnType::Char { length: length.unwrap_or(1) })),
    ("character", Takes::Length(|length| ColumnType::Char { length: length.unwrap_or(1) })),
    ("citext", Takes::Nothing(ColumnType::Citext)),
    ("smallint", Takes::Nothing(ColumnType::Smallint)),
    ("integer", Takes::Nothing(ColumnType::Integer)),
    ("bigint", Takes::Nothing(ColumnType::Bigint)),
    ("real", Takes::Nothing(ColumnType::Real)),
    ("double precision", Takes::Nothing(ColumnType::Double)),
    ("numeric", Takes::Digits),
    ("boolean", Takes::Nothing(ColumnType::Boolean)),
    ("date", Takes::Nothing(ColumnType::Date)),
    ("time", Takes::Nothing(ColumnType::Time)),
    ("time without time zone", Takes::Nothing(ColumnType::Time)),
    ("timestamptz", Takes::Nothing(ColumnType::Timestamptz)),
    ("timestamp with time zone", Takes::Nothing(ColumnType::Timestamptz)),
    ("timestamp", Takes::Nothing(ColumnType::Timestamp)),
    ("timestamp without time zone", Takes::Nothing(ColumnType::Timestamp)),
    ("bytea", Takes::Nothing(ColumnType::Bytea)),
    ("inet", Takes::Nothing(ColumnType::Inet)),
    ("jsonb", Takes::Nothing(ColumnType::Jsonb)),
    ("json", Takes::Nothing(ColumnType::Json)),
    ("decimal", Takes::Digits),
];

impl ColumnType {
    /// Reads a type as a model or PostgreSQL's `format_type` writes it: `numeric(10,2)`, `character varying(20)`.
    ///
    /// # Errors
    /// A sentence: no such type, or none with such digits or length.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, inner) = match text.split_once('(') {
            Some((name, rest)) => (name.trim_end(), Some(rest.strip_suffix(')').unwrap_or(rest).trim())),
            None => (text, None),
        };
        let Some((_, takes)) = TYPES.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> =
                TYPES.iter().map(|(name, _)| *name).filter(|name| !name.contains(' ')).collect();
            let other = ": a type of your own, as an enum or a domain, is written as the type beneath it (an enum as text) with cast = \"its name\"";
            return Err(format!("{}{other}", unknown("column type", text, &names)));
        };
        match (takes, inner) {
            (Takes::Nothing(kind), None) => Ok(*kind),
            (Takes::Nothing(kind), Some(_)) => {
                Err(format!("'{text}' takes nothing in parentheses: write {}", kind.sql()))
            }
            (Takes::Length(make), inner) => {
                let length =
                    inner.map(|inner| inner.parse().ok().filter(|length| (1..=LENGTH_MAX).contains(length)));
                match length {
                    Some(None) => Err(format!(
                        "'{text}' has no length: write {name}(20), from 1 to {LENGTH_MAX} characters"
                    )),
                    length => Ok(make(length.flatten())),
                }
            }
            (Takes::Digits, None) => Ok(Self::AnyNumeric),
            (Takes::Digits, Some(digits)) => {
                let (precision, scale) = digits.split_once(',').unwrap_or((digits, "0"));
                match (precision.trim().parse::<u16>(), scale.trim().parse::<u16>()) {
                    (Ok(precision), Ok(scale))
                        if (1..=PRECISION_MAX).contains(&precision) && scale <= precision =>
                    {
                        Ok(Self::Numeric { precision, scale })
                    }
                    _ => Err(format!(
                        "'{text}' does not say how many digits: write numeric(10,2), at most {PRECISION_MAX} in total and no more of them after the point, or numeric alone"
                    )),
                }
            }
        }
    }

    /// The type's name in PostgreSQL, as `format_type` writes it without modifiers.
    #[must_use]
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Text => "text",
            Self::Varchar { .. } => "character varying",
            Self::Char { .. } => "character",
            Self::Citext => "citext",
            Self::Smallint => "smallint",
            Self::Integer => "integer",
            Self::Bigint => "bigint",
            Self::Real => "real",
            Self::Double => "double precision",
            Self::Numeric { .. } | Self::AnyNumeric => "numeric",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Time => "time without time zone",
            Self::Timestamptz => "timestamp with time zone",
            Self::Timestamp => "timestamp without time zone",
            Self::Bytea => "bytea",
            Self::Inet => "inet",
            Self::Jsonb => "jsonb",
            Self::Json => "json",
        }
    }

    /// The type as a model or a table declares it, with its length or digits.
    #[must_use]
    pub fn declared(self) -> String {
        match self {
            Self::Numeric { precision, scale } => format!("numeric({precision},{scale})"),
            Self::Varchar { length: Some(length) } => format!("varchar({length})"),
            Self::Varchar { length: None } => "varchar".to_owned(),
            Self::Char { length } => format!("char({length})"),
            Self::Timestamptz => "timestamptz".to_owned(),
            Self::Timestamp => "timestamp".to_owned(),
            Self::Time => "time".to_owned(),
            other => other.sql().to_owned(),
        }
    }

    /// Whether its values have a canonical form; see [`crate::canonical`].
    #[must_use]
    pub const fn is_verifiable(self) -> bool {
        !matches!(self, Self::Jsonb | Self::Json)
    }

    /// Whether a row can be known by it: its canonical form is one whatever a sink made of it.
    #[must_use]
    pub const fn can_be_key(self) -> bool {
        // Of the time of day and of bytes there are encodings that only the written value tells apart; a sink that goes
        // through another float makes another key of a float.
        self.is_verifiable() && !matches!(self, Self::Time | Self::Bytea | Self::Real | Self::Double)
    }

    /// Whether a text with placeholders makes a value of it.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Varchar { .. } | Self::Char { .. } | Self::Citext)
    }

    /// How many characters fit into it, where that is bounded.
    #[must_use]
    pub const fn length(self) -> Option<u32> {
        match self {
            Self::Varchar { length } => length,
            Self::Char { length } => Some(length),
            _ => None,
        }
    }

    /// The whole numbers that it holds; nothing for what holds no whole numbers.
    #[must_use]
    pub fn whole_numbers(self) -> Option<std::ops::RangeInclusive<i64>> {
        match self {
            Self::Smallint => Some(i64::from(i16::MIN)..=i64::from(i16::MAX)),
            Self::Integer => Some(i64::from(i32::MIN)..=i64::from(i32::MAX)),
            Self::Bigint => Some(i64::MIN..=i64::MAX),
            _ => None,
        }
    }

    /// Whether its numbers may have digits after the point.
    #[must_use]
    pub const fn is_decimal(self) -> bool {
        matches!(self, Self::Numeric { .. } | Self::AnyNumeric | Self::Real | Self::Double)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_models_and_postgresql_write_them() {
        let cases = [
            ("smallint", ColumnType::Smallint),
            ("numeric", ColumnType::AnyNumeric),
            ("numeric(38,10)", ColumnType::Numeric { precision: 38, scale: 10 }),
            ("numeric(5)", ColumnType::Numeric { precision: 5, scale: 0 }),
            ("varchar(20)", ColumnType::Varchar { length: Some(20) }),
            ("character varying(20)", ColumnType::Varchar { length: Some(20) }),
            ("varchar", ColumnType::Varchar { length: None }),
            ("char", ColumnType::Char { length: 1 }),
            ("character(3)", ColumnType::Char { length: 3 }),
            ("timestamp with time zone", ColumnType::Timestamptz),
        ];
        for (text, kind) in cases {
            assert_eq!(ColumnType::parse(text), Ok(kind), "{text}");
        }
        for (name, _) in TYPES {
            let kind = ColumnType::parse(name).expect(name);
            assert_eq!(ColumnType::parse(kind.sql()).map(ColumnType::sql), Ok(kind.sql()), "{name}");
            assert_eq!(ColumnType::parse(&kind.declared()), Ok(kind), "{name}");
        }
    }

    #[test]
    fn what_is_no_type_says_what_is() {
        let cases = [
            ("txet", "unknown column type 'txet', did you mean 'text'?"),
            ("mood", "with cast = \"its name\""),
            ("numeric(10,12)", "'numeric(10,12)' does not say how many digits"),
            ("numeric(1001)", "at most 1000 in total"),
            ("varchar(0)", "'varchar(0)' has no length: write varchar(20)"),
            ("date(3)", "'date(3)' takes nothing in parentheses: write date"),
        ];
        for (text, says) in cases {
            let error = ColumnType::parse(text).expect_err(text);
            assert!(error.contains(says), "{error}");
        }
    }
}
