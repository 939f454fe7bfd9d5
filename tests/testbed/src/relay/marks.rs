//! Times that the relay leaves in documents, as Debezium and Kafka's transforms do: `--marks`.
//!
//! | field | what | unit |
//! | --- | --- | --- |
//! | `__source_ts_us` | PostgreSQL's commit, as the replication stream says | µs |
//! | `__ts_us` | when the relay read the row | µs |
//! | `kafka_ts` | when it handed it on to be held and written | ms |
//!
//! All are taken before the relay's delay: it lies between `kafka_ts` and MongoDB's `wallTime`.

use mongodb::bson::Document;
use streamgauge_shared::time::UnixNanos;

use super::document::Change;
use crate::ack_file::Op;

/// 2000-01-01T00:00:00Z in microseconds since 1970: PostgreSQL counts from there.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;
const NANOS_PER_MICRO: i64 = 1_000;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// The marks of one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    /// The commit, microseconds since 2000 as PostgreSQL says it; 0 where it has not said.
    pub(super) committed_us: i64,
    /// When the relay read the row.
    pub(super) read: UnixNanos,
    /// When it handed it on.
    pub(super) passed: UnixNanos,
}

impl Marks {
    /// Puts the marks into the row, or into what is left of a deleted one.
    pub(super) fn leave(self, change: &mut Change) {
        let document = if change.op == Op::Delete { &mut change.before } else { &mut change.row };
        if let Some(document) = document {
            self.write(document);
        }
    }

    fn write(self, document: &mut Document) {
        document.insert("__source_ts_us", self.committed_us + POSTGRES_EPOCH_US);
        document.insert("__ts_us", self.read.0.div_euclid(NANOS_PER_MICRO));
        document.insert("kafka_ts", self.passed.0.div_euclid(NANOS_PER_MILLI));
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn each_time_has_the_unit_of_the_field_it_stands_for() {
        // 2026-11-23T00:00:00Z is 848,707,200 s after 2000-01-01.
        let marks = Marks {
            committed_us: 848_707_200_000_001,
            read: UnixNanos(1_795_392_000_000_002_999),
            passed: UnixNanos(1_795_392_000_004_999_999),
        };
        let mut document = doc! { "v": 1 };
        marks.write(&mut document);
        let expected = doc! {
            "v": 1, "__source_ts_us": 1_795_392_000_000_001_i64, "__ts_us": 1_795_392_000_000_002_i64,
            "kafka_ts": 1_795_392_000_004_i64,
        };
        assert_eq!(document, expected);
    }
}
