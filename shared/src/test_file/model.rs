//! The model: which tables are written, how their columns are filled, and where they land in MongoDB.

use super::column_type::ColumnType;
use super::field_path::path_of;
use super::name::QualifiedName;
use super::sequence::Sequence;
use super::template::Template;
use crate::marks::Mark;
use crate::time::UnixNanos;

/// The entities of a model file, in the file's order; operations name them by index.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// At least one.
    pub entities: Vec<Entity>,
}

/// One table and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// The name that steps, reports and labels use.
    pub name: String,
    /// The table, named as in the catalogue.
    pub table: QualifiedName,
    /// Indexes of the primary key's columns, at least one, in the key's order.
    pub key: Vec<usize>,
    /// The column that takes the stamp, of type TEXT.
    pub stamp: String,
    /// Every column that is written, without the stamp, in the file's order.
    pub columns: Vec<Column>,
    /// Where it lands.
    pub landing: Landing,
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name in PostgreSQL, as in the catalogue.
    pub name: String,
    /// Its type; of an array the type of its elements.
    pub kind: ColumnType,
    /// A type of the user's own over [`Self::kind`], as an enum or a domain: values are cast to it, and of an array
    /// its elements.
    pub cast: Option<QualifiedName>,
    /// For an array, how long it is.
    pub list: Option<ListLength>,
    /// What fills it; of an array each of its elements.
    pub generator: Generator,
    /// Whether the observer checks that the value arrived as it was written.
    pub verified: bool,
    /// The path ([`super::field_path`]) of the value in the MongoDB document; the column's name unless the model says
    /// otherwise.
    pub field: String,
}

/// How many elements the arrays of a column have, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListLength {
    /// The fewest.
    pub min: u8,
    /// The most.
    pub max: u8,
}

/// What fills a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Generator {
    /// A random UUID (version 4), a function of seed and sequence.
    Uuid,
    /// A text with placeholders; for texts, addresses and JSON.
    Template(Template),
    /// One of these, each as likely.
    Choice(Vec<Literal>),
    /// Always this.
    Fixed(Literal),
    /// A whole number from a range, both ends included.
    Int {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A decimal number from a range, both ends included, in steps of its last digit.
    Decimal {
        /// The smallest, in units of the last digit.
        min: i64,
        /// The largest, in units of the last digit.
        max: i64,
        /// Digits after the point.
        scale: u8,
    },
    /// True with a probability from 0 to 1.
    Bool {
        /// Of true.
        probability: f64,
    },
    /// A moment from a range, in whole milliseconds.
    Timestamp {
        /// The earliest.
        from: UnixNanos,
        /// The latest.
        to: UnixNanos,
    },
    /// A day from a range, both ends included: days since 1970-01-01.
    Date {
        /// The earliest.
        from: i64,
        /// The latest.
        to: i64,
    },
    /// A time of day from a range, in whole milliseconds since midnight, both ends included.
    Time {
        /// The earliest.
        from: i64,
        /// The latest.
        to: i64,
    },
    /// So many random bytes.
    Bytes {
        /// At most 65,535.
        size: u16,
    },
    /// The key of a row of another entity, whose key is one column.
    Reference {
        /// Index of an entity that stands before this one in the model.
        entity: usize,
    },
    /// Numbers of ours, each once; for one column of the key.
    Sequence(Sequence),
    /// Nothing of ours: an identity column, a serial or a default fills it, and `RETURNING` says with what; for columns of
    /// the key.
    Database,
}

impl Generator {
    /// Whether it gives no value twice, so that a key with it is unique.
    #[must_use]
    pub const fn makes_unique(&self) -> bool {
        matches!(self, Self::Uuid | Self::Sequence(_) | Self::Database)
    }
}

/// A value as a file writes it, of the column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// For texts, `uuid`, `inet` and JSON.
    Text(String),
    /// For whole numbers.
    Int(i64),
    /// For numbers with a point.
    Decimal {
        /// In units of the last digit.
        units: i64,
        /// Digits after the point.
        scale: u8,
    },
    /// For `boolean`.
    Bool(bool),
    /// For `date`: days since 1970-01-01.
    Date(i64),
    /// For `time`: milliseconds since midnight.
    Time(i64),
    /// For the timestamps, in whole milliseconds.
    Moment(UnixNanos),
    /// For `bytea`.
    Bytes(Vec<u8>),
}

