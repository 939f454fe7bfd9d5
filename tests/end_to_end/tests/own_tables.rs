//! A user's own tables: columns of every type arrive as they were written, and a model's types are compared with the
//! catalogue's before a row is.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::every_type::{self, MODEL, TYPES};
use streamgauge_end_to_end::{Finished, Observer, finish, nothing_left, start_run, writer};
use streamgauge_testbed::Testbed;

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn columns_of_every_type_arrive_as_they_were_written() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    execute(&bed, TYPES).await?;
    let path = every_type::test_files(&bed, MODEL)?;
    // First, a model that is wrong in digits, length, and an enum without its cast: no row is written.
    let wrong =
        MODEL.replace("numeric(30,4)", "numeric(30,5)").replace("varchar(10)", "varchar(11)").replace(
            "cast = \"mood\", generate = \"choice\", choices = [\"sad\", \"so so\", \"happy\"]",
            "generate = \"fixed\", value = \"sad\"",
        );
    every_type::test_files(&bed, &wrong)?;
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
    every_type::test_files(&bed, MODEL)?;
    let observer = Observer::start(&bed, &[]).await?;
    let run = start_run(&bed, &observer, &path, &["--summary", "full"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    every_type::assert_complete(&observer.report()?, &stdout);
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
