//! Nothing outlives its owner, however the owner ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use streamgauge_testbed::{Testbed, find_program, wait_for};

use crate::LIMIT;

/// The processes that belong to a testbed: all of them work in its folder, also when it has been removed.
fn processes_in(folder: &Path) -> Vec<String> {
    let numbers =
        fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let inside = numbers.filter(|process| {
        fs::read_link(process.join("cwd"))
            .is_ok_and(|cwd| cwd.to_string_lossy().starts_with(&*folder.to_string_lossy()))
    });
    inside
        .map(|process| {
            format!("{process:?} {}", fs::read_to_string(process.join("comm")).unwrap_or_default())
        })
        .collect()
}

async fn nothing_left(folder: &Path) -> Result<()> {
    wait_for("nothing to be left", LIMIT, || async {
        let (left, exists) = (processes_in(folder), folder.exists());
        if left.is_empty() && !exists {
            Ok(())
        } else {
            Err(format!("folder exists: {exists}, processes: {left:?}"))
        }
    })
    .await
}

/// A `testbed start` that is ready, and its folder.
fn owner() -> Result<(Child, PathBuf)> {
    let mut owner = Command::new(find_program("testbed")?).arg("start").stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(owner.stdout.take().context("no output")?).lines();
    let mut folder = None;
    for line in lines {
        let line = line?;
        if let Some(file) = line.strip_prefix("STREAMGAUGE_ACK_FILE=") {
            folder = Path::new(file).parent().map(Path::to_owned);
        }
        if line == "testbed: ready" {
            break;
        }
    }
    let folder = folder.context("it did not come up")?;
    assert!(processes_in(&folder).len() >= 3, "PostgreSQL, mongod and relay run in {}", folder.display());
    Ok((owner, folder))
}

fn end(owner: &mut Child, signal: Signal) -> Result<std::process::ExitStatus> {
    let pid = Pid::from_raw(i32::try_from(owner.id())?).context("no process id")?;
    kill_process(pid, signal)?;
    Ok(owner.wait()?)
}

#[tokio::test]
async fn after_kill_9_of_the_owner() -> Result<()> {
    let (mut owner, folder) = owner()?;
    end(&mut owner, Signal::KILL)?;
    nothing_left(&folder).await
}

#[tokio::test]
async fn after_ctrl_c_and_sigterm_which_end_well() -> Result<()> {
    for signal in [Signal::INT, Signal::TERM] {
        let (mut owner, folder) = owner()?;
        assert!(end(&mut owner, signal)?.success(), "{signal:?}");
        // It waits for its guard, so there is nothing to wait for here.
        assert_eq!((processes_in(&folder), folder.exists()), (Vec::new(), false), "{signal:?}");
    }
    Ok(())
}

#[tokio::test]
async fn after_a_panic_while_a_second_testbed_goes_on() -> Result<()> {
    let other = Testbed::builder().start().await?;
    let failing = tokio::spawn(async {
        let bed = Testbed::builder().start().await.unwrap();
        let folder = bed.folder().to_owned();
        assert!(!folder.exists(), "{}", folder.display());
    });
    let panic = failing.await.unwrap_err().into_panic();
    let folder = PathBuf::from(panic.downcast_ref::<String>().context("no message")?);
    assert!(!folder.exists() && processes_in(&folder).is_empty());
    assert!(other.relay().is_running() && other.postgres().is_running() && other.mongo().is_running());
    let folder = other.folder().to_owned();
    drop(other);
    assert!(!folder.exists() && processes_in(&folder).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_command_runs_with_the_variables_and_its_code_comes_back() -> Result<()> {
    let script =
        "test -n \"$STREAMGAUGE_POSTGRES$STREAMGAUGE_MONGO\" && echo \"$STREAMGAUGE_ACK_FILE\" && exit 7";
    let mut command = Command::new(find_program("testbed")?);
    let output =
        tokio::task::spawn_blocking(move || command.args(["exec", "--", "sh", "-c", script]).output());
    let output = output.await??;
    assert_eq!(output.status.code(), Some(7));
    let file = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    let folder = file.parent().context("no folder")?;
    assert!(!folder.exists() && processes_in(folder).is_empty());
    Ok(())
}
