//! Tables that do not do what an insert says: a row that is rolled back finds them before a run does.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::{Finished, Observer, finish, nothing_left, start_run, writer};
use streamgauge_testbed::Testbed;

const LIMIT: Duration = Duration::from_secs(60);

const EVENTS: &str = "CREATE TABLE events (id uuid PRIMARY KEY, level integer NOT NULL, cdc_stamp text);";

/// As partitions were made before there were any: a trigger puts each row into a child.
const ROUTED: &str = "CREATE TABLE events_2026 (PRIMARY KEY (id)) INHERITS (events);
CREATE FUNCTION route() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO events_2026 VALUES (NEW.*); RETURN NULL; END';
CREATE TRIGGER route BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION route();";

const SWALLOWED: &str =
    "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER swallow BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION swallow();";

const TEST: &str = r#"
[scenarios.events]
executor = "shared-iterations"
vus = 3
iterations = 30
flow = [ { create = "event" }, { update = "event", set = { level = 7 } }, { await = "10s" }, { delete = "event" } ]

[entities.event]
table = "events"
key = "id"
[entities.event.columns]
id = { type = "uuid", generate = "uuid" }
level = { type = "integer", generate = "int", min = 1, max = 10, verified = true }
[entities.event.mongo]
collection = "COLLECTION"
"#;

fn test_file(bed: &Testbed, collection: &str) -> Result<PathBuf> {
    let path = bed.folder().join("events.toml");
    fs::write(&path, TEST.replace("COLLECTION", collection))?;
    Ok(path)
}

async fn run(bed: &Testbed, observer: &Observer, collection: &str) -> Result<Finished> {
    let path = test_file(bed, collection)?;
    finish(&start_run(bed, observer, &path, &["--summary", "full"]).await?, LIMIT).await
}

/// The findings of `doctor` for the test, as grade and what was seen.
async fn probed(bed: &Testbed, url: &str) -> Result<Vec<(String, String)>> {
    let path = test_file(bed, "events")?.display().to_string();
    let finished = finish(&bed.run(writer(url, &["doctor", &path, "--json"])?).await?, LIMIT).await?;
    let json: Value = serde_json::from_str(&finished.stdout).with_context(|| finished.stderr.clone())?;
    let list = |name: &str| json[name].as_array().cloned().context("no findings");
    let (findings, passed) = (list("findings")?, list("passed")?);
    let findings = findings.iter().chain(&passed);
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let of_rows =
        findings.filter(|finding| ["probe_row", "tables"].contains(&text(finding, "code").as_str()));
    Ok(of_rows.map(|finding| (text(finding, "grade"), text(finding, "seen"))).collect())
}

/// The address of a role that may do this with the events, and is not their owner.
async fn limited(bed: &Testbed, rights: &str) -> Result<String> {
    execute(
        bed,
        &format!("CREATE ROLE limited LOGIN PASSWORD 's3cret'; GRANT {rights} ON events TO limited"),
    )
    .await?;
    let host = bed.postgres_url().rsplit('@').next().unwrap_or_default();
    Ok(format!("postgresql://limited:s3cret@{host}"))
}

fn one(found: &[(String, String)], grade: &str, seen: &str) {
    let is_there = found.iter().any(|(its, said)| its == grade && said.contains(seen));
    assert!(is_there, "'{seen}' is missing: {found:?}");
}

#[tokio::test]
async fn rows_that_a_trigger_puts_into_a_child_are_counted() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    execute(&bed, &format!("{EVENTS}{ROUTED}")).await?;
    let found = probed(&bed, bed.postgres_url()).await?;
    one(&found, "info", "table 'events': INSERT says 0 rows, and the row is there");
    let observer = Observer::start(&bed, &[]).await?;
    let Finished { code, stdout, stderr } = run(&bed, &observer, "events_2026").await?;
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    let account = observer.report()?.account;
    assert_eq!((account.entries, account.delivered, account.rejected), (90, 90, 0), "{stdout}");
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}

#[tokio::test]
async fn rows_that_a_trigger_keeps_away_are_refused_before_a_run() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    execute(&bed, &format!("{EVENTS}{SWALLOWED}")).await?;
    let found = probed(&bed, bed.postgres_url()).await?;
    one(&found, "error", "table 'events': INSERT says 0 rows, and the row is not there");
    let observer = Observer::start(&bed, &[]).await?;
    let Finished { code, stderr, .. } = run(&bed, &observer, "events").await?;
    assert_eq!(code, 107, "{stderr}");
    for part in ["an insert into table 'events' says 0 rows", "trigger 'swallow' keeps it away"] {
        assert!(stderr.contains(part), "'{part}' is missing: {stderr}");
    }
    assert!(observer.run_folders().map_or(0, |folders| folders.len()) == 0, "no half-started run");
    bed.stop()
}

#[tokio::test]
async fn row_level_security_and_missing_rights_are_found() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    execute(&bed, EVENTS).await?;
    let limited = limited(&bed, "SELECT, INSERT, UPDATE, DELETE").await?;
    one(&probed(&bed, &limited).await?, "fine", "a row can be written, seen, changed and deleted");
    let policies = [
        ("", "INSERT is refused: new row violates row-level security policy for table \"events\" (42501)"),
        (
            "CREATE POLICY put ON events FOR INSERT WITH CHECK (true)",
            "SELECT: the row that was written is not seen",
        ),
        ("CREATE POLICY see ON events FOR SELECT USING (true)", "UPDATE: it touches 0 rows"),
        ("CREATE POLICY set ON events FOR UPDATE USING (true)", "DELETE: it touches 0 rows"),
    ];
    execute(&bed, "ALTER TABLE events ENABLE ROW LEVEL SECURITY").await?;
    for (policy, seen) in policies {
        execute(&bed, policy).await?;
        one(&probed(&bed, &limited).await?, "error", seen);
    }
    execute(&bed, "CREATE POLICY cut ON events FOR DELETE USING (true)").await?;
    one(&probed(&bed, &limited).await?, "fine", "a row can be written, seen, changed and deleted");
    for right in ["SELECT", "INSERT", "UPDATE", "DELETE"] {
        execute(&bed, &format!("REVOKE {right} ON events FROM limited")).await?;
        one(
            &probed(&bed, &limited).await?,
            "error",
            &format!("role 'limited' may not {right} on table 'events'"),
        );
        execute(&bed, &format!("GRANT {right} ON events TO limited")).await?;
    }
    bed.stop()
}

#[tokio::test]
async fn rejected_rows_carry_their_cause() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    execute(
        &bed,
        &format!(
            "{EVENTS} ALTER TABLE events ADD CONSTRAINT low CHECK (level < 8);
             CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF OLD.level = 1 THEN RETURN NULL; END IF; RETURN NEW; END';
             CREATE TRIGGER keep BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION keep()"
        ),
    )
    .await?;
    let observer = Observer::start(&bed, &[]).await?;
    let Finished { stdout, stderr, .. } = run(&bed, &observer, "events").await?;
    let report = observer.report().with_context(|| format!("{stdout}\n{stderr}"))?;
    let (refused, unchanged) = (report.rejections.of("23514"), report.rejections.of("no_row"));
    assert!(refused > 0, "{stdout}");
    assert_eq!(refused + unchanged, report.account.rejected, "{stdout}");
    let said = format!(
        "{refused} of the rejected (23514): new row for relation \"events\" violates check constraint"
    );
    assert!(stdout.contains(&said), "{stdout}");
    bed.stop()
}
