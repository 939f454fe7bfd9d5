//! What a sink may decide for itself: how documents are called, what stands for a value that the connector does not have.

use std::fs;
use std::num::NonZeroU64;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_end_to_end::{Finished, Observer, finish, start_run};
use streamgauge_shared::content::NotCompared;
use streamgauge_shared::report::Report;
use streamgauge_testbed::{Builder, RowFaults, Shape, Testbed};

const LIMIT: Duration = Duration::from_secs(60);
/// Iterations of every run.
const ITERATIONS: u64 = 60;

/// A table whose key is a random UUID of ours.
const NOTES: &str = r#"
[entities.note]
table = "notes"
key = "id"
[entities.note.columns]
id = { type = "uuid", generate = "uuid" }
title = { type = "text", generate = "template", template = "note {sequence}", verified = true }
state = { type = "text", generate = "fixed", value = "new", verified = true }
"#;

/// What a run left.
struct Ran {
    report: Report,
    rows: Vec<Value>,
    finished: Finished,
}

impl Ran {
    /// A run of this flow on one entity; `landing` is the model's last table.
    async fn of(builder: Builder, model: &str, landing: &str, flow: &str) -> Result<Self> {
        let bed = builder.start().await?;
        let observer = Observer::start(&bed, &["--once"]).await?;
        fs::write(bed.folder().join("model.toml"), format!("{model}\n[entities.note.mongo]\n{landing}\n"))?;
        let path = bed.folder().join("sink.toml");
        let text = format!(
            r#"model = "model.toml"

[defaults]
drain = "4s"

[scenarios.sink]
executor = "shared-iterations"
iterations = {ITERATIONS}
vus = 4
max_duration = "20s"
flow = [
  {flow},
]
"#
        );
        fs::write(&path, text)?;
        let finished = finish(&start_run(&bed, &observer, &path, &["--prepare"]).await?, LIMIT).await?;
        let report = observer.report().with_context(|| finished.stderr.clone())?;
        let rows = observer.rows()?;
        bed.stop()?;
        Ok(Self { report, rows, finished })
    }

    fn not_expected(&self) -> u64 {
        self.report.counters.get("not_expected").copied().unwrap_or_default()
    }

    /// Kept rows of an operation with an outcome.
    fn count(&self, operation: &str, outcome: &str) -> u64 {
        let rows = self.rows.iter();
        rows.filter(|row| row["operation"] == operation && row["outcome"] == outcome).count() as u64
    }
}

const LIVES: &str = r#"{ create = "note" },
  { update = "note", set = { state = "read" } },
  { delete = "note" }"#;

#[tokio::test]
async fn rows_whose_documents_the_sink_names_are_created_updated_and_deleted() -> Result<()> {
    let sink = || Testbed::builder().shape(Shape::SinkKey);
    let ran = Ran::of(sink(), NOTES, r#"document_key = "sink""#, LIVES).await?;
    let (account, events) = (&ran.report.account, &ran.report.events);
    let shown = format!("{}\n{}", ran.finished.stdout, ran.finished.stderr);
    assert_eq!((account.entries, account.delivered), (3 * ITERATIONS, 3 * ITERATIONS), "{shown}");
    assert_eq!((events.total, events.first), (3 * ITERATIONS, 3 * ITERATIONS), "{shown}");
    assert_eq!(ran.not_expected(), 0, "{shown}");
    assert_eq!(ran.count("delete", "delivered"), ITERATIONS, "{shown}");
    let checks = &ran.report.rates["checks"];
    assert_eq!(checks.passed, checks.total, "{shown}");

    // A model that takes the sink's key for the row's finds none of the deletes.
    let ran = Ran::of(sink(), NOTES, r#"key = "_id""#, LIVES).await?;
    let account = &ran.report.account;
    assert_eq!((account.delivered, account.lost), (2 * ITERATIONS, ITERATIONS), "{account:?}");
    assert_eq!(ran.report.events.foreign, ITERATIONS);
    Ok(())
}

#[tokio::test]
async fn keys_that_the_database_makes_and_documents_that_the_sink_names_are_both_learned() -> Result<()> {
    let model = NOTES
        .replace("type = \"uuid\", generate = \"uuid\"", "type = \"bigint\", generate = \"database\"")
        .replace("{sequence}", "{run} {sequence}");
    let builder = Testbed::builder().shape(Shape::SinkKey).delay(Duration::from_millis(50));
    let ran = Ran::of(builder, &model, r#"document_key = "sink""#, LIVES).await?;
    let account = &ran.report.account;
    let shown = format!("{}\n{}", ran.finished.stdout, ran.finished.stderr);
    assert_eq!((account.entries, account.delivered), (3 * ITERATIONS, 3 * ITERATIONS), "{shown}");
    assert_eq!((ran.report.events.first, ran.not_expected()), (3 * ITERATIONS, 0), "{shown}");
    Ok(())
}

#[tokio::test]
async fn the_delete_of_a_row_whose_create_never_arrived_is_not_expected() -> Result<()> {
    const EVERY: u64 = 3;
    const FLOW: &str = r#"{ create = "note" }, { delete = "note" }"#;
    let rows = RowFaults { drop_every: NonZeroU64::new(EVERY), ..RowFaults::default() };
    let builder = Testbed::builder().shape(Shape::SinkKey).row_faults(rows);
    let ran = Ran::of(builder, NOTES, r#"document_key = "sink""#, FLOW).await?;
    let (account, events) = (&ran.report.account, &ran.report.events);
    let shown = format!("{}\n{}", ran.finished.stdout, ran.finished.stderr);
    let dropped = ITERATIONS / EVERY;
    assert_eq!((account.lost, ran.count("create", "lost")), (dropped, dropped), "{shown}");
    assert_eq!(ran.not_expected(), dropped, "{shown}");
    assert_eq!(
        (account.entries, account.delivered),
        (2 * ITERATIONS - dropped, 2 * (ITERATIONS - dropped)),
        "{shown}"
    );
    assert_eq!((events.total, events.first), (account.delivered, account.delivered), "{shown}");
    assert_eq!(ran.count("delete", "delivered"), ITERATIONS - dropped, "{shown}");
    assert!(ran.finished.stdout.contains("not_expected"), "{shown}");
    Ok(())
}

#[tokio::test]
async fn a_placeholder_of_the_connectors_own_is_a_value_left_out_and_no_mismatch() -> Result<()> {
    const FLOW: &str = r#"{ create = "note" }, { update = "note", set = { state = "read" } }"#;
    let gone = || Testbed::builder().leave_out("title").placeholder("~gone~");
    let ran = Ran::of(gone(), NOTES, r#"unavailable = "~gone~""#, FLOW).await?;
    let content = ran.report.content.as_ref().context("columns are verified")?;
    let left_out = &content.not_compared;
    assert_eq!((content.compared, content.matched), (2 * ITERATIONS, 2 * ITERATIONS), "{content:?}");
    assert_eq!((left_out.len(), left_out[0].rows, left_out[0].reason), (1, ITERATIONS, NotCompared::LeftOut));
    let checks = &ran.report.rates["checks"];
    assert_eq!(checks.passed, checks.total, "{checks:?}");

    // Where the model does not say it, the text is a value, and another than the one that was written.
    let ran = Ran::of(gone(), NOTES, r#"deletes = "remove""#, FLOW).await?;
    let content = ran.report.content.as_ref().context("columns are verified")?;
    assert_eq!((content.compared, content.matched), (2 * ITERATIONS, ITERATIONS), "{content:?}");
    Ok(())
}
