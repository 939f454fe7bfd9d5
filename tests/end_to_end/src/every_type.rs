//! One table with a column of every type that a model knows, and a test of it: what any PostgreSQL or MongoDB is tried
//! with first.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use streamgauge_shared::report::Report;
use streamgauge_testbed::Testbed;

/// One table with a column of every type that a model knows, with an enum, two domains, arrays, a default, a generated
/// column, and types that are written as text.
pub const TYPES: &str = r#"
CREATE TYPE mood AS ENUM ('sad', 'so so', 'happy');
CREATE SCHEMA money;
CREATE DOMAIN money.amount AS numeric(10,2) CHECK (VALUE >= 0);
CREATE DOMAIN code AS varchar(8);
CREATE TABLE every_type (
    id uuid PRIMARY KEY, label text NOT NULL, short varchar(10) NOT NULL, padded char(6) NOT NULL,
    small smallint NOT NULL, middle integer NOT NULL, big bigint NOT NULL,
    single real NOT NULL, twofold double precision NOT NULL, exact numeric(30,4) NOT NULL, free numeric NOT NULL,
    flag boolean NOT NULL, day date NOT NULL, at time NOT NULL, seen timestamptz NOT NULL, planned timestamp NOT NULL,
    raw bytea NOT NULL, host inet NOT NULL, doc jsonb NOT NULL, old_doc json NOT NULL,
    feeling mood NOT NULL, price money.amount NOT NULL, code code NOT NULL,
    tags text[] NOT NULL, counts integer[] NOT NULL, moods mood[] NOT NULL, span interval NOT NULL,
    created timestamptz NOT NULL DEFAULT now(), doubled integer GENERATED ALWAYS AS (middle * 2) STORED, cdc_stamp text
);
"#;

/// Its model: a generator for each column, all compared that can be.
pub const MODEL: &str = r#"
[entities.row]
table = "every_type"
key = "id"
[entities.row.columns]
id = { type = "uuid", generate = "uuid" }
label = { type = "text", generate = "template", template = "it's {id}", verified = true }
short = { type = "varchar(10)", generate = "template", template = "{digits(10)}", verified = true }
padded = { type = "char(6)", generate = "choice", choices = ["a", "abc", "abcdef"], verified = true }
small = { type = "smallint", generate = "int", min = -32768, max = 32767, verified = true }
middle = { type = "integer", generate = "int", min = -5, max = 5, verified = true }
big = { type = "bigint", generate = "int", min = 1, max = 9_007_199_254_740_991, verified = true }
single = { type = "real", generate = "decimal", min = -99.99, max = 99.99, verified = true }
twofold = { type = "double precision", generate = "decimal", min = -0.000001, max = 99999.999999, verified = true }
exact = { type = "numeric(30,4)", generate = "decimal", min = -1000, max = 99_999_999_999, verified = true }
free = { type = "numeric", generate = "decimal", min = 0.000, max = 9.999, verified = true }
flag = { type = "boolean", generate = "bool", verified = true }
day = { type = "date", generate = "date", from = 1999-12-31, to = 2030-01-01 }
at = { type = "time", generate = "time", from = 00:00:00, to = 23:59:59, verified = true }
seen = { type = "timestamptz", generate = "timestamp", from = 2026-01-01T00:00:00Z, to = 2026-12-31T00:00:00Z, verified = true }
planned = { type = "timestamp", generate = "timestamp", from = 2026-01-01T00:00:00Z, to = 2026-12-31T00:00:00Z, verified = true }
raw = { type = "bytea", generate = "bytes", size = 20, verified = true }
host = { type = "inet", generate = "template", template = "10.0.{int(0,255)}.{int(1,254)}", verified = true }
doc = { type = "jsonb", generate = "template", template = '{{"n": {int(1,9)}}}' }
old_doc = { type = "json", generate = "fixed", value = '{"a": [1, 2]}' }
feeling = { type = "text", cast = "mood", generate = "choice", choices = ["sad", "so so", "happy"], verified = true }
price = { type = "numeric(10,2)", cast = "money.amount", generate = "decimal", min = 0.01, max = 999.99, verified = true }
code = { type = "varchar(8)", cast = "code", generate = "template", template = "{digits(8)}", verified = true }
tags = { type = "text[]", generate = "choice", choices = ["a", "b,c", "say \"d\"", ""], length = [0, 3], verified = true }
counts = { type = "integer[]", generate = "int", min = -9, max = 9, length = 2, verified = true }
moods = { type = "text[]", cast = "mood", generate = "choice", choices = ["sad", "so so"] }
span = { type = "text", cast = "interval", generate = "fixed", value = "1 day" }
"#;

/// Thirty rows, each made, changed and deleted; what it was changed to is compared too.
pub const TEST: &str = r#"
model = "model.toml"
[scenarios.types]
executor = "constant-arrival-rate"
rate = 15
duration = "2s"
pre_allocated_vus = 20
flow = [
  { create = "row" }, { await = "10s" }, { check = ["day", "tags"] },
  { update = "row", set = { feeling = "happy", single = 0.1, day = 2024-02-29, tags = ["z"], planned = 2026-02-03T04:05:06Z } },
  { await = "10s" }, { check = { feeling = "happy", single = 0.1, day = 2024-02-29, planned = 2026-02-03T04:05:06Z } },
  { delete = "row" },
]
[thresholds]
cdc_success_rate = ["rate>0.999"]
checks = ["rate>0.999"]
"#;

/// Writes test and model into the testbed's folder; the path of the test.
///
/// # Errors
/// When they cannot be written.
pub fn test_files(bed: &Testbed, model: &str) -> Result<PathBuf> {
    fs::write(bed.folder().join("model.toml"), model)?;
    let path = bed.folder().join("test.toml");
    fs::write(&path, TEST)?;
    Ok(path)
}

/// That the report of [`test_files`] has all of it: every row arrived, and every verified column of each was compared
/// and was what had been written.
///
/// # Panics
/// When something is missing.
pub fn assert_complete(report: &Report, summary: &str) {
    assert_eq!((report.account.entries, report.account.delivered), (90, 90), "{summary}");
    let content = report.content.as_ref().expect("verified columns");
    assert_eq!((content.written, content.matched, content.compared_in_part), (60, 60, 0), "{summary}");
    assert_eq!(content.columns.len(), 21, "{:?}", content.columns);
    for column in &content.columns {
        assert_eq!((column.compared, column.matched), (60, 60), "{column:?}");
    }
}
