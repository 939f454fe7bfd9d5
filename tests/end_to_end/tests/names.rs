//! Tables are found by the names that the catalogue has, whatever these look like; what is none is refused by name, and
//! nothing is made beside what is there.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::{Finished, Observer, finish, nothing_left, start_run, writer};
use streamgauge_testbed::Testbed;
use tokio_postgres::NoTls;

const LIMIT: Duration = Duration::from_secs(60);

/// Two tables that need their quotes, one of them partitioned; a view, a materialized view, a foreign table; and a table
/// that the model below names in another letter case.
const TABLES: &str = r#"
CREATE SCHEMA "Sales";
CREATE TABLE "Sales"."Customers" ("Id" uuid PRIMARY KEY, "E-Mail" text NOT NULL, "order" integer NOT NULL, "Stamp" text);
CREATE TABLE "a.b" (id uuid, region text, total numeric(10,2) NOT NULL, cdc_stamp text, PRIMARY KEY (region, id))
    PARTITION BY LIST (region);
CREATE TABLE part_north PARTITION OF "a.b" FOR VALUES IN ('north');
CREATE TABLE part_south PARTITION OF "a.b" FOR VALUES IN ('south');
CREATE VIEW a_view AS SELECT * FROM "a.b";
CREATE MATERIALIZED VIEW a_copy AS SELECT * FROM "a.b";
CREATE FOREIGN DATA WRAPPER elsewhere;
CREATE SERVER far FOREIGN DATA WRAPPER elsewhere;
CREATE FOREIGN TABLE a_far_table (id uuid) SERVER far;
CREATE TABLE "Orders" (id uuid PRIMARY KEY);
"#;

const MODEL: &str = r#"
[entities.customer]
table = "Sales.Customers"
key = "Id"
stamp = "Stamp"
[entities.customer.columns]
Id = { type = "uuid", generate = "uuid" }
"E-Mail" = { type = "text", generate = "template", template = "{id}@latency.test", verified = true }
order = { type = "integer", generate = "int", min = 1, max = 9, verified = true }

[entities.total]
table = '"a.b"'
key = ["region", "id"]
[entities.total.columns]
id = { type = "uuid", generate = "uuid" }
region = { type = "text", generate = "choice", choices = ["north", "south"], verified = true }
total = { type = "numeric(10,2)", generate = "decimal", min = 1, max = 2, verified = true }
"#;

const TEST: &str = r#"
model = "model.toml"
[scenarios.names]
executor = "constant-arrival-rate"
rate = 10
duration = "2s"
pre_allocated_vus = 20
flow = [
  { create = "customer" }, { await = "10s" },
  { update = "customer", set = { order = 7 } }, { await = "10s" }, { check = { order = 7 } }, { delete = "customer" },
  { create = "total" }, { await = "10s" }, { check = ["total", "region"] }, { delete = "total" },
]
[thresholds]
cdc_success_rate = ["rate>0.999"]
checks = ["rate>0.999"]
"#;

/// A testbed with the tables, and the test with this model.
async fn bed_with(tables: &str, model: &str, test: &str, relay: bool) -> Result<(Testbed, PathBuf)> {
    let builder = Testbed::builder();
    let bed = if relay { builder } else { builder.without_relay() }.start().await?;
    execute(&bed, tables).await?;
    fs::write(bed.folder().join("model.toml"), model)?;
    let path = bed.folder().join("test.toml");
    fs::write(&path, test)?;
    Ok((bed, path))
}

#[tokio::test]
async fn names_that_need_quotes_and_partitions_are_measured() -> Result<()> {
    let (bed, path) = bed_with(TABLES, MODEL, TEST, true).await?;
    let observer = Observer::start(&bed, &[]).await?;
    let run = start_run(&bed, &observer, &path, &[]).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    let report = observer.report()?;
    // Twenty iterations, each with five operations.
    assert_eq!((report.account.entries, report.account.delivered), (100, 100), "{stdout}");
    let content = report.content.expect("verified columns");
    assert_eq!((content.written, content.matched), (60, 60), "{stdout}");
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}

/// A partitioned table whose publication has each partition as a table, and a topic, of its own.
const TOPICS: &str = r#"
CREATE TABLE total (id uuid, region text, amount numeric(10,2) NOT NULL, cdc_stamp text, PRIMARY KEY (region, id))
    PARTITION BY LIST (region);
CREATE TABLE total_north PARTITION OF total FOR VALUES IN ('north');
CREATE TABLE total_south PARTITION OF total FOR VALUES IN ('south');
ALTER PUBLICATION streamgauge SET (publish_via_partition_root = false);
"#;

