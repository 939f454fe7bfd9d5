//! Which core a program runs on, and who else runs there.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use streamgauge_testbed::{Process, Program, Testbed};

/// The cores that this process may use, as `taskset` names them.
///
/// # Errors
/// When the kernel does not say.
pub fn allowed() -> Result<Vec<String>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let mut cores = Vec::new();
    for range in list.context("no list of cores")?.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse()?, last.parse()?);
        cores.extend((first..=last).map(|core| core.to_string()));
    }
    Ok(cores)
}

/// A program on one core, with a niceness above this process's.
///
/// # Errors
/// When its path is not UTF-8.
pub fn pinned(program: Program, core: &str, niceness: u32) -> Result<Program> {
    let path = program.path.to_str().context("a program's path is not UTF-8")?.to_owned();
    let mut args: Vec<String> =
        ["-c", core, "nice", "-n", &niceness.to_string(), &path].map(str::to_owned).to_vec();
    args.extend(program.args);
    Ok(Program { path: "taskset".into(), args, ..program })
}

/// Moves this process to one core, and with it every program that it starts from now on.
///
/// # Errors
/// When the kernel refuses.
pub fn move_to(core: &str) -> Result<()> {
    let id = std::process::id().to_string();
    let taskset = Command::new("taskset").args(["-a", "-c", "-p", core, &id]).output();
    let output = taskset.context("no taskset here: install util-linux")?;
    if !output.status.success() {
        bail!("taskset: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Busy processes on one core, which never sleep.
///
/// # Errors
/// When they cannot be started.
pub async fn hogs(bed: &Testbed, core: &str, count: u32) -> Result<Vec<Process>> {
    let mut hogs = Vec::new();
    for _ in 0..count {
        let hog = Program::new(super::unique("hog"), "sh").args(["-c", "while :; do :; done"]);
        hogs.push(bed.run(pinned(hog, core, 0)?).await?);
    }
    Ok(hogs)
}
