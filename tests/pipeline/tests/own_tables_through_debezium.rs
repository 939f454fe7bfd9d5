//! A user's own tables through Debezium, Kafka and MongoDB's sink: every type, keys of every kind, names that need their
//! quotes, tables without a primary key and partitions. What arrives is compared column by column, through both sinks
//! and in Debezium's other modes of decimals, times and bytes.

#![expect(clippy::print_stdout, reason = "how much was compared of what is half of what this test shows")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::every_type::{MODEL, TYPES};
use streamgauge_end_to_end::{Finished, Observer, finish, nothing_left, start_run, writer};
use streamgauge_pipeline::{Artefacts, Overrides, Pipeline, Settings, Sink, Variant};
use streamgauge_shared::report::{ContentReport, Report};

/// What a run and its clean-up may take, on a machine that runs all of the pipeline beside them.
const LIMIT: Duration = Duration::from_secs(120);
const ITERATIONS: u64 = 30;

/// Each table's name as the catalogue has it, with the schema; beside the one of every type.
const TABLES: [&str; 8] = [
    "public.every_type",
    "public.clients",
    "public.counters",
    "public.invoices",
    "public.badges",
    "public.entries",
    "Sales.Customers",
    "public.totals",
];

const SQL: &str = r#"
CREATE TABLE clients (id bigserial PRIMARY KEY, mail text NOT NULL, cdc_stamp text);
CREATE TABLE counters (id smallint PRIMARY KEY, n integer NOT NULL, cdc_stamp text);
CREATE TABLE invoices (region text, number integer, client_id bigint NOT NULL REFERENCES clients, cdc_stamp text,
    PRIMARY KEY (region, number));
CREATE TABLE badges (code text NOT NULL, state text, cdc_stamp text);
CREATE UNIQUE INDEX badge_code ON badges (code);
ALTER TABLE badges REPLICA IDENTITY USING INDEX badge_code;
CREATE TABLE entries (id integer, state text, cdc_stamp text);
ALTER TABLE entries REPLICA IDENTITY FULL;
CREATE SCHEMA "Sales";
CREATE TABLE "Sales"."Customers" ("Id" uuid PRIMARY KEY, "E-Mail" text NOT NULL, "order" integer NOT NULL, "Stamp" text);
CREATE TABLE totals (id uuid, region text, total numeric(10,2) NOT NULL, cdc_stamp text, PRIMARY KEY (region, id))
    PARTITION BY LIST (region);
CREATE TABLE totals_north PARTITION OF totals FOR VALUES IN ('north');
CREATE TABLE totals_south PARTITION OF totals FOR VALUES IN ('south');
"#;

const OTHERS: &str = r#"
[entities.client]
table = "clients"
key = "id"
[entities.client.columns]
id = { type = "bigint", generate = "database" }
mail = { type = "text", generate = "template", template = "{run}-{sequence}@example.test", verified = true }

[entities.counter]
table = "counters"
key = "id"
[entities.counter.columns]
id = { type = "smallint", generate = "sequence" }
n = { type = "integer", generate = "int", min = -9, max = 9, verified = true }

[entities.invoice]
table = "invoices"
key = ["region", "number"]
[entities.invoice.columns]
region = { type = "text", generate = "choice", choices = ["eu", "us"] }
number = { type = "integer", generate = "sequence" }
client_id = { type = "bigint", generate = "reference", references = "client", verified = true }

[entities.badge]
table = "badges"
key = "code"
[entities.badge.columns]
code = { type = "text", generate = "sequence", template = "B-{number(4)}" }
state = { type = "text", generate = "fixed", value = "new", verified = true }

[entities.entry]
table = "entries"
key = "id"
[entities.entry.columns]
id = { type = "integer", generate = "sequence" }
state = { type = "text", generate = "fixed", value = "new", verified = true }

[entities.customer]
table = "Sales.Customers"
key = "Id"
stamp = "Stamp"
[entities.customer.columns]
Id = { type = "uuid", generate = "uuid" }
"E-Mail" = { type = "text", generate = "template", template = "{id}@latency.test", verified = true }
order = { type = "integer", generate = "int", min = 1, max = 9, verified = true }

[entities.total]
table = "totals"
key = ["region", "id"]
[entities.total.columns]
id = { type = "uuid", generate = "uuid" }
region = { type = "text", generate = "choice", choices = ["north", "south"] }
total = { type = "numeric(10,2)", generate = "decimal", min = 1, max = 2, verified = true }
"#;

