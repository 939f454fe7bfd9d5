//! A private mongod: a replica set of one node (or none, for a test), on 127.0.0.1, with a small cache and oplog.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mongodb::bson::{Document, doc};
use mongodb::{Client, options::ClientOptions};

use super::port::{START_ATTEMPTS, free_port, was_taken};
use crate::guard::{Guard, Process, Program};
use crate::secret;
use crate::wait::wait_for;

/// The replica set's name.
pub(crate) const REPLICA_SET: &str = "testbed";
/// The user of a server with authentication.
pub(crate) const USER: &str = "streamgauge";
/// How long the server may take until it is primary.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// What kind of server is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `false`: a plain standalone server, which has no change streams.
    pub(crate) replica_set: bool,
    /// Whether a user and a password are needed.
    pub(crate) auth: bool,
    /// Size of the oplog, in MB; small ones roll over soon.
    pub(crate) oplog_mb: u32,
    /// Seconds between checkpoints; MongoDB keeps the oplog since the last one whatever its size.
    pub(crate) checkpoint_s: u32,
    /// An address beside 127.0.0.1 on which it listens too.
    pub(crate) also_on: Option<String>,
}

/// A running server.
#[derive(Debug)]
pub struct Mongo {
    /// The server's process.
    pub process: Process,
    /// `mongodb://127.0.0.1:port/database?…`.
    pub uri: String,
    port: u16,
    /// What starts it again on the same port and data.
    program: Program,
    starts: u32,
}

impl Mongo {
    /// Starts a server that has ended again, on the same port and data; returns when it takes writes.
    pub(crate) async fn start_again(&mut self, guard: &Guard) -> Result<()> {
        if self.process.is_running() {
            bail!("mongod still runs: end it before it is started again");
        }
        self.starts += 1;
        let name = format!("{}-{}", self.program.name, self.starts);
        self.process = guard.run(Program { name, ..self.program.clone() }).await?;
        let client = direct(self.port).await?;
        wait_primary(&client, &self.process).await?;
        client.shutdown().await;
        Ok(())
    }
}

/// Starts a server and waits until it takes writes.
pub(crate) async fn start(
    guard: &Guard,
    folder: &Path,
    mongod: &Path,
    database: &str,
    options: &Options,
) -> Result<Mongo> {
    let home = folder.join("mongo");
    fs::create_dir(&home)?;
    let key_file = home.join("key");
    fs::write(&key_file, secret())?;
    fs::set_permissions(&key_file, Permissions::from_mode(0o400))?;
    let password = secret();
    for _ in 0..START_ATTEMPTS {
        let port = free_port()?;
        let data = home.join(format!("data-{port}"));
        fs::create_dir(&data)?;
        let program = program(mongod, port, &data, &key_file, options)?;
        let process = guard.run(program.clone()).await?;
        if !set_up(&process, port, options, &password).await? {
            continue;
        }
        let login = if options.auth { format!("{USER}:{password}@") } else { String::new() };
        let kind = if options.replica_set {
            format!("replicaSet={REPLICA_SET}")
        } else {
            "directConnection=true".into()
        };
        let source = if options.auth { "&authSource=admin" } else { "" };
        let uri = format!("mongodb://{login}127.0.0.1:{port}/{database}?{kind}{source}");
        return Ok(Mongo { process, uri, port, program, starts: 1 });
    }
    bail!("mongod lost its port {START_ATTEMPTS} times to another process")
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8", path.display()))
}

/// A small mongod on a port of 127.0.0.1; what kind of server it is stands in further arguments.
///
/// # Errors
/// When the folder's path is not UTF-8.
pub fn on_port(mongod: &Path, port: u16, data: &Path) -> Result<Program> {
    bound(mongod, "127.0.0.1", port, data)
}

fn bound(mongod: &Path, addresses: &str, port: u16, data: &Path) -> Result<Program> {
    // Stopped by SIGKILL, the default: an orderly stop waits for its clients, and the data goes anyway.
    Ok(Program::new(format!("mongod-{port}"), PathBuf::from(mongod))
        .args(["--dbpath".to_owned(), text(data)?, "--port".into(), port.to_string()])
        .args(["--bind_ip", addresses, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"])
        .args(["--setParameter", "diagnosticDataCollectionEnabled=false"]))
}

fn program(mongod: &Path, port: u16, data: &Path, key_file: &Path, options: &Options) -> Result<Program> {
    let mut args = vec!["--syncdelay".to_owned(), options.checkpoint_s.to_string()];
    if options.replica_set {
        args.extend([
            "--replSet".into(),
            REPLICA_SET.into(),
            "--oplogSize".into(),
            options.oplog_mb.to_string(),
        ]);
    }
    match (options.auth, options.replica_set) {
        (true, true) => args.extend(["--keyFile".into(), text(key_file)?]),
        (true, false) => args.push("--auth".into()),
        (false, _) => {}
    }
    let also = options.also_on.iter().map(|address| format!(",{address}"));
    let addresses: String = std::iter::once("127.0.0.1".to_owned()).chain(also).collect();
    Ok(bound(mongod, &addresses, port, data)?.args(args))
}

/// Makes it primary and creates the user; `false` when the server lost its port to another process.
async fn set_up(process: &Process, port: u16, options: &Options, password: &str) -> Result<bool> {
    let client = direct(port).await?;
    let answered = wait_for("mongod to answer", READY_LIMIT, || async {
        if process.state().is_over() {
            return Ok(None);
        }
        hello(&client).await.map(Some)
    });
    if answered.await.with_context(|| process.tail())?.is_none() {
        if was_taken(&process.tail()) {
            return Ok(false);
        }
        bail!("mongod {}:\n{}", process.state(), process.tail());
    }
    let admin = client.database("admin");
    if options.replica_set {
        let member = doc! { "_id": 0, "host": format!("127.0.0.1:{port}") };
        let initiate = doc! { "replSetInitiate": { "_id": REPLICA_SET, "members": [member] } };
        admin.run_command(initiate).await.context("cannot initiate the replica set")?;
    }
    wait_primary(&client, process).await?;
    if options.auth {
        let create = doc! { "createUser": USER, "pwd": password, "roles": ["root"] };
        admin.run_command(create).await.context("cannot create the user")?;
    }
    client.shutdown().await;
    if process.state().is_over() {
        // Somebody else's mongod answered on this port, so ours could not have it.
        return Ok(false);
    }
    Ok(true)
}

/// A client of this server alone, which soon says when it does not answer.
async fn direct(port: u16) -> Result<Client> {
    let mut options =
        ClientOptions::parse(format!("mongodb://127.0.0.1:{port}/?directConnection=true")).await?;
    options.server_selection_timeout = Some(Duration::from_millis(500));
    options.connect_timeout = Some(Duration::from_millis(500));
    Ok(Client::with_options(options)?)
}

async fn wait_primary(client: &Client, process: &Process) -> Result<()> {
    let primary = wait_for("mongod to be primary", READY_LIMIT, || async {
        let hello = hello(client).await.map_err(|error| error.to_string())?;
        if hello.get_bool("isWritablePrimary").unwrap_or(false) { Ok(()) } else { Err(hello.to_string()) }
    });
    primary.await.with_context(|| process.tail())
}

async fn hello(client: &Client) -> mongodb::error::Result<Document> {
    client.database("admin").run_command(doc! { "hello": 1 }).await
}
