//! A user's own tables: columns of every type arrive as they were written, and a model's types are compared with the
//! catalogue's before a row is.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::{Finished, Observer, finish, nothing_left, start_run, writer};
use streamgauge_testbed::Testbed;

const LIMIT: Duration = Duration::from_secs(60);

/// One table with a column of every type that a model knows, with an enum, two domains, arrays, a default, a generated
/// column, and types that are written as text.
const TYPES: &str = r#"
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

const MODEL: &str = r#"
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

const TEST: &str = r#"
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

fn test_files(bed: &Testbed, model: &str) -> Result<PathBuf> {
    fs::write(bed.folder().join("model.toml"), model)?;
    let path = bed.folder().join("test.toml");
    fs::write(&path, TEST)?;
    Ok(path)
}

#[tokio::test]
async fn columns_of_every_type_arrive_as_they_were_written() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    execute(&bed, TYPES).await?;
    let path = test_files(&bed, MODEL)?;
    // First, a model that is wrong in digits, length, and an enum without its cast: no row is written.
    let wrong =
        MODEL.replace("numeric(30,4)", "numeric(30,5)").replace("varchar(10)", "varchar(11)").replace(
            "cast = \"mood\", generate = \"choice\", choices = [\"sad\", \"so so\", \"happy\"]",
            "generate = \"fixed\", value = \"sad\"",
        );
    test_files(&bed, &wrong)?;
    let file = path.display().to_string();
    let check = bed.run(writer("", &["check", &file, "--postgres", bed.postgres_url()])?).await?;
    let Finished { code, stderr, .. } = finish(&check, LIMIT).await?;
    assert_eq!(code, 104, "{stderr}");
    for sentence in [
        "column 'exact' of table 'every_type' is numeric(30,4), the model needs numeric(30,5)",
        "column 'short' of table 'every_type' is character varying(10), the model needs varchar(11)",
        "column 'feeling' of table 'every_type' is mood, the model needs text: write type = \"text\" and cast = \"mood\"",
    ] {
        assert!(stderr.contains(sentence), "'{sentence}' is missing: {stderr}");
    }
    test_files(&bed, MODEL)?;
    let observer = Observer::start(&bed, &[]).await?;
    let run = start_run(&bed, &observer, &path, &["--summary", "full"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    let report = observer.report()?;
    assert_eq!((report.account.entries, report.account.delivered), (90, 90), "{stdout}");
    let content = report.content.expect("verified columns");
    assert_eq!((content.written, content.matched, content.compared_in_part), (60, 60, 0), "{stdout}");
    // Every verified column was compared in every row, and was what was written.
    assert_eq!(content.columns.len(), 21, "{:?}", content.columns);
    for column in &content.columns {
        assert_eq!((column.compared, column.matched), (60, 60), "{column:?}");
    }
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}

/// Tables as people have them: keys with a default, a unique address, constraints, an enum, an array, a nullable reference.
const SHOP: &str = r#"
CREATE TYPE state AS ENUM ('new', 'paid', 'it''s gone');
CREATE DOMAIN percent AS smallint CHECK (VALUE >= 0 AND VALUE <= 100);
CREATE TABLE "Buyers" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email varchar(60) NOT NULL UNIQUE, "Full Name" text NOT NULL,
    age smallint CHECK (age BETWEEN 18 AND 120), tier text NOT NULL CHECK (tier IN ('gold', 'silver')),
    created timestamptz NOT NULL DEFAULT now(), lower_email text GENERATED ALWAYS AS (lower(email)) STORED
);
CREATE TABLE purchases (
    id uuid PRIMARY KEY, buyer uuid NOT NULL REFERENCES "Buyers", gift_for uuid REFERENCES "Buyers", part_of uuid REFERENCES purchases,
    state state NOT NULL, total numeric(8,2) NOT NULL CHECK (total > 0), rebate percent NOT NULL, tags text[] NOT NULL,
    country char(2) NOT NULL, due date, took interval NOT NULL, extra jsonb NOT NULL, raw bytea NOT NULL, host inet,
    spot point, cdc_stamp text
);
CREATE TABLE notes (body text);
CREATE VIEW big_purchases AS SELECT * FROM purchases WHERE total > 100;
"#;

#[tokio::test]
async fn a_model_drafted_from_the_catalogue_is_checked_and_runs() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    execute(&bed, SHOP).await?;
    // What no model can write is said, and the rest is written nevertheless; what rows must refer to comes along.
    let drafted =
        bed.run(writer(bed.postgres_url(), &["model", "purchases", "notes", "big_purchases"])?).await?;
    let Finished { code, stdout: file, stderr } = finish(&drafted, LIMIT).await?;
    assert_eq!(code, 104, "{stderr}");
    assert!(
        stderr.contains("table 'notes' has no primary key") && stderr.contains("'big_purchases' is a view"),
        "{stderr}"
    );
    let drafted = bed.run(writer(bed.postgres_url(), &["model", "purchases"])?).await?;
    let again = finish(&drafted, LIMIT).await?;
    assert_eq!((again.code, &again.stdout), (0, &file), "{}", again.stderr);
    let path = bed.folder().join("my.toml");
    fs::write(&path, &file)?;
    let my = path.display().to_string();
    let check = bed.run(writer("", &["check", &my, "--postgres", bed.postgres_url()])?).await?;
    let Finished { code, stderr, .. } = finish(&check, LIMIT).await?;
    // All that is missing is the stamp of one table.
    let told: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error:")).collect();
    assert!(
        code == 104 && told.len() == 1 && told[0].contains("has no column 'cdc_stamp'"),
        "{stderr}\n{file}"
    );
    let observer = Observer::start(&bed, &[]).await?;
    let run = start_run(&bed, &observer, &path, &["--prepare", "--time-scale", "0.05", "--summary", "full"])
        .await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 0, "{stdout}\n{stderr}\n{file}");
    let report = observer.report()?;
    // Fifteen iterations: two rows each are made, changed and deleted.
    assert_eq!((report.account.entries, report.account.delivered), (90, 90), "{stdout}");
    let content = report.content.expect("verified columns");
    assert_eq!((content.written, content.matched, content.compared_in_part), (60, 60, 0), "{stdout}");
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}