/// Each row is made, changed where there is something to change, and deleted; the client's delete takes its invoice along.
const TEST: &str = r#"
model = "own.toml"
[defaults]
drain = "30s"
[scenarios.own]
executor = "constant-arrival-rate"
rate = 3
duration = "10s"
pre_allocated_vus = 40
flow = [
  { create = "row" }, { create = "client" }, { create = "counter" }, { create = "invoice" }, { create = "badge" },
  { create = "entry" }, { create = "customer" }, { create = "total" }, { await = "20s" },
  { update = "row", set = { feeling = "happy", single = 0.1, day = 2024-02-29, tags = ["z"], planned = 2026-02-03T04:05:06Z } },
  { update = "client", set = { mail = "client-{id}@example.test" } },
  { update = "counter", set = { n = 7 } },
  { update = "badge", set = { state = "used" } },
  { update = "entry", set = { state = "used" } },
  { update = "customer", set = { order = 7 } },
  { update = "total", set = { total = 1.50 } }, { await = "20s" },
  { delete = "row" }, { delete = "client" }, { delete = "counter" }, { delete = "badge" }, { delete = "entry" },
  { delete = "customer" }, { delete = "total" },
]
"#;
/// Of each iteration: eight are made, seven changed, eight deleted.
const OPERATIONS: u64 = 23;
/// Of each iteration: those that leave a row whose content is compared; `invoice` too, by its reference.
const WITH_CONTENT: u64 = 15;

/// The overrides that lead the tables of [`TABLES`] through both connectors.
fn settings(sink: Sink, more: &[&str]) -> Result<Settings> {
    let mut texts = vec![
        format!("source.table.include.list={}", TABLES.join(",")),
        "source.message.key.columns=public.badges:code;public.entries:id".to_owned(),
        "source.publish.via.partition.root=true".to_owned(),
        format!("sink.topics={}", TABLES.map(|table| format!("shop.{table}")).join(",")),
    ];
    for table in TABLES {
        let collection = table.split('.').next_back().unwrap_or(table);
        texts.push(format!("sink.topic.override.shop.{table}.collection={collection}"));
    }
    texts.extend(more.iter().map(|&text| text.to_owned()));
    let overrides = texts.iter().map(|text| text.parse().map_err(anyhow::Error::msg));
    let overrides = Overrides(overrides.collect::<Result<_>>()?);
    Ok(Settings { variant: Variant::Tuned, sink, overrides })
}

/// The report of one more run.
async fn run(pipeline: &Pipeline, observer: &Observer, path: &Path) -> Result<(Report, String)> {
    let before = observer.run_folders().map_or(0, |folders| folders.len());
    let process = start_run(pipeline.bed(), observer, path, &["--summary", "full", "--no-color"]).await?;
    let Finished { stdout, stderr, .. } = finish(&process, LIMIT).await?;
    let folders = observer.run_folders().with_context(|| format!("{stdout}{stderr}"))?;
    assert_eq!(folders.len(), before + 1, "{stdout}{stderr}");
    let last = folders.last().context("a run folder")?;
    let report = serde_json::from_str(&fs::read_to_string(last.join("report.json"))?)?;
    nothing_left(pipeline.bed(), LIMIT).await?;
    Ok((report, stdout))
}

/// Every row arrived once, and each column that could be compared was as it had been written. Returns the columns
/// that could not be compared in every row.
fn assert_whole(report: &Report, summary: &str) -> Result<Vec<String>> {
    let account = &report.account;
    let expected = ITERATIONS * OPERATIONS;
    assert_eq!((account.entries, account.delivered), (expected, expected), "{summary}");
    assert_eq!((report.events.first, report.events.foreign), (expected, 0), "{summary}");
    let content: &ContentReport = report.content.as_ref().context("verified columns")?;
    assert_eq!(
        (content.written, content.arrived),
        (ITERATIONS * WITH_CONTENT, ITERATIONS * WITH_CONTENT),
        "{content:?}"
    );
    for column in &content.columns {
        assert_eq!(column.compared, column.matched, "{column:?}");
    }
    let left_out = content.not_compared.iter();
    let left_out = left_out.map(|left| format!("{}.{}: {:?}", left.entity, left.column, left.reason));
    let left_out: Vec<String> = left_out.collect();
    println!("{} columns compared, in some rows not: {left_out:?}", content.columns.len());
    Ok(left_out)
}

#[tokio::test]
async fn own_tables_arrive_through_debezium_and_both_sinks() -> Result<()> {
    let mut pipeline = Pipeline::start(Artefacts::find().await?).await?;
    execute(pipeline.bed(), TYPES).await?;
    execute(pipeline.bed(), SQL).await?;
    let folder = pipeline.bed().folder().to_owned();
    fs::write(folder.join("own.toml"), format!("{MODEL}{OTHERS}"))?;
    let path = folder.join("own-tables.toml");
    fs::write(&path, TEST)?;
    let file = path.display().to_string();
    let check =
        pipeline.bed().run(writer("", &["check", &file, "--postgres", pipeline.bed().postgres_url()])?);
    let checked = finish(&check.await?, LIMIT).await?;
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    let observer = Observer::start(pipeline.bed(), &[]).await?;

    pipeline.set_up(&settings(Sink::Handler, &[])?).await?;
    let (report, summary) = run(&pipeline, &observer, &path).await?;
    assert_eq!(assert_whole(&report, &summary)?, Vec::<String>::new(), "{summary}");
    let other_modes = [
        "source.decimal.handling.mode=string",
        "source.time.precision.mode=connect",
        "source.binary.handling.mode=base64",
    ];
    pipeline.set_up(&settings(Sink::Unwrapped, &other_modes)?).await?;
    let (report, summary) = run(&pipeline, &observer, &path).await?;
    assert_eq!(assert_whole(&report, &summary)?, Vec::<String>::new(), "{summary}");
    pipeline.stop()
}
