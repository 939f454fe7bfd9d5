//! A private PostgreSQL: `initdb` in the testbed's folder, logical decoding on, TCP on 127.0.0.1 with a password.
//!
//! `fsync` stays on: what is measured must pay for its commits.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio_postgres::NoTls;

use super::identity::stand_in;
use super::port::{START_ATTEMPTS, free_port, was_taken};
use crate::guard::{Guard, Process, Program, Signal, State};
use crate::secret;
use crate::wait::wait_for;

/// The superuser of the private server.
pub(crate) const USER: &str = "streamgauge";
/// How long the server may take until it answers; a cold disk takes seconds.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// Settings of every private server; a test's own come after and win.
const SETTINGS: [(&str, &str); 9] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("wal_level", "logical"),
    ("max_wal_senders", "16"),
    ("max_replication_slots", "16"),
    ("max_connections", "100"),
    ("shared_buffers", "64MB"),
    // In the data folder, so that a killed server leaves no segment behind.
    ("dynamic_shared_memory_type", "mmap"),
    ("log_min_messages", "warning"),
];

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    /// The server's process.
    pub process: Process,
    /// `postgresql://user:password@127.0.0.1:port/database`.
    pub url: String,
    /// Where its programs are.
    pub bin: PathBuf,
}

/// What a server that speaks TLS needs, as PEM.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// Its certificate.
    pub certificate: String,
    /// The certificate's private key.
    pub key: String,
    /// The authority that signs the certificates of clients.
    pub authority: String,
}

impl ServerTls {
    /// Writes the files and returns the settings that name them.
    fn place(&self, home: &Path, user: Option<(u32, u32)>) -> Result<Vec<(String, String)>> {
        let files = [
            ("ssl_cert_file", "server.crt", &self.certificate),
            ("ssl_key_file", "server.key", &self.key),
            ("ssl_ca_file", "root.crt", &self.authority),
        ];
        let mut settings = vec![("ssl".to_owned(), "on".to_owned())];
        for (setting, name, content) in files {
            let path = home.join(name);
            fs::write(&path, content)?;
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            if user.is_some() {
                chown(&path, user.map(|ids| ids.0), user.map(|ids| ids.1))?;
            }
            settings.push((setting.to_owned(), text(&path)?));
        }
        Ok(settings)
    }
}

/// Makes a database cluster and starts it, with the empty database `database`.
pub(crate) async fn start(
    guard: &Guard,
    folder: &Path,
    bin: PathBuf,
    database: &str,
    settings: &[(String, String)],
    tls: Option<&ServerTls>,
) -> Result<Postgres> {
    let user = stand_in()?;
    let password = secret();
    let home = folder.join("postgres");
    fs::create_dir(&home)?;
    fs::set_permissions(&home, Permissions::from_mode(0o700))?;
    let password_file = home.join("password");
    fs::write(&password_file, &password)?;
    for path in user.iter().flat_map(|_| [&home, &password_file]) {
        chown(path, user.map(|ids| ids.0), user.map(|ids| ids.1))?;
    }
    let tls = tls.map(|tls| tls.place(&home, user)).transpose()?.unwrap_or_default();
    let data = home.join("data");
    initialise(guard, program("initdb", &bin, user), &data, &password_file).await?;
    for _ in 0..START_ATTEMPTS {
        let port = free_port()?;
        let mut server = program("postgres", &bin, user);
        server.name = format!("postgres-{port}");
        // Immediate shutdown: at once, and unlike SIGKILL it gives its shared memory back.
        server.stop = Signal::Quit;
        let own = tls.iter().chain(settings).map(|(name, value)| (name.as_str(), value.as_str()));
        let options = SETTINGS
            .into_iter()
            .chain(own)
            .flat_map(|(name, value)| ["-c".into(), format!("{name}={value}")]);
        let server =
            server.args(["-D".to_owned(), text(&data)?, "-p".into(), port.to_string()]).args(options);
        let process = guard.run(server).await?;
        let url = |database: &str| format!("postgresql://{USER}:{password}@127.0.0.1:{port}/{database}");
        if create_database(&process, &url("postgres"), database).await? {
            return Ok(Postgres { process, url: url(database), bin });
        }
    }
    bail!("PostgreSQL lost its port {START_ATTEMPTS} times to another process")
}

/// A program of this installation that no setting of the user's shell can lead astray.
fn program(name: &str, bin: &Path, user: Option<(u32, u32)>) -> Program {
    let mut program = Program::new(name, bin.join(name)).env("LC_ALL", "C");
    program.user = user;
    let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    program.unset = variables.filter(|name| name.starts_with("PG")).collect();
    program
}

async fn initialise(guard: &Guard, initdb: Program, data: &Path, password_file: &Path) -> Result<()> {
    let mut initdb = initdb.args([
        "--pgdata".to_owned(),
        text(data)?,
        format!("--username={USER}"),
        format!("--pwfile={}", text(password_file)?),
        "--auth=scram-sha-256".into(),
        "--encoding=UTF8".into(),
        "--locale=C".into(),
        // Only of initdb itself; the server syncs.
        "--no-sync".into(),
    ]);
    // It runs a server of its own, which has to give its shared memory back.
    initdb.stop = Signal::Terminate;
    let process = guard.run(initdb).await?;
    match process.ended().await {
        State::Exited { code: Some(0), .. } => Ok(()),
        state => bail!("initdb {state}:\n{}", process.tail()),
    }
}

/// Creates the database once the server answers; `false` when the server lost its port to another process.
async fn create_database(process: &Process, url: &str, database: &str) -> Result<bool> {
    let answered = wait_for("PostgreSQL to answer", READY_LIMIT, || async {
        if process.state().is_over() {
            return Ok(None);
        }
        tokio_postgres::connect(url, NoTls).await.map(Some)
    });
    let connected = answered.await.with_context(|| process.tail())?;
    let Some((client, connection)) = connected else {
        if was_taken(&process.tail()) {
            return Ok(false);
        }
        bail!("PostgreSQL {}:\n{}", process.state(), process.tail());
    };
    let create = format!("CREATE DATABASE {database}");
    let work = async {
        let created = client.batch_execute(&create).await;
        // The connection ends when its client is gone.
        drop(client);
        created
    };
    let (created, ended) = tokio::join!(work, connection);
    created.context("cannot create the database")?;
    ended.context("the connection broke")?;
    Ok(true)
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8", path.display()))
}
