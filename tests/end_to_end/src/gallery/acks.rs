//! When the relay saw each row acknowledged by MongoDB: the independent check of `observed`.

use std::collections::HashMap;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_shared::stamp::Stamp;
use streamgauge_testbed::{AckRow, Op};

/// The relay's times in unix nanoseconds: stamped rows by writer and sequence, deletes by key.
pub struct Acks {
    stamped: HashMap<(u64, u64), i64>,
    deleted: HashMap<String, i64>,
}

impl Acks {
    /// Sorts the lines of an ack file.
    ///
    /// # Errors
    /// When a line's stamp is none.
    pub fn of(acks: &[AckRow]) -> Result<Self> {
        let mut read = Self { stamped: HashMap::new(), deleted: HashMap::new() };
        for ack in acks {
            match (&ack.stamp, ack.op) {
                (Some(stamp), _) => {
                    let stamp: Stamp = stamp.parse()?;
                    read.stamped.insert((stamp.writer.into(), stamp.sequence), ack.acked.0);
                }
                (None, Op::Delete) => drop(read.deleted.insert(ack.key.clone(), ack.acked.0)),
                (None, _) => {}
            }
        }
        Ok(read)
    }

    /// When the row of a line of `rows.jsonl` was acknowledged.
    ///
    /// # Errors
    /// When the line has no identity, or the relay never saw its row.
    pub fn of_row(&self, row: &Value) -> Result<i64> {
        let ack = if row["operation"] == "delete" {
            self.deleted.get(row["key"].as_str().context("no key")?)
        } else {
            let id = (
                row["writer"].as_u64().context("no writer")?,
                row["sequence"].as_u64().context("no sequence")?,
            );
            self.stamped.get(&id)
        };
        ack.copied().with_context(|| format!("the relay never saw {row}"))
    }
}
