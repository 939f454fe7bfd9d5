//! Transactions of a flow: several operations commit together, each measured by itself; rolled back, none is there; and
//! what PostgreSQL wants to have sent again is sent again as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_end_to_end::databases::{execute, stamps_in_postgres};
use streamgauge_end_to_end::{Finished, Observer, finish, left_behind, nothing_left, start_run};
use streamgauge_shared::report::Report;
use streamgauge_testbed::Testbed;
use tokio_postgres::NoTls;

const LIMIT: Duration = Duration::from_secs(60);
const ITERATIONS: u64 = 40;

/// A purchase and its lines; whatever commits is written down with its transaction, in a table that no pipeline sees.
const TABLES: &str = r#"
CREATE TABLE purchases (id bigserial PRIMARY KEY, state text NOT NULL CHECK (state <> 'bad'), cdc_stamp text);
CREATE TABLE lines (id bigint PRIMARY KEY, purchase_id bigint NOT NULL REFERENCES purchases, n integer NOT NULL, cdc_stamp text);
CREATE SCHEMA audit;
CREATE UNLOGGED TABLE audit.done (transaction bigint, operation text);
CREATE SEQUENCE audit.attempts;
CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit.done VALUES (txid_current(), TG_OP); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON purchases FOR EACH ROW EXECUTE FUNCTION audit.note();
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON lines FOR EACH ROW EXECUTE FUNCTION audit.note();
"#;

const MODEL: &str = r#"
[entities.purchase]
table = "purchases"
key = "id"
[entities.purchase.columns]
id = { type = "bigint", generate = "database" }
state = { type = "text", generate = "fixed", value = "new", verified = true }

[entities.line]
table = "lines"
key = "id"
[entities.line.columns]
id = { type = "bigint", generate = "sequence" }
purchase_id = { type = "bigint", generate = "reference", references = "purchase", verified = true }
n = { type = "integer", generate = "int", min = 1, max = 9, verified = true }
"#;

const POOL: &str = "[pools.purchases]\nentity = \"purchase\"\n";

/// Runs a flow; the report, the rows, and what was printed.
async fn run(
    bed: &Testbed,
    flow: &str,
    pools: &str,
    extra: &[&str],
) -> Result<(Report, Vec<Value>, Finished)> {
    fs::write(bed.folder().join("model.toml"), MODEL)?;
    let path = bed.folder().join("transactions.toml");
    let text = format!(
        r#"model = "model.toml"
[defaults]
drain = "20s"
{pools}[scenarios.transactions]
executor = "shared-iterations"
iterations = {ITERATIONS}
vus = 4
max_duration = "20s"
flow = [ {flow} ]
"#
    );
    fs::write(&path, text)?;
    let observer = Observer::start(bed, &["--once"]).await?;
    let finished = finish(&start_run(bed, &observer, &path, extra).await?, LIMIT).await?;
    let report = observer.report().with_context(|| finished.stderr.clone())?;
    Ok((report, observer.rows()?, finished))
}

/// How many transactions committed so many operations.
async fn committed(bed: &Testbed) -> Result<BTreeMap<i64, i64>> {
    let (client, connection) = tokio_postgres::connect(bed.postgres_url(), NoTls).await?;
    let connection = tokio::spawn(connection);
    let sizes = "SELECT size, count(*) FROM (SELECT count(*) AS size FROM audit.done GROUP BY transaction) AS sizes GROUP BY size";
    let rows = client.query(sizes, &[]).await?;
    drop(client);
    connection.await??;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// How many commits so many rows of a report share.
fn shared_commits(rows: &[Value]) -> BTreeMap<usize, usize> {
    let mut by_commit: BTreeMap<i64, usize> = BTreeMap::new();
    for at in rows.iter().filter_map(|row| row["committed_ns"].as_i64()) {
        *by_commit.entry(at).or_default() += 1;
    }
    let mut sizes = BTreeMap::new();
    by_commit.into_values().for_each(|size| *sizes.entry(size).or_default() += 1);
    sizes
}

#[tokio::test]
async fn operations_of_a_transaction_commit_together_and_each_is_measured() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    execute(&bed, TABLES).await?;
    let flow = r#"
  { transaction = [ { create = "purchase" }, { create = "line" }, { create = "line" }, { update = "purchase", set = { state = "paid" } } ] },
  { await = "10s" },
  { transaction = [ { delete = "purchase" } ] }, "#;
    let (report, rows, Finished { stdout, stderr, .. }) = run(&bed, flow, "", &[]).await?;
    let shown = format!("{stdout}\n{stderr}");
    // The delete takes the two lines along, in its own transaction.
    assert_eq!(
        (report.account.entries, report.account.delivered),
        (7 * ITERATIONS, 7 * ITERATIONS),
        "{shown}"
    );
    assert_eq!(report.events.first, 7 * ITERATIONS, "{shown}");
    let checks = report.rates["checks"];
    assert_eq!(checks.passed, checks.total, "{shown}");
    let each = i64::try_from(ITERATIONS)?;
    assert_eq!(committed(&bed).await?, [(3, each), (4, each)].into(), "as PostgreSQL saw them");
    let each = usize::try_from(ITERATIONS)?;
    assert_eq!(shared_commits(&rows), [(3, each), (4, each)].into(), "as the report has them");
    for row in &rows {
        assert!(row["sent_ns"].as_i64() < row["committed_ns"].as_i64(), "{row}");
    }
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}

