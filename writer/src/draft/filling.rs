//! What fills a column, as a model's `generate` says it. Pure.

use std::fmt;

use super::toml_text::text;

/// What fills a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filling {
    Uuid,
    /// Numbers of ours, from `start` on; in a text as `template` says.
    Sequence {
        start: i128,
        /// The last that the column takes.
        greatest: i128,
        template: Option<String>,
    },
    /// An identity, a serial or a default.
    Database,
    /// The key of a row of this entity.
    Reference(String),
    Template {
        template: String,
        /// Whether it is no other row's.
        is_unique: bool,
    },
    /// One of these, as TOML writes them.
    Choice(Vec<String>),
    /// Always this text.
    Fixed(String),
    Int {
        min: i128,
        max: i128,
    },
    Decimal {
        min: String,
        max: String,
    },
    Bool,
    /// From one moment, day or time of day to another, as TOML writes them.
    Between {
        generator: &'static str,
        from: String,
        to: String,
    },
    Bytes,
}

impl Filling {
    /// Whether two rows may well get the same value, so that a unique index would refuse one.
    pub(super) fn repeats(&self) -> bool {
        match self {
            Self::Uuid | Self::Sequence { .. } | Self::Database | Self::Reference(_) | Self::Bytes => false,
            Self::Template { is_unique, .. } => !is_unique,
            Self::Choice(_) | Self::Fixed(_) | Self::Bool | Self::Decimal { .. } => true,
            // Of fewer numbers than these a run would meet one twice soon.
            Self::Int { min, max } => max - min < i128::from(i32::MAX / 2),
            Self::Between { generator, .. } => *generator != "timestamp",
        }
    }

    pub(super) fn refers(&self) -> bool {
        matches!(self, Self::Reference(_))
    }
}

impl fmt::Display for Filling {
    /// Without its braces: `generate = "int", min = 1, max = 5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid => f.write_str("generate = \"uuid\""),
            Self::Database => f.write_str("generate = \"database\""),
            Self::Bool => f.write_str("generate = \"bool\""),
            Self::Bytes => f.write_str("generate = \"bytes\", size = 16"),
            Self::Sequence { start, template, .. } => {
                f.write_str("generate = \"sequence\"")?;
                if *start != 1 {
                    write!(f, ", start = {start}")?;
                }
                template.iter().try_for_each(|template| write!(f, ", template = {}", text(template)))
            }
            Self::Reference(entity) => write!(f, "generate = \"reference\", references = {}", text(entity)),
            Self::Template { template, .. } => {
                write!(f, "generate = \"template\", template = {}", text(template))
            }
            Self::Choice(choices) => write!(f, "generate = \"choice\", choices = [{}]", choices.join(", ")),
            Self::Fixed(value) => write!(f, "generate = \"fixed\", value = {}", text(value)),
            Self::Int { min, max } => write!(f, "generate = \"int\", min = {min}, max = {max}"),
            Self::Decimal { min, max } => write!(f, "generate = \"decimal\", min = {min}, max = {max}"),
            Self::Between { generator, from, to } => {
                write!(f, "generate = \"{generator}\", from = {from}, to = {to}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_begins_where_it_may() {
        let sequence = |start, template: Option<&str>| {
            Filling::Sequence { start, greatest: 999, template: template.map(str::to_owned) }.to_string()
        };
        assert_eq!(sequence(1, None), "generate = \"sequence\"");
        assert_eq!(
            sequence(100, Some("{number(5)}")),
            "generate = \"sequence\", start = 100, template = \"{number(5)}\""
        );
    }

    #[test]
    fn what_repeats_is_known() {
        assert!(Filling::Int { min: 1, max: 1_000 }.repeats());
        assert!(!Filling::Int { min: 1, max: i128::from(i32::MAX) }.repeats());
        let between =
            |generator| Filling::Between { generator, from: String::new(), to: String::new() }.repeats();
        assert_eq!(["date", "time", "timestamp"].map(between), [true, true, false]);
    }
}
