//! What rows must say, column by column: a digest of each value, and why one cannot be compared.
//!
//! The writer puts a digest of each verified column into the ledger, so that the observer can check "the data matches"
//! without keeping rows. A digest is the lower half of xxh3-64 over the column's canonical form
//! ([`crate::canonical`]). With 32 bits one changed value in 4,294,967,296 is taken for the right one; a digest for each
//! column, and not one for the row, lets the others be compared where one cannot be read.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What one column of a row must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDigest {
    /// Index into the entity's columns.
    pub column: u16,
    /// Of its canonical form: [`digest`].
    pub digest: u32,
}

impl ColumnDigest {
    /// The digest of a column, by its index, whose canonical form is this.
    ///
    /// # Panics
    /// When a table has more than 65535 columns; PostgreSQL's have at most 1600.
    #[must_use]
    pub fn of(column: usize, canonical: &str) -> Self {
        let column = u16::try_from(column).expect("a table has at most 1600 columns");
        Self { column, digest: digest(Some(canonical)) }
    }
}

/// The digest of a canonical form, or of null.
#[must_use]
pub fn digest(canonical: Option<&str>) -> u32 {
    /// Null is no text: its hash is of another family.
    const NULL_SEED: u64 = 1;
    let hash = canonical.map_or_else(|| xxh3_64_with_seed(&[], NULL_SEED), |text| xxh3_64(text.as_bytes()));
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    let lower = hash as u32;
    lower
}

/// Why the value of a column that arrived was not compared: exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotCompared {
    /// The event is of a partial update, and the column is not among the updated fields.
    PartialUpdate,
    /// Debezium left a large value out that the update did not touch.
    LeftOut,
    /// A decimal number as base64 text of its bytes.
    Base64Decimal,
    /// A value of a type or form that has no canonical form here.
    Unreadable,
    /// The document has no such field.
    Absent,
}

impl NotCompared {
    /// How many there are.
    pub const COUNT: usize = 5;
    /// All of them, in the order reports print them.
    pub const ALL: [Self; Self::COUNT] =
        [Self::PartialUpdate, Self::LeftOut, Self::Base64Decimal, Self::Unreadable, Self::Absent];

    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PartialUpdate => "partial_update",
            Self::LeftOut => "left_out",
            Self::Base64Decimal => "base64_decimal",
            Self::Unreadable => "unreadable",
            Self::Absent => "absent",
        }
    }

    /// The reason as one reads it behind a count of rows.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::PartialUpdate => "not among the updated fields",
            Self::LeftOut => "left out by Debezium",
            Self::Base64Decimal => "base64 decimal",
            Self::Unreadable => "a form that cannot be read",
            Self::Absent => "not in the document",
        }
    }

    /// What to do so that the column is compared.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::PartialUpdate => {
                "the sink writes partial updates: verify columns that each update changes, or let the sink replace whole documents"
            }
            Self::LeftOut => {
                "Debezium leaves large values out that an update does not touch: set REPLICA IDENTITY FULL on the table, or do not verify the column"
            }
            Self::Base64Decimal => {
                "set Debezium's decimal.handling.mode to string or double, or the converter's schemas.enable to true"
            }
            Self::Unreadable => {
                "the sink writes the column in a form that docs/measurement.md does not list under Checks: change it in the sink, or set verified = false"
            }
            Self::Absent => {
                "set the column's field in the model to its path in the document, or set verified = false where the sink leaves it out"
            }
        }
    }
}

impl fmt::Display for NotCompared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn values_that_differ_have_digests_that_differ_and_null_is_no_text() {
        let forms = [None, Some(""), Some("0"), Some("null"), Some("a"), Some("ab"), Some("b")];
        let digests: HashSet<u32> = forms.into_iter().map(digest).collect();
        assert_eq!(digests.len(), forms.len());
        assert_eq!(ColumnDigest::of(3, "a"), ColumnDigest { column: 3, digest: digest(Some("a")) });
    }

    /// The birthday bound: of 100,000 values some 1.2 pairs share 32 bits. Far more would be a poor hash.
    #[test]
    fn digests_of_many_values_meet_no_more_often_than_chance_has_it() {
        let digests: HashSet<u32> =
            (0..100_000).map(|number: u32| digest(Some(&number.to_string()))).collect();
        assert!(digests.len() >= 99_990, "{}", digests.len());
    }

    #[test]
    fn reasons_are_named_as_in_json() {
        for reason in NotCompared::ALL {
            assert_eq!(serde_json::to_value(reason).expect("a name"), reason.name());
            assert!(!reason.words().is_empty() && !reason.remedy().is_empty());
        }
    }
}