#[tokio::test]
async fn a_transaction_that_is_refused_leaves_nothing_and_is_rejected_as_a_whole() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    execute(&bed, TABLES).await?;
    let flow = r#"{ transaction = [ { create = "purchase" }, { create = "line" }, { update = "purchase", set = { state = ["paid", "bad"] } } ] }"#;
    let (report, _, Finished { stdout, stderr, .. }) = run(&bed, flow, "", &["--keep-rows"]).await?;
    let shown = format!("{stdout}\n{stderr}");
    let good = stamps_in_postgres(&bed, "lines").await?.len() as u64;
    assert!(good > 0 && good < ITERATIONS, "some were refused, and some were not: {good}");
    assert_eq!(left_behind(&bed).await?.0, i64::try_from(2 * good)?, "a purchase and a line of each");
    let account = &report.account;
    let refused = 3 * (ITERATIONS - good);
    assert_eq!(
        (account.entries, account.delivered, account.rejected),
        (3 * ITERATIONS, 3 * good, refused),
        "{shown}"
    );
    assert_eq!(report.counters["failed_iterations"], ITERATIONS - good, "{shown}");
    assert_eq!(report.counters["iterations"], good, "{shown}");
    bed.stop()
}

#[tokio::test]
async fn a_transaction_that_may_succeed_is_sent_again_with_the_same_rows() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    // Every third line is refused as PostgreSQL refuses what it cannot serialize, and every fourth commit of a purchase.
    let trouble = r#"
CREATE FUNCTION audit.trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('audit.attempts') % TG_ARGV[0]::int = 0 THEN RAISE EXCEPTION 'not now' USING ERRCODE = '40001'; END IF;
    RETURN NEW; END $$;
CREATE TRIGGER trouble BEFORE INSERT ON lines FOR EACH ROW EXECUTE FUNCTION audit.trouble(3);
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON purchases DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audit.trouble(4);
"#;
    execute(&bed, &format!("{TABLES}{trouble}")).await?;
    let flow = r#"
  { transaction = [ { create = "purchase", into = "purchases" }, { create = "line" } ] },
  { transaction = [ { update = "purchase", from = "purchases", set = { state = "paid" } }, { create = "line", from = "purchases" } ] }"#;
    let (report, rows, Finished { stdout, stderr, .. }) = run(&bed, flow, POOL, &[]).await?;
    let shown = format!("{stdout}\n{stderr}");
    let entries = report.account.entries;
    assert_eq!(report.account.delivered, entries, "what was refused was sent again: {shown}");
    assert!(report.counters["pg_write_errors"] >= ITERATIONS / 4, "{shown}");
    let checks = report.rates["checks"];
    assert_eq!(checks.passed, checks.total, "also what refers to keys that were made anew: {shown}");
    // A step without a row leaves out the rest of its transaction, and is counted once however often that was sent.
    let sizes = shared_commits(&rows);
    let with = |size: usize| sizes.get(&size).copied().unwrap_or_default() as u64;
    assert_eq!(with(1) + 2 * with(2), entries, "{sizes:?} {shown}");
    let empty = 2 * ITERATIONS - with(1) - with(2);
    assert_eq!(report.counters["skipped_steps"], with(1) + empty, "{sizes:?} {shown}");
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}