#[tokio::test]
async fn partitions_that_are_topics_of_their_own_are_told_and_can_be_measured_one_by_one() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    execute(&bed, TOPICS).await?;
    let draft = async |tables: &[&str], file: &str| -> Result<PathBuf> {
        let args = [&["model"], tables].concat();
        let drafted = bed.run(writer(bed.postgres_url(), &args)?).await?;
        let Finished { code, stdout, stderr } = finish(&drafted, LIMIT).await?;
        assert_eq!(code, 0, "{stderr}");
        let path = bed.folder().join(file);
        fs::write(&path, stdout.replace("await = \"30s\"", "await = \"1s\""))?;
        Ok(path)
    };
    // Of the whole table nothing arrives where the model says, and the run says where it does.
    let whole = draft(&["total"], "whole.toml").await?;
    let text = fs::read_to_string(&whole)?;
    assert!(text.contains("TO DECIDE: the table is partitioned"), "{text}");
    let thresholds = "\n[thresholds]";
    fs::write(&whole, text.replacen(thresholds, &format!("\n[defaults]\ndrain = \"12s\"\n{thresholds}"), 1))?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let run = start_run(&bed, &observer, &whole, &["--time-scale", "0.05"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 111, "{stdout}\n{stderr}");
    let reasons = observer.report()?.validity.reasons;
    let elsewhere = reasons.iter().find(|reason| reason.code == "landed_elsewhere");
    let seen = elsewhere.map(|reason| reason.seen.clone()).unwrap_or_default();
    let is_partition = ["`shop.total_north`", "`shop.total_south`"].iter().any(|name| seen.contains(name));
    assert!(is_partition && seen.contains("the model says `shop.total`"), "{reasons:?}");
    fs::remove_dir_all(&observer.runs)?;

    // Each partition is a table: its rows are those that it takes.
    let parts = draft(&["total_north", "total_south"], "parts.toml").await?;
    let text = fs::read_to_string(&parts)?;
    for choice in ["[\"north\"]", "[\"south\"]"] {
        assert!(text.contains(&format!("generate = \"choice\", choices = {choice}")), "{text}");
    }
    let observer = Observer::start(&bed, &["--once"]).await?;
    let run = start_run(&bed, &observer, &parts, &["--time-scale", "0.05"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    let report = observer.report()?;
    // Fifteen iterations, of each partition a row made, changed and deleted.
    assert_eq!((report.account.entries, report.account.delivered), (90, 90), "{stdout}");
    let content = report.content.expect("verified columns");
    assert_eq!((content.written, content.matched), (60, 60), "{stdout}");
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}

#[tokio::test]
async fn what_is_no_table_or_named_in_another_case_is_refused_and_nothing_is_made_beside_it() -> Result<()> {
    let entity = |name: &str, table: &str| {
        format!(
            "[entities.{name}]\ntable = \"{table}\"\nkey = \"id\"\ncolumns = {{ id = {{ type = \"uuid\", generate = \"uuid\" }} }}\n"
        )
    };
    let entities =
        [("v", "a_view"), ("m", "a_copy"), ("f", "a_far_table"), ("o", "orders"), ("s", "sales.customers")];
    let model: String = entities.iter().map(|(name, table)| entity(name, table)).collect();
    let test =
        TEST.split_once("flow =").map_or("", |(head, _)| head).to_owned() + "flow = [ { create = \"v\" } ]\n";
    let (bed, path) = bed_with(TABLES, &model, &test, false).await?;
    let prepare = bed.run(writer(bed.postgres_url(), &["prepare", &path.display().to_string()])?).await?;
    let Finished { code, stderr, .. } = finish(&prepare, LIMIT).await?;
    assert_eq!(code, 104, "{stderr}");
    for sentence in [
        "'a_view' is a view, ",
        "'a_copy' is a materialized view, ",
        "'a_far_table' is a foreign table, ",
        "table 'orders' does not exist, 'Orders' does, which differs in letter case",
        "table 'sales.customers' does not exist, 'Sales.Customers' does, which differs in letter case",
    ] {
        assert!(stderr.contains(sentence), "'{sentence}' is missing: {stderr}");
    }
    let (client, connection) = tokio_postgres::connect(bed.postgres_url(), NoTls).await?;
    let connection = tokio::spawn(connection);
    let made = "SELECT count(*) FROM pg_class WHERE relname IN ('orders', 'customers') OR relnamespace = to_regnamespace('sales')";
    let count: i64 = client.query_one(made, &[]).await?.get(0);
    assert_eq!(count, 0);
    drop(client);
    connection.await??;
    bed.stop()
}
