//! A schema of twenty tables as people have them: what `model` makes of it, and that it runs with every verified column compared.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::{Finished, Observer, finish, nothing_left, start_run, writer};
use streamgauge_testbed::Testbed;

const LIMIT: Duration = Duration::from_secs(120);
const SCHEMA: &str = include_str!("../schemas/bicycles.sql");
/// Those that a model can write.
const WRITTEN: [&str; 18] = [
    "badge",
    "bike",
    "bike_category",
    "bike_model",
    "category",
    "city",
    "country",
    "customer",
    "depot",
    "door_event",
    "employee",
    "hire",
    "invoice",
    "invoice_line",
    "payment",
    "reading",
    "repair",
    "tariff",
];
/// Those that none can, and why.
const REFUSED: [(&str, &str); 3] = [
    (
        "audit_line",
        "table 'audit_line' has no primary key, by which a row is known, no unique index of NOT NULL columns, and not REPLICA IDENTITY FULL: ALTER TABLE \"audit_line\" ADD PRIMARY KEY (…)",
    ),
    (
        "tariff_discount",
        "column 'zone' of table 'tariff_discount' refers to (zone, number) of 'tariff', which no model can follow: a reference is one column, and the key of another entity",
    ),
    (
        "open_hires",
        "'open_hires' is a view, and its rows reach the pipeline as those of the tables behind it",
    ),
];
/// Keys, references and limits as the draft has them, one of each kind.
const LINES: [&str; 17] = [
    r#"frame_no = { type = "bigint", generate = "reference", references = "bike" }"#,
    r#"code = { type = "char(2)", generate = "sequence", template = "{number(2)}" }"#,
    r#"id = { type = "smallint", generate = "database" }"#,
    r#"id = { type = "uuid", generate = "database" }"#,
    r#"id = { type = "smallint", generate = "sequence" }"#,
    r#"code = { type = "varchar(12)", cast = "bike_code", generate = "sequence" }"#,
    r#"employee_id = { type = "integer", generate = "reference", references = "employee", verified = true }"#,
    r#"depot_id = { type = "smallint", generate = "reference", references = "depot", verified = true }"#,
    r#"model = { type = "varchar(12)", cast = "bike_code", generate = "reference", references = "bike_model", verified = true }"#,
    r#"badge_no = { type = "integer", generate = "int", min = 1, max = 2147483647, verified = true }"#,
    r#"paid_on = { type = "date", generate = "date", from = 2026-01-01, to = 2026-12-31 }"#,
    r#"region = { type = "text", generate = "choice", choices = ["left bank", "right bank", "hills"] }"#,
    r#"invoice = { type = "varchar(20)", generate = "reference", references = "invoice" }"#,
    "# head_id: it refers to (id) of 'employee', and may be null",
    "# full_name: PostgreSQL computes it",
    "# ended: it may be null, and nothing here sees that a value keeps CHECK ((ended > began))",
    "# TO DECIDE: the table has no unique index: that event_no tells its rows apart is a guess",
];

#[tokio::test]
async fn a_schema_of_twenty_tables_is_drafted_and_runs_with_every_column_compared() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    execute(&bed, SCHEMA).await?;
    let mut args = vec!["model"];
    args.extend(WRITTEN);
    args.extend(REFUSED.map(|(table, _)| table));
    let drafted = bed.run(writer(bed.postgres_url(), &args)?).await?;
    let Finished { code, stdout: file, stderr } = finish(&drafted, LIMIT).await?;
    assert_eq!(code, 104, "{stderr}");
    for (_, reason) in REFUSED {
        assert!(stderr.contains(reason), "'{reason}' is missing:\n{stderr}");
    }
    for line in LINES {
        assert!(file.contains(line), "'{line}' is missing:\n{file}");
    }
    let path = bed.folder().join("bicycles.toml");
    fs::write(&path, &file)?;
    let my = path.display().to_string();

    // All that is missing is the stamps' column, which `prepare` adds.
    let command = async |name: &str| {
        let program = writer("", &[name, &my, "--postgres", bed.postgres_url()])?;
        finish(&bed.run(program).await?, LIMIT).await
    };
    let Finished { code, stderr, .. } = command("check").await?;
    let told: Vec<&str> = stderr.lines().filter(|line| line.contains("table '")).collect();
    let only_stamps = told.iter().all(|line| line.contains("has no column 'cdc_stamp'"));
    assert!(code == 104 && told.len() == WRITTEN.len() && only_stamps, "{stderr}\n{file}");
    for name in ["prepare", "check"] {
        let Finished { code, stderr, .. } = command(name).await?;
        assert_eq!(code, 0, "{name}: {stderr}");
    }

    let observer = Observer::start(&bed, &[]).await?;
    let run = start_run(&bed, &observer, &path, &["--time-scale", "0.1", "--summary", "full"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 0, "{stdout}\n{stderr}\n{file}");
    let report = observer.report()?;
    // Six iterations; each makes a row of every table, changes those that have what may change, and deletes all.
    let account = &report.account;
    assert_eq!((account.delivered, account.rejected), (account.entries, 0), "{stdout}");
    assert!(account.entries >= 6 * 2 * WRITTEN.len() as u64, "{stdout}");
    let content = report.content.expect("verified columns");
    assert_eq!((content.matched, content.compared_in_part), (content.written, 0), "{stdout}");
    let rows_of = |entity: &str| {
        let of = content.columns.iter().filter(|column| column.entity == entity);
        of.map(|column| (column.compared, column.matched)).collect::<BTreeSet<_>>()
    };
    for table in WRITTEN {
        // Every column in every row, made or changed.
        let rows = rows_of(table);
        let counts: Vec<_> = rows.iter().collect();
        let [(compared, matched)] = counts[..] else { panic!("{table}: {rows:?}\n{stdout}") };
        assert!(compared == matched && *compared >= 6, "{table}: {rows:?}\n{stdout}");
    }
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}
