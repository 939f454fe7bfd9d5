//! What an event says: the content of a row, column by column, and the key of a row that is gone.

use streamgauge_shared::content::{ColumnDigest, NotCompared};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// What the columns of an arrived row say that something is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content(Vec<ColumnSeen>);

/// One column of an arrived row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnSeen {
    /// Index into the entity's columns.
    pub column: u16,
    /// What stands there.
    pub value: ColumnValue,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnValue {
    /// A value: the digest of its canonical form.
    Value(u32),
    /// A value that does not say how it is encoded: the digest of each reading.
    OneOf([u32; 3]),
    /// A text that is a whole number and base64 too: the digest of each reading.
    NumberOrBase64 {
        /// Of the number.
        number: u32,
        /// Of the number whose bytes the text may be.
        base64: u32,
    },
    /// Nothing that can be compared.
    Not(NotCompared),
}

impl Content {
    /// Of these columns, each once.
    #[must_use]
    pub fn new(columns: Vec<ColumnSeen>) -> Self {
        Self(columns)
    }

    /// Of columns that say just this.
    #[must_use]
    pub fn saying(columns: &[ColumnDigest]) -> Self {
        let seen = |column: &ColumnDigest| ColumnSeen {
            column: column.column,
            value: ColumnValue::Value(column.digest),
        };
        Self(columns.iter().map(seen).collect())
    }

    /// What stands in a column. A column that nobody looked for is absent.
    #[must_use]
    pub fn value(&self, column: u16) -> ColumnValue {
        let seen = self.0.iter().find(|seen| seen.column == column);
        seen.map_or(ColumnValue::Not(NotCompared::Absent), |seen| seen.value)
    }
}

impl ColumnValue {
    /// Whether it is the value with this digest, or why that cannot be told.
    ///
    /// # Errors
    /// Why not.
    pub fn is(self, expected: u32) -> Result<bool, NotCompared> {
        match self {
            Self::Value(found) => Ok(found == expected),
            // The other readings are other values: nobody wrote those.
            Self::OneOf(readings) => Ok(readings.contains(&expected)),
            Self::NumberOrBase64 { number, .. } if number == expected => Ok(true),
            Self::NumberOrBase64 { base64, .. } if base64 == expected => Err(NotCompared::Base64Decimal),
            Self::NumberOrBase64 { .. } => Ok(false),
            Self::Not(reason) => Err(reason),
        }
    }
}

/// What a sink calls a document where it chooses that itself: a digest of 128 bits of entity and `documentKey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DocumentId(pub(crate) u128);

impl DocumentId {
    /// Of a document of an entity, by the bytes of its `documentKey`.
    #[must_use]
    pub fn of(entity: u16, document_key: &[u8]) -> Self {
        Self(xxh3_128_with_seed(document_key, entity.into()))
    }
}

/// The key of a row that is gone, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// As it was written.
    Known(String),
    /// It holds a UUID whose order of bytes is not known: each reading.
    OneOf(Box<[String; 3]>),
}

impl Content {
    /// The memory that it points to, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<ColumnSeen>()
    }
}

impl RowKey {
    /// What the key may be; at least one.
    #[must_use]
    pub fn readings(&self) -> &[String] {
        match self {
            Self::Known(key) => std::slice::from_ref(key),
            Self::OneOf(keys) => keys.as_slice(),
        }
    }

    /// Whether it may be this key.
    #[must_use]
    pub fn may_be(&self, key: &str) -> bool {
        self.readings().iter().any(|reading| reading == key)
    }
}

impl From<String> for RowKey {
    fn from(key: String) -> Self {
        Self::Known(key)
    }
}

impl From<&str> for RowKey {
    fn from(key: &str) -> Self {
        Self::Known(key.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_two_readings_is_right_wrong_or_cannot_be_told() {
        let found = ColumnValue::NumberOrBase64 { number: 1, base64: 2 };
        assert_eq!(
            [1, 2, 3].map(|expected| found.is(expected)),
            [Ok(true), Err(NotCompared::Base64Decimal), Ok(false)]
        );
        let uuid = ColumnValue::OneOf([1, 2, 3]);
        assert_eq!([1, 3, 4].map(|expected| uuid.is(expected)), [Ok(true), Ok(true), Ok(false)]);
    }

    #[test]
    fn a_column_that_is_not_there_is_absent() {
        let content = Content::saying(&[ColumnDigest { column: 2, digest: 7 }]);
        assert_eq!(content.value(2).is(7), Ok(true));
        assert_eq!(content.value(1).is(7), Err(NotCompared::Absent));
    }
}
