//! Keys that are no random UUID: made of numbers of ours, or by the database, in types of a user's own tables.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::bson::{Bson, Document, doc};
use serde_json::Value;
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::{Finished, Observer, finish, left_behind, start_run, writer};
use streamgauge_shared::report::Report;
use streamgauge_testbed::{Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(60);
const RUN: &str = "00c0ffee0042";
/// Iterations of every run.
const ITERATIONS: u64 = 40;

/// Tables with keys of numbers, of several columns and of text, and one with a reference to the first.
const NUMBERED: &str = r#"
[entities.account]
table = "accounts"
key = "id"
[entities.account.columns]
id = { type = "bigint", generate = "sequence", start = 1000, field = "_id", verified = true }
owner = { type = "text", generate = "template", template = "owner-{id}", verified = true }
state = { type = "text", generate = "fixed", value = "new", verified = true }

[entities.invoice]
table = "invoices"
key = ["region", "number"]
[entities.invoice.columns]
region = { type = "text", generate = "choice", choices = ["eu", "us"] }
number = { type = "integer", generate = "sequence" }
account_id = { type = "bigint", generate = "reference", references = "account", verified = true }

[entities.ticket]
table = "tickets"
key = "code"
[entities.ticket.columns]
code = { type = "text", generate = "sequence", template = "T-{number(6)}" }
state = { type = "text", generate = "fixed", value = "new", verified = true }
"#;

/// Everything that can become of a row; the account's delete takes its invoice along.
const NUMBERED_FLOW: &str = r#"{ create = "account" },
  { update = "account", set = { state = "open" } },
  { create = "invoice" },
  { create = "ticket" },
  { update = "ticket", set = { state = "open" } },
  { delete = "ticket" },
  { delete = "account" }"#;
/// Operations of it.
const NUMBERED_OPERATIONS: u64 = 8;

/// A test of a model and a flow.
fn written(bed: &Testbed, model: &str, flow: &str) -> Result<PathBuf> {
    fs::write(bed.folder().join("model.toml"), model)?;
    let path = bed.folder().join("keys.toml");
    let text = format!(
        r#"model = "model.toml"

[defaults]
drain = "20s"

[scenarios.keys]
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
    Ok(path)
}

async fn mongo(bed: &Testbed) -> Result<mongodb::Database> {
    Ok(mongodb::Client::with_uri_str(bed.mongo_uri()).await?.database(bed.database()))
}

/// Waits until a collection has a document of this key.
async fn arrived(bed: &Testbed, collection: &str, key: impl Into<Bson>) -> Result<()> {
    let (collection, key) = (mongo(bed).await?.collection::<Document>(collection), key.into());
    wait_for("the document", LIMIT, || async {
        match collection.find_one(doc! { "_id": &key }).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(format!("{key} is not there")),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

/// Every operation arrived once, in order, by its deadline, and said what it should.
fn assert_whole(report: &Report, rows: &[Value], entries: u64, finished: &Finished) {
    let (account, events) = (&report.account, &report.events);
    let shown = &finished.stdout;
    assert_eq!((account.entries, account.delivered), (entries, entries), "{shown}\n{}", finished.stderr);
    assert_eq!((events.total, events.first), (entries, entries), "{shown}");
    let checks = &report.rates["checks"];
    assert_eq!(checks.passed, checks.total, "{shown}");
    assert_eq!(rows.len() as u64, entries, "every row is kept of a run as small as this");
}

/// The keys of an entity's rows, by writer.
fn keys_of(rows: &[Value], entity: &str, writer: u64) -> Result<BTreeSet<String>> {
    let its = rows.iter().filter(|row| row["entity"] == entity && row["writer"] == writer);
    its.map(|row| Ok(row["key"].as_str().context("no key")?.to_owned())).collect()
}

#[tokio::test]
async fn numbers_of_ours_begin_above_both_databases_and_no_writer_gives_one_twice() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    // What a user and earlier runs left: in the table, in the collection, and in both types.
    let tables = "CREATE TABLE accounts (id bigint PRIMARY KEY, owner text, state text);
        INSERT INTO accounts VALUES (5000, 'somebody', 'old');
        CREATE TABLE tickets (code varchar(20) PRIMARY KEY, state text);
        INSERT INTO tickets VALUES ('T-000041', 'old'), ('TX-9', 'old')";
    execute(&bed, tables).await?;
    arrived(&bed, "accounts", 5000_i64).await?;
    arrived(&bed, "tickets", "TX-9").await?;
    let database = mongo(&bed).await?;
    let accounts = [doc! { "_id": 7000_i64 }, doc! { "_id": "of somebody else" }];
    database.collection::<Document>("accounts").insert_many(accounts).await?;
    database.collection::<Document>("tickets").insert_one(doc! { "_id": "T-000050" }).await?;

    let path = written(&bed, NUMBERED, NUMBERED_FLOW)?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let mut writers = Vec::new();
    for index in ["0", "1"] {
        let args = ["--run-id", RUN, "--shard-count", "2", "--shard-index", index, "--prepare"];
        writers.push(start_run(&bed, &observer, &path, &args).await?);
    }
    let mut finished = Vec::new();
    for writer in &writers {
        finished.push(finish(writer, LIMIT).await?);
    }
    let (report, rows) = (observer.report()?, observer.rows()?);
    assert_whole(&report, &rows, ITERATIONS * NUMBERED_OPERATIONS, &finished[0]);
    let code = i32::from(report.verdict.exit_code);
    assert_eq!([finished[0].code, finished[1].code], [code; 2], "{}", finished[0].stderr);

    let both = |entity: &str| anyhow::Ok([keys_of(&rows, entity, 0)?, keys_of(&rows, entity, 1)?]);
    for entity in ["account", "invoice", "ticket"] {
        let [zero, one] = both(entity)?;
        assert!(!zero.is_empty() && !one.is_empty(), "{entity}: both wrote");
        assert!(zero.is_disjoint(&one), "{entity}: {zero:?} and {one:?}");
        assert_eq!((zero.len() + one.len()) as u64, ITERATIONS, "{entity}: each row has a key of its own");
    }
    let number = |key: &String| key.rsplit(['-', ':']).next().and_then(|number| number.parse::<i64>().ok());
    let least = |entity: &str| anyhow::Ok(both(entity)?.iter().flatten().filter_map(number).min());
    assert_eq!(least("account")?, Some(7001), "above the collection, which has more than the table");
    assert_eq!(least("ticket")?, Some(51));
    assert_eq!(least("invoice")?, Some(1), "nothing was there");
    // Of a user nothing is gone, of ours nothing is left: three rows of theirs, and the documents of two others more.
    assert_eq!(left_behind(&bed).await?, (3, 6));
    bed.stop()
}

#[tokio::test]
async fn a_key_whose_numbers_are_used_up_is_refused_before_the_run() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let tables = "CREATE TABLE invoices (region text, number integer, account_id bigint, PRIMARY KEY (region, number));
        INSERT INTO invoices VALUES ('eu', 2147483630, 1)";
    execute(&bed, tables).await?;
    let path = written(&bed, NUMBERED, NUMBERED_FLOW)?;
    let observer = Observer::start(&bed, &[]).await?;
    let run = finish(&start_run(&bed, &observer, &path, &["--prepare"]).await?, LIMIT).await?;
    assert_eq!(run.code, 104, "{}", run.stderr);
    for part in ["key 'number' of entity 'invoice'", "from 2147483631 on that is 17", "about 40 rows"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    bed.stop()
}

#[tokio::test]
async fn a_small_key_runs_where_its_numbers_are_enough_and_is_refused_where_they_are_not() -> Result<()> {
    const MODEL: &str = r#"
[entities.shelf]
table = "shelves"
key = "no"
[entities.shelf.columns]
no = { type = "smallint", generate = "sequence", field = "_id", verified = true }
label = { type = "text", generate = "template", template = "shelf {id}", verified = true }

[entities.slot]
table = "slots"
key = ["shelf", "code"]
[entities.slot.columns]
shelf = { type = "smallint", generate = "reference", references = "shelf", field = "_id.shelf", verified = true }
code = { type = "char(3)", generate = "sequence", template = "{number(3)}", field = "_id.code", verified = true }
"#;
    const FLOW: &str = r#"{ create = "shelf" },
  { create = "slot" },
  { await = "10s" },
  { check = ["shelf", "code"] },
  { update = "shelf", set = { label = "moved {id}" } },
  { delete = "shelf" }"#;
    let bed = Testbed::builder().start().await?;
    // The column that refers is of another type of whole numbers than what it refers to.
    let tables = "CREATE TABLE shelves (no smallint PRIMARY KEY, label text NOT NULL);
        CREATE TABLE slots (shelf integer REFERENCES shelves, code char(3), PRIMARY KEY (shelf, code));
        INSERT INTO shelves VALUES (32700, 'of a user')";
    execute(&bed, tables).await?;
    arrived(&bed, "shelves", 32_700).await?;
    let path = written(&bed, MODEL, FLOW)?;
    let observer = Observer::start(&bed, &[]).await?;

    // That 40,000 rows find no numbers, `check` knows without a database.
    let text = fs::read_to_string(&path)?;
    fs::write(&path, text.replace(&format!("iterations = {ITERATIONS}"), "iterations = 40_000"))?;
    let program = writer("", &["check", &path.display().to_string()])?;
    let check = finish(&bed.run(program).await?, LIMIT).await?;
    assert_eq!(check.code, 104, "{}", check.stderr);
    for part in [
        "the key 'no' of entity 'shelf' is of type smallint, which has numbers up to 32767: from 1 on that is 32767, and the test makes about 40000 rows",
        "the key 'code' of entity 'slot' is of type char(3), which has numbers up to 999: from 1 on that is 999",
    ] {
        assert!(check.stderr.contains(part), "{}", check.stderr);
    }

    // What the table has used up, only the run knows.
    let hundred = text.replace(&format!("iterations = {ITERATIONS}"), "iterations = 100");
    fs::write(&path, hundred)?;
    let refused = finish(&start_run(&bed, &observer, &path, &["--prepare"]).await?, LIMIT).await?;
    assert_eq!(refused.code, 104, "{}", refused.stderr);
    assert!(refused.stderr.contains("from 32701 on that is 67"), "{}", refused.stderr);

    fs::write(&path, text)?;
    let finished = finish(&start_run(&bed, &observer, &path, &["--prepare"]).await?, LIMIT).await?;
    let (report, rows) = (observer.report()?, observer.rows()?);
    assert_eq!(finished.code, i32::from(report.verdict.exit_code), "{}", finished.stderr);
    assert_whole(&report, &rows, ITERATIONS * 5, &finished);
    assert_eq!(keys_of(&rows, "slot", 0)?.len() as u64, ITERATIONS);
    let content = report.content.as_ref().context("columns are verified")?;
    assert_eq!((content.matched, content.compared_in_part), (content.written, 0), "{content:?}");
    bed.stop()
}

/// Tables whose keys the database makes, in each of the ways it can, and one that refers to another.
const OF_DATABASE: &str = r#"
[entities.client]
table = "clients"
key = "id"
[entities.client.columns]
id = { type = "bigint", generate = "database", field = "_id", verified = true }
mail = { type = "text", generate = "template", template = "{run}-{sequence}@example.test", verified = true }

[entities.order]
table = "orders"
key = "id"
[entities.order.columns]
id = { type = "integer", generate = "database", field = "_id", verified = true }
client_id = { type = "bigint", generate = "reference", references = "client", verified = true }

[entities.token]
table = "tokens"
key = "id"
[entities.token.columns]
id = { type = "uuid", generate = "database", field = "_id", verified = true }
label = { type = "text", generate = "fixed", value = "new", verified = true }

[entities.part]
table = "parts"
key = ["kind", "number"]
[entities.part.columns]
kind = { type = "text", generate = "choice", choices = ["a", "b"] }
number = { type = "bigint", generate = "database" }
state = { type = "text", generate = "fixed", value = "new", verified = true }
"#;

/// An update may say the key, which is known by then; the client's delete takes its order along.
const OF_DATABASE_FLOW: &str = r#"{ create = "client" },
  { await = "10s" },
  { check = ["id"] },
  { update = "client", set = { mail = "client-{id}@example.test" } },
  { create = "order" },
  { create = "token" },
  { update = "token", set = { label = "of {id}" } },
  { create = "part" },
  { update = "part", set = { state = "used" } },
  { delete = "part" },
  { delete = "token" },
  { delete = "client" }"#;
/// Operations of it.
const OF_DATABASE_OPERATIONS: u64 = 11;

#[tokio::test]
async fn a_key_that_the_database_makes_is_learned_and_every_row_accounted_for() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    // The other two tables are made by prepare: a default for the UUID, an identity for the number.
    let tables = "CREATE TABLE clients (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 70) PRIMARY KEY, mail text NOT NULL);
        CREATE TABLE orders (id serial PRIMARY KEY, client_id bigint NOT NULL REFERENCES clients, made_at timestamptz DEFAULT now());";
    execute(&bed, tables).await?;
    let path = written(&bed, OF_DATABASE, OF_DATABASE_FLOW)?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let finished = finish(&start_run(&bed, &observer, &path, &["--prepare"]).await?, LIMIT).await?;
    let (report, rows) = (observer.report()?, observer.rows()?);
    assert_whole(&report, &rows, ITERATIONS * OF_DATABASE_OPERATIONS, &finished);
    assert_eq!(finished.code, i32::from(report.verdict.exit_code), "{}", finished.stderr);
    let content = report.content.as_ref().context("columns are verified")?;
    let compared = (content.compared, content.compared_in_part);
    assert_eq!(compared, (content.arrived, 0), "the key's columns too: {content:?}");
    for entity in ["client", "order", "token", "part"] {
        assert_eq!(keys_of(&rows, entity, 0)?.len() as u64, ITERATIONS, "{entity}: each row has its key");
    }
    let clients = keys_of(&rows, "client", 0)?;
    let expected: BTreeSet<String> = (70..70 + ITERATIONS).map(|number| number.to_string()).collect();
    assert_eq!(clients, expected, "as PostgreSQL counts");
    assert_eq!(left_behind(&bed).await?, (0, 0));
    bed.stop()
}

#[tokio::test]
async fn rows_of_tables_without_a_primary_key_are_told_apart_by_what_the_log_has() -> Result<()> {
    const MODEL: &str = r#"
[entities.badge]
table = "badges"
key = "code"
[entities.badge.columns]
code = { type = "text", generate = "sequence" }
state = { type = "text", generate = "fixed", value = "new", verified = true }

[entities.entry]
table = "entries"
key = "id"
[entities.entry.columns]
id = { type = "integer", generate = "sequence" }
state = { type = "text", generate = "fixed", value = "new", verified = true }
"#;
    const FLOW: &str = r#"{ create = "badge" },
  { update = "badge", set = { state = "used" } },
  { delete = "badge" },
  { create = "entry" },
  { update = "entry", set = { state = "used" } },
  { delete = "entry" }"#;
    let bed = Testbed::builder().start().await?;
    let tables = "CREATE TABLE badges (code text NOT NULL, state text, cdc_stamp text);
        CREATE UNIQUE INDEX badge_code ON badges (code);
        CREATE TABLE entries (id integer, state text, cdc_stamp text)";
    execute(&bed, tables).await?;
    let path = written(&bed, MODEL, FLOW)?;
    let observer = Observer::start(&bed, &[]).await?;
    let refused = finish(&start_run(&bed, &observer, &path, &[]).await?, LIMIT).await?;
    assert_eq!(refused.code, 104, "{}", refused.stderr);
    assert!(refused.stderr.contains("table 'entries' has no primary key"), "{}", refused.stderr);
    let way_out = "ALTER TABLE \"badges\" REPLICA IDENTITY USING INDEX \"badge_code\"";
    assert!(refused.stderr.contains(way_out), "{}", refused.stderr);
    execute(&bed, "ALTER TABLE entries REPLICA IDENTITY FULL").await?;
    execute(&bed, way_out).await?;
    let finished = finish(&start_run(&bed, &observer, &path, &[]).await?, LIMIT).await?;
    let report = observer.report()?;
    assert_eq!(finished.code, i32::from(report.verdict.exit_code), "{}", finished.stderr);
    assert_whole(&report, &observer.rows()?, ITERATIONS * 6, &finished);
    bed.stop()
}
