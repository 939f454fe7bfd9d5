//! The fault file: every row that the relay hit on purpose, so that a test knows the size of a fault exactly.
//!
//! One line per hit, fields separated by tabs: `<unix_ns> <fault> <table> <key> <stamp or ->`, escaped like the
//! [ack file](crate::ack_file). A line is written once MongoDB has acknowledged the batch in which the
//! hit row left, or would have left. A row that a killed relay had to do again may have two lines.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};
use streamgauge_shared::time::UnixNanos;

use crate::ack_file::{AckFile, NO_STAMP, complete_lines, escape, unescape};

/// What the relay does to a row on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It is never written.
    Drop,
    /// It is written twice, and the second write makes an event too.
    Duplicate,
    /// It is written right after the next write of its key.
    Reorder,
    /// It is never written, because the next write of its key takes its place.
    Coalesce,
    /// A column of it is written with another value.
    Corrupt,
}

/// One line of the fault file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRow {
    /// Read right after MongoDB's reply for the batch of the row.
    pub at: UnixNanos,
    /// What was done.
    pub fault: Fault,
    /// The table, which is the collection too.
    pub table: String,
    /// The row's key, as in the ack file.
    pub key: String,
    /// The row's stamp.
    pub stamp: Option<String>,
}

/// Reading and opening fault files.
#[derive(Debug)]
pub struct FaultFile;

impl FaultFile {
    /// All complete lines, in the order of the file; none when there is no file yet.
    ///
    /// # Errors
    /// When the file cannot be read, or a complete line is not one that a relay writes.
    pub fn read(path: &Path) -> Result<Vec<FaultRow>> {
        complete_lines(path)?.lines().map(str::parse).collect()
    }

    pub(crate) fn open(path: &Path) -> Result<File> {
        AckFile::open(path)
    }
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Drop, Self::Duplicate, Self::Reorder, Self::Coalesce, Self::Corrupt];

    /// Its word in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::Coalesce => "coalesce",
            Self::Corrupt => "corrupt",
        }
    }
}

impl fmt::Display for FaultRow {
    /// The line without its line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = self.stamp.as_deref().unwrap_or(NO_STAMP);
        let Self { at, fault, table, key, .. } = self;
        write!(f, "{}\t{}\t{}\t{}\t{}", at.0, fault.name(), escape(table), escape(key), escape(stamp))
    }
}

impl FromStr for FaultRow {
    type Err = Error;
    fn from_str(line: &str) -> Result<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [at, fault, table, key, stamp] = fields[..] else {
            bail!("a fault line has five fields, this one {}: {line}", fields.len());
        };
        let fault = Fault::ALL.into_iter().find(|known| known.name() == fault);
        let stamp = (stamp != NO_STAMP).then(|| unescape(stamp));
        Ok(Self {
            at: UnixNanos(at.parse().context("no time in a fault line")?),
            fault: fault.context("unknown fault in a fault line")?,
            table: unescape(table),
            key: unescape(key),
            stamp,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_survives_its_line() {
        for (fault, stamp) in Fault::ALL.into_iter().zip([None, Some("1.2")].into_iter().cycle()) {
            let (table, key, stamp) = ("orders".into(), "a\tb".into(), stamp.map(str::to_owned));
            let row = FaultRow { at: UnixNanos(7), fault, table, key, stamp };
            assert_eq!(row.to_string().parse::<FaultRow>().unwrap(), row);
        }
        for line in ["", "7\tdrop\tt\tk", "x\tdrop\tt\tk\t-", "7\tlose\tt\tk\t-"] {
            assert!(line.parse::<FaultRow>().is_err(), "{line}");
        }
    }
}
