//! The Java parts of the pipeline: fetched once by Maven into the testbed's cache folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use streamgauge_testbed::Places;
use tokio::process::Command;
use xxhash_rust::xxh3::xxh3_64;

/// What is fetched, and its versions.
const POM: &str = include_str!("../pom.xml");
/// The profiles of the POM that are connectors: each a folder of its own, which Connect loads apart from the others.
const PLUGINS: [&str; 2] = ["debezium-postgres", "mongo-sink"];
/// The oldest Java that the parts run on.
const JAVA_OLDEST: u32 = 17;
/// Longer than 110 MB take on a slow line; a stuck Maven must not hold a test for ever.
const FETCH_LIMIT: Duration = Duration::from_secs(600);

/// A profile that is no connector: HdrHistogram's own tools.
const HDR_HISTOGRAM: &str = "hdr-histogram";

/// Where the parts are.
#[derive(Clone, Debug)]
pub struct Artefacts {
    folder: PathBuf,
}

impl Artefacts {
    /// Finds the parts in the cache, or fetches them; one process fetches while others wait.
    ///
    /// # Errors
    /// When Java or Maven is missing or too old, in one sentence; and when Maven cannot fetch.
    pub async fn find() -> Result<Self> {
        check_programs(java_version().await, answers("mvn").await)?;
        // Named after the POM: other versions are another folder.
        let cache = Places::of_this_machine().cache;
        let name = format!("pipeline-{:016x}", xxh3_64(POM.as_bytes()));
        let folder = cache.join(&name);
        fs::create_dir_all(&cache).with_context(|| format!("cannot make the cache {}", cache.display()))?;
        let lock = File::create(cache.join(format!(".{name}.lock"))).context("no lock file in the cache")?;
        // Held until the file is closed, also by a process that is killed.
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await?;
        let lock = lock.context("cannot lock the cache")?;
        if !folder.is_dir() {
            let partial = cache.join(format!(".{name}.partial"));
            // What is here under the lock was left by a process that was killed.
            if partial.exists() {
                fs::remove_dir_all(&partial)?;
            }
            fetch(&partial).await?;
            fs::rename(&partial, &folder).context("cannot place what Maven fetched")?;
        }
        drop(lock);
        Ok(Self { folder })
    }

    /// The class path of broker and worker; Java itself expands the star.
    #[must_use]
    pub fn class_path(&self) -> String {
        format!("{}/*", self.folder.join("kafka").display())
    }

    /// The class path of HdrHistogram's own tools, which read the interval log.
    #[must_use]
    pub fn interval_log_tools(&self) -> String {
        format!("{}/*", self.folder.join(HDR_HISTOGRAM).display())
    }

    /// The folder with one folder for each connector.
    #[must_use]
    pub fn plugins(&self) -> PathBuf {
        self.folder.join("plugins")
    }
}

/// One sentence where something is missing.
fn check_programs(java: Option<u32>, has_maven: bool) -> Result<()> {
    let java_is = match java {
        Some(version) if version >= JAVA_OLDEST => None,
        Some(version) => Some(format!("java is version {version}")),
        None => Some("java is not there".to_owned()),
    };
    let maven_is = (!has_maven).then(|| "mvn is not there".to_owned());
    let missing: Vec<String> = java_is.into_iter().chain(maven_is).collect();
    if !missing.is_empty() {
        bail!(
            "the real pipeline needs Java {JAVA_OLDEST} or later and Maven, and {}: install them (on Debian: apt-get install openjdk-17-jre-headless maven)",
            missing.join(" and ")
        );
    }
    Ok(())
}

async fn java_version() -> Option<u32> {
    let output = Command::new("java").arg("-version").kill_on_drop(true).output().await.ok()?;
    major(&String::from_utf8_lossy(&output.stderr))
}

/// The major version in what `java -version` prints: `openjdk version "17.0.15" 2025-04-15`.
fn major(printed: &str) -> Option<u32> {
    let version = printed.split('"').nth(1)?;
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse().ok());
    match parts.next()? {
        // Before version 9 the major version stood second.
        1 => parts.next(),
        major => Some(major),
    }
}

async fn answers(program: &str) -> bool {
    let run = Command::new(program).arg("--version").kill_on_drop(true).output().await;
    run.is_ok_and(|output| output.status.success())
}

/// Fills the folder: `kafka`, the tools, and `plugins` with a folder for each connector.
async fn fetch(folder: &Path) -> Result<()> {
    eprintln!("fetching Kafka, Debezium and MongoDB's sink with Maven, about 110 MB");
    fs::create_dir_all(folder)?;
    let pom = folder.join("pom.xml");
    fs::write(&pom, POM)?;
    copy(&pom, "kafka", &folder.join("kafka")).await?;
    copy(&pom, HDR_HISTOGRAM, &folder.join(HDR_HISTOGRAM)).await?;
    for plugin in PLUGINS {
        copy(&pom, plugin, &folder.join("plugins").join(plugin)).await?;
    }
    Ok(())
}

async fn copy(pom: &Path, profile: &str, to: &Path) -> Result<()> {
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "--file"]).arg(pom).args(["-P", profile]);
    maven.args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
    maven.arg(format!("-DoutputDirectory={}", to.display())).kill_on_drop(true);
    let output = tokio::time::timeout(FETCH_LIMIT, maven.output()).await;
    let output = output.with_context(|| format!("mvn took more than {FETCH_LIMIT:?} for {profile}"))??;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = said.lines().find(|line| line.contains("ERROR")).unwrap_or("without a word");
        bail!("mvn could not fetch {profile}: {first}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_in_both_numberings() {
        assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime"), Some(17));
        assert_eq!(major("java version \"1.8.0_391\""), Some(8));
        assert_eq!(major("openjdk version \"21-ea\" 2023-09-19"), Some(21));
        assert_eq!(major("no java here"), None);
    }

    #[test]
    fn what_is_missing_is_one_sentence_with_the_way_out() {
        assert!(check_programs(Some(17), true).is_ok());
        let said = |java, maven| check_programs(java, maven).expect_err("something is missing").to_string();
        assert!(said(None, false).contains("java is not there and mvn is not there: install"));
        assert!(said(Some(11), true).contains("java is version 11: install"));
        assert!(said(Some(21), false).contains("and mvn is not there"));
    }
}
