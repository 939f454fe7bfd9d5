//! The ack file: when MongoDB acknowledged each row, as the relay saw it. An independent check of `observed`.
//!
//! One line per row, fields separated by tabs: `<unix_ns> <insert|update|delete|truncate> <table> <key> <stamp or ->`.
//! In a field, `\t`, `\n` and `\\` stand for tab, line feed and backslash. A row that the relay had to do
//! again after a kill has a line for each time.

use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Seek, SeekFrom};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};
use streamgauge_shared::time::UnixNanos;

/// Stands for a stamp that is not there.
pub(crate) const NO_STAMP: &str = "-";

/// What was done to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A new row.
    Insert,
    /// A changed row.
    Update,
    /// A row taken away.
    Delete,
    /// All rows taken away; the key is empty.
    Truncate,
}

/// One line of the ack file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckRow {
    /// Read right after MongoDB's reply for the batch that held the row.
    pub acked: UnixNanos,
    /// What was done.
    pub op: Op,
    /// The table, which is the collection too.
    pub table: String,
    /// The row's key as PostgreSQL prints it; the parts of a key of several columns are joined by `:`.
    pub key: String,
    /// The row's stamp, whatever its column is called; deletes carry none.
    pub stamp: Option<String>,
}

/// Reading and opening ack files.
#[derive(Debug)]
pub struct AckFile;

impl AckFile {
    /// All complete lines, in the order of the file; none when there is no file yet.
    ///
    /// What follows the last line feed is left out: it is being written, or the relay was killed in the middle.
    ///
    /// # Errors
    /// When the file cannot be read, or a complete line is not one that a relay writes.
    pub fn read(path: &Path) -> Result<Vec<AckRow>> {
        complete_lines(path)?.lines().map(str::parse).collect()
    }

    /// Opens the file for appending and cuts off a last line that a killed relay left half written;
    /// its row was not confirmed, so it comes again.
    pub(crate) fn open(path: &Path) -> Result<File> {
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path);
        if let Ok(file) = &mut file {
            let text = fs::read(path)?;
            let complete = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            file.set_len(complete as u64)?;
            file.seek(SeekFrom::End(0))?;
        }
        file.with_context(|| format!("cannot open {} for appending", path.display()))
    }
}

/// What a file holds up to its last line feed; nothing when there is no file yet.
pub(crate) fn complete_lines(path: &Path) -> Result<String> {
    let mut text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let complete = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    text.truncate(complete);
    String::from_utf8(text).with_context(|| format!("{} is not UTF-8", path.display()))
}

impl Op {
    const ALL: [Self; 4] = [Self::Insert, Self::Update, Self::Delete, Self::Truncate];

    fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Truncate => "truncate",
        }
    }
}

impl fmt::Display for AckRow {
    /// The line without its line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = self.stamp.as_deref().unwrap_or(NO_STAMP);
        let Self { acked, op, table, key, .. } = self;
        write!(f, "{}\t{}\t{}\t{}\t{}", acked.0, op.name(), escape(table), escape(key), escape(stamp))
    }
}

impl FromStr for AckRow {
    type Err = Error;
    fn from_str(line: &str) -> Result<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [acked, op, table, key, stamp] = fields[..] else {
            bail!("an ack line has five fields, this one {}: {line}", fields.len());
        };
        let op = Op::ALL
            .into_iter()
            .find(|known| known.name() == op)
            .context("unknown operation in an ack line")?;
        let stamp = (stamp != NO_STAMP).then(|| unescape(stamp));
        let acked = UnixNanos(acked.parse().context("no time in an ack line")?);
        Ok(Self { acked, op, table: unescape(table), key: unescape(key), stamp })
    }
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n")
}

pub(crate) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, true) => plain.push(match letters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                other => other.unwrap_or('\\'),
            }),
            (letter, false) => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn row(op: Op, key: &str, stamp: Option<&str>) -> AckRow {
        let (table, key) = ("orders".into(), key.into());
        AckRow { acked: UnixNanos(1_795_406_706_789_012_345), op, table, key, stamp: stamp.map(Into::into) }
    }

    #[test]
    fn every_row_survives_its_line() {
        let rows = [
            row(Op::Insert, "a", Some("1.00c0ffee0042.0.17.5")),
            row(Op::Update, "tab\tline\nback\\slash\\t", None),
            row(Op::Delete, "", None),
            row(Op::Truncate, "", None),
        ];
        for row in rows {
            assert_eq!(row.to_string().parse::<AckRow>().unwrap(), row);
        }
        let line = "1795406706789012345\tinsert\torders\ta\t-";
        assert_eq!(row(Op::Insert, "a", None).to_string(), line);
    }

    #[test]
    fn a_torn_last_line_is_left_out_and_cut_off_by_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acks.tsv");
        assert_eq!(AckFile::read(&path).unwrap(), []);
        let row = row(Op::Insert, "a", None);
        fs::write(&path, format!("{row}\n17954067")).unwrap();
        assert_eq!(AckFile::read(&path).unwrap(), std::slice::from_ref(&row));
        writeln!(AckFile::open(&path).unwrap(), "{row}").unwrap();
        assert_eq!(AckFile::read(&path).unwrap(), [row.clone(), row]);
    }

    #[test]
    fn a_complete_line_of_another_kind_is_an_error() {
        for line in ["", "1\tinsert\tt\tk", "x\tinsert\tt\tk\t-", "1\tupsert\tt\tk\t-"] {
            assert!(line.parse::<AckRow>().is_err(), "{line}");
        }
    }
}