/// Where an entity's rows land in MongoDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The collection.
    pub collection: String,
    /// Who chooses the documents' keys.
    pub document_key: DocumentKey,
    /// For each column of the key its path ([`super::field_path`]) within `documentKey`: `_id` for a key of one column, `_id.<column>`
    /// for one of several or where the sink makes a sub-document.
    pub key_paths: Vec<String>,
    /// Path of the stamp; looked for first, before `<stamp column>` and `after.<stamp column>`.
    pub stamp_path: String,
    /// What becomes of deletes.
    pub deletes: Deletes,
    /// What stands in the place of a large value that an update did not touch; [`UNAVAILABLE`] unless the connector is
    /// set to another.
    pub unavailable: String,
    /// Times that the pipeline leaves in the document, in the order of the way; each name once.
    pub marks: Vec<Mark>,
}

/// What Debezium writes for a large value that an update did not touch (`unavailable.value.placeholder`).
pub const UNAVAILABLE: &str = "__debezium_unavailable_value";

/// Who chooses what a document is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DocumentKey {
    /// It holds the row's key: a delete is known by it.
    #[default]
    Row,
    /// The sink: an `ObjectId`, a hash, a random UUID. It stays with the row, and is learned from the events that carry a
    /// stamp. A delete whose document was never learned is not expected.
    Sink,
}

/// What becomes of a delete on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletes {
    /// The document is removed.
    Remove,
    /// The document stays and is marked with [`DELETED_MARK`].
    Soft,
    /// Nothing comes of it: the sink never deletes. Such deletes are written and counted, and not in the ledger.
    Ignored,
}

/// The field that marks a document whose row is gone, `true` or `"true"`: Debezium's `ExtractNewRecordState` with
/// deletes rewritten adds it.
pub const DELETED_MARK: &str = "__deleted";

impl Entity {
    /// The primary key's columns.
    pub fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().map(|index| &self.columns[*index])
    }

    /// Whether a column of its key is filled by the database: then a row's key is known once its insert has committed.
    #[must_use]
    pub fn is_keyed_by_database(&self) -> bool {
        self.key_columns().any(|column| column.generator == Generator::Database)
    }

    /// Whether nothing but the rows that it refers to makes its key unique: a link between them, or one row for each.
    #[must_use]
    pub fn is_keyed_by_references(&self) -> bool {
        !self.key_columns().any(|column| column.generator.makes_unique())
    }

    /// Whether the keys of its documents are the sink's own, and learned from its events.
    #[must_use]
    pub fn has_learned_documents(&self) -> bool {
        self.landing.document_key == DocumentKey::Sink
    }

    /// Whether no other run can have had one of its keys: a part of it is a random UUID.
    #[must_use]
    pub fn has_unrepeated_keys(&self) -> bool {
        self.key_columns().any(|column| column.generator == Generator::Uuid)
    }

    /// The numbers of its key, with the index of the column and its place in the key; nothing for other keys.
    #[must_use]
    pub fn sequence(&self) -> Option<(usize, usize, &Sequence)> {
        self.key.iter().enumerate().find_map(|(place, index)| match &self.columns[*index].generator {
            Generator::Sequence(sequence) => Some((*index, place, sequence)),
            _ => None,
        })
    }

    /// For each column of the key its path in Debezium's raw envelope of a delete, which has the old row under
    /// `before`.
    #[must_use]
    pub fn envelope_key_paths(&self) -> Vec<String> {
        let within = |column: &Column| {
            // Flattened, the envelope's names hold the dot.
            if let Some(flat) = column.field.strip_prefix("\"after.") {
                return format!("\"before.{flat}");
            }
            let field = column.field.strip_prefix("after.").unwrap_or(&column.field);
            format!("before.{field}")
        };
        self.key_columns().map(within).collect()
    }

    /// The columns whose content is checked, with their indexes.
    pub fn verified(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.verified)
    }

    /// The paths at which the stamp may stand in a document, in the order they are tried.
    #[must_use]
    pub fn stamp_paths(&self) -> Vec<String> {
        let mut paths = vec![self.landing.stamp_path.clone()];
        for other in [path_of(&[&self.stamp]), path_of(&["after", &self.stamp])] {
            if !paths.contains(&other) {
                paths.push(other);
            }
        }
        paths
    }
}
