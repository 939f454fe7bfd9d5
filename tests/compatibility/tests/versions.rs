//! Every version of the servers that is to be had: a table with a column of every type, changed and deleted, all of it
//! compared where the testbed's relay works. What `model` drafts of it is checked against the catalogue, and both doctors look.
//!
//! `versions.sh` fetches them into `STREAMGAUGE_VERSIONS`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_end_to_end::databases::{execute, stamps_in_postgres};
use streamgauge_end_to_end::every_type::{self, MODEL, TEST, TYPES};
use streamgauge_end_to_end::{Finished, Observer, finish, nothing_left, start_run, writer};
use streamgauge_testbed::{Places, Program, Testbed, find_program};

const LIMIT: Duration = Duration::from_secs(60);

/// The folder of a server that `versions.sh` fetched.
fn server(name: &str) -> Result<PathBuf> {
    let folder = env::var_os("STREAMGAUGE_VERSIONS")
        .context("set STREAMGAUGE_VERSIONS to the folder that versions.sh filled")?;
    let bin = PathBuf::from(folder).join(name).join("bin");
    anyhow::ensure!(bin.is_dir(), "there is no {}: run versions.sh", bin.display());
    Ok(bin)
}

/// What a finding of `doctor --json` says.
fn said(finished: &Finished, code: &str) -> Result<String> {
    let json: Value = serde_json::from_str(&finished.stdout)
        .with_context(|| format!("{}\n{}", finished.stdout, finished.stderr))?;
    let all = ["findings", "passed"].into_iter().filter_map(|list| json[list].as_array()).flatten();
    let finding = all.into_iter().find(|finding| finding["code"] == code);
    Ok(finding.with_context(|| format!("no {code}: {}", finished.stdout))?.to_string())
}

/// What both programs say of these servers before a row is written, and of a table with a column of every type; the
/// path of a test of it.
async fn looked_at(bed: &Testbed, postgres: &str, mongo: &str) -> Result<PathBuf> {
    execute(bed, TYPES).await?;
    let path = every_type::test_files(bed, MODEL)?;
    let check = async |file: &Path| {
        let file = file.display().to_string();
        let checking = bed.run(writer("", &["check", &file, "--postgres", bed.postgres_url()])?).await?;
        finish(&checking, LIMIT).await
    };
    let checked = check(&path).await?;
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    let drafting = bed.run(writer(bed.postgres_url(), &["model", "every_type"])?).await?;
    let drafted = finish(&drafting, LIMIT).await?;
    assert_eq!(drafted.code, 0, "{}", drafted.stderr);
    let draft = bed.folder().join("draft.toml");
    fs::write(&draft, &drafted.stdout)?;
    let checked = check(&draft).await?;
    assert_eq!(checked.code, 0, "{}\n{}", checked.stderr, drafted.stdout);

    let doctor = bed.run(writer(bed.postgres_url(), &["doctor", "--json"])?).await?;
    let version = said(&finish(&doctor, LIMIT).await?, "version")?;
    assert!(version.contains(postgres), "{version}");
    let doctor = Program::new("observer-doctor", find_program("streamgauge-observer")?);
    let doctor = doctor.env("STREAMGAUGE_MONGO", bed.mongo_uri()).args(["doctor", "--json"]);
    let version = said(&finish(&bed.run(doctor).await?, LIMIT).await?, "version")?;
    assert!(version.contains(mongo), "{version}");
    Ok(path)
}

/// The whole way through these servers: nothing that is written is missing, unequal or left behind.
async fn holds(places: Places, postgres: &str, mongo: &str) -> Result<()> {
    let bed = Testbed::builder().places(places).start().await?;
    let path = looked_at(&bed, postgres, mongo).await?;
    let observer = Observer::start(&bed, &[]).await?;
    let run = start_run(&bed, &observer, &path, &["--summary", "full"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    let report = observer.report().with_context(|| format!("{stdout}\n{stderr}"))?;
    assert_eq!(code, i32::from(report.verdict.exit_code), "{stdout}\n{stderr}");
    every_type::assert_complete(&report, &stdout);
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}

/// A PostgreSQL of this version beside the usual MongoDB.
async fn postgres(version: &str) -> Result<()> {
    let bin = server(&format!("postgresql-{version}"))?;
    holds(Places { postgres_bin: Some(bin), ..Places::of_this_machine() }, version, "").await
}

/// A MongoDB of this version beside the usual PostgreSQL.
async fn mongo(version: &str) -> Result<()> {
    let mongod = server(&format!("mongodb-{version}"))?.join("mongod");
    holds(Places { mongod: Some(mongod), ..Places::of_this_machine() }, "", version).await
}

/// The testbed's relay asks pgoutput for something that came with 14; so here nothing carries the rows on, and what is
/// looked at is what PostgreSQL got.
#[tokio::test]
async fn postgresql_13_as_far_as_the_writer() -> Result<()> {
    let places = Places { postgres_bin: Some(server("postgresql-13")?), ..Places::of_this_machine() };
    let bed = Testbed::builder().places(places).without_relay().start().await?;
    let path = looked_at(&bed, "13", "").await?;
    let (head, _) = TEST.split_once("flow =").context("a flow")?;
    let create_only = head.replacen("[scenarios", "[defaults]\ndrain = \"1s\"\n[scenarios", 1);
    fs::write(&path, format!("{create_only}flow = [ {{ create = \"row\" }} ]\n"))?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let run = start_run(&bed, &observer, &path, &["--keep-rows"]).await?;
    let Finished { stdout, stderr, .. } = finish(&run, LIMIT).await?;
    let account = observer.report().with_context(|| format!("{stdout}\n{stderr}"))?.account;
    assert_eq!((account.entries, account.rejected, account.unknown), (30, 0, 0), "{stdout}\n{stderr}");
    assert_eq!(stamps_in_postgres(&bed, "every_type").await?.len(), 30, "every row has its stamp");
    bed.stop()
}

#[tokio::test]
async fn postgresql_14() -> Result<()> {
    postgres("14").await
}

#[tokio::test]
async fn postgresql_15() -> Result<()> {
    postgres("15").await
}

#[tokio::test]
async fn postgresql_16() -> Result<()> {
    postgres("16").await
}

#[tokio::test]
async fn postgresql_17() -> Result<()> {
    postgres("17").await
}

#[tokio::test]
async fn postgresql_18() -> Result<()> {
    postgres("18").await
}

#[tokio::test]
async fn mongodb_5_0() -> Result<()> {
    mongo("5.0.32").await
}

#[tokio::test]
async fn mongodb_6_0_27() -> Result<()> {
    mongo("6.0.27").await
}
