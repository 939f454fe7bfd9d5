//! MongoDB's password is to be seen nowhere: not in the list of processes, in no output, in no metric, in no report.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use streamgauge_end_to_end::{Observer, finish, get, runs, scenario, serve, start_run};
use streamgauge_testbed::{Program, Signal, Testbed, find_program, wait_for};

const LIMIT: Duration = Duration::from_secs(40);

/// How the observer learns the URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    ByFile,
    ByVariable,
}

/// The password of a URI.
fn password(uri: &str) -> Result<&str> {
    let credentials = uri.split_once("://").and_then(|(_, rest)| rest.split_once('@')).context("no login")?.0;
    Ok(credentials.split_once(':').context("no password")?.1)
}

/// Every file below a folder, as text.
fn texts(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(texts(&path)?);
        } else {
            found.push((path.clone(), String::from_utf8_lossy(&fs::read(&path)?).into_owned()));
        }
    }
    Ok(found)
}

/// A program without the variable that the testbed's own environment may have.
fn without_variable(mut program: Program) -> Program {
    program.env.remove("STREAMGAUGE_MONGO");
    program.unset.push("STREAMGAUGE_MONGO".into());
    program
}

async fn nothing_is_seen(given: Given) -> Result<()> {
    let bed = Testbed::builder().mongo_auth().start().await?;
    let uri = bed.mongo_uri().to_owned();
    let secret = password(&uri)?.to_owned();
    let file = bed.folder().join("mongo-uri");
    fs::write(&file, format!("{uri}\n"))?;
    let file = file.display().to_string();
    let by_file = ["--once", "--mongo-file", &file];
    let program = match given {
        Given::ByFile => without_variable(serve("", "127.0.0.1:0", &runs(&bed), &by_file)?),
        Given::ByVariable => serve(&uri, "127.0.0.1:0", &runs(&bed), &["--once"])?,
    };
    // Everything that the programs can say.
    let program = program.env("STREAMGAUGE_LOG", "trace");
    let observer = Observer::start_program(&bed, program).await?;
    let proc = PathBuf::from(format!("/proc/{}", observer.process.pid()));
    let shown = fs::read_to_string(proc.join("cmdline"))? + &fs::read_to_string(proc.join("comm"))?;
    assert!(shown.contains("serve") && !shown.contains(&secret), "{shown}");

    let run = start_run(&bed, &observer, &scenario(&bed, 50, 3)?, &["--prepare"]).await?;
    wait_for("rows", LIMIT, || async {
        let page = get(&observer.address, "/metrics").await.map_err(|error| error.to_string())?.body;
        let mut counts = page.lines().filter(|line| line.starts_with("streamgauge_events{"));
        let has_any = counts.any(|line| line.contains("first") && !line.ends_with(" 0"));
        if has_any { Ok(()) } else { Err(page) }
    })
    .await?;
    for path in ["/metrics", "/api/snapshot", "/", "/readyz"] {
        let body = get(&observer.address, path).await?.body;
        assert!(!body.is_empty() && !body.contains(&secret), "{path}: {body}");
    }
    let finished = finish(&run, LIMIT).await?;
    let report = observer.report().with_context(|| finished.stderr.clone())?;
    assert_eq!(report.account.delivered, report.account.entries, "{}", finished.stdout);
    let output = [&finished.stdout, &finished.stderr, &observer.process.stdout(), &observer.process.stderr()];
    assert!(output.iter().all(|text| !text.contains(&secret)), "{output:?}");
    let kept = texts(&observer.runs)?;
    assert!(kept.iter().any(|(path, _)| path.ends_with("report.json")), "{kept:?}");
    for (path, text) in kept {
        assert!(!text.contains(&secret), "{} holds the password", path.display());
    }

    // What looks at MongoDB without a run, and what cannot: with a wrong password, and with none that it can reach.
    let doctor = |uri: &str| -> Result<Program> {
        let program = Program::new(format!("doctor-{}", uri.len()), find_program("streamgauge-observer")?)
            .env("STREAMGAUGE_LOG", "trace");
        let program = match given {
            Given::ByFile => {
                let path = bed.folder().join(format!("uri-{}", uri.len()));
                fs::write(&path, uri)?;
                without_variable(program.args(["doctor", "--mongo-file", &path.display().to_string()]))
            }
            Given::ByVariable => program.env("STREAMGAUGE_MONGO", uri).args(["doctor"]),
        };
        Ok(Program { stop: Signal::Interrupt, ..program })
    };
    let wrong = format!("{secret}-not");
    let unreachable = uri.replace("127.0.0.1:", "127.0.0.1:1/?").split('?').next().map(str::to_owned);
    let unreachable = unreachable.context("a host")?;
    for (uri, is_fine) in [(uri.clone(), true), (uri.replace(&secret, &wrong), false), (unreachable, false)] {
        let said = finish(&bed.run(doctor(&uri)?).await?, LIMIT).await?;
        let text = format!("{}{}", said.stdout, said.stderr);
        assert_eq!(said.code == 0, is_fine, "{text}");
        assert!(!text.is_empty() && !text.contains(&secret), "{text}");
    }
    bed.stop()
}

#[tokio::test]
async fn mongodbs_password_in_a_file_is_to_be_seen_nowhere() -> Result<()> {
    nothing_is_seen(Given::ByFile).await
}

#[tokio::test]
async fn mongodbs_password_in_the_environment_is_to_be_seen_nowhere() -> Result<()> {
    nothing_is_seen(Given::ByVariable).await
}
