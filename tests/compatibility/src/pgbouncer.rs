//! Debian's PgBouncer before a testbed's PostgreSQL.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use streamgauge_testbed::servers::port::free_port;
use streamgauge_testbed::{Process, Program, Testbed, wait_for};
use tokio_postgres::NoTls;

/// Names the executable; `tools/pgbouncer.sh` makes it.
const PROGRAM_VARIABLE: &str = "STREAMGAUGE_PGBOUNCER";
const START_LIMIT: Duration = Duration::from_secs(20);

/// For how long a client keeps a session of the server, PgBouncer's `pool_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As long as the client's own session.
    Session,
    /// For one transaction.
    Transaction,
}

/// A running PgBouncer.
pub struct PgBouncer {
    /// `postgresql://user@127.0.0.1:port/database`, through it.
    pub url: String,
    /// Its process.
    pub process: Process,
}

impl PgBouncer {
    /// Starts one with a pool of `size` sessions; returns when it gives a client one of them.
    ///
    /// # Errors
    /// When there is none, or it does not get ready.
    pub async fn start(bed: &Testbed, mode: Mode, size: u32) -> Result<Self> {
        let program = env::var_os(PROGRAM_VARIABLE)
            .map(PathBuf::from)
            .with_context(|| format!("{PROGRAM_VARIABLE} is not set: run make compatibility-test"))?;
        let server: tokio_postgres::Config = bed.postgres_url().parse()?;
        let user = server.get_user().context("a user")?;
        let password = String::from_utf8(server.get_password().context("a password")?.to_vec())?;
        let (server_port, port) = (server.get_ports().first().context("a port")?, free_port()?);
        let database = bed.database();
        let pool_mode = match mode {
            Mode::Session => "session",
            Mode::Transaction => "transaction",
        };
        // PgBouncer refuses to stay root.
        let as_nobody = if fs::metadata(bed.folder())?.uid() == 0 { "user = nobody\n" } else { "" };
        let settings = format!(
            "[databases]\n\
             {database} = host=127.0.0.1 port={server_port} dbname={database} user={user} password={password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\nadmin_users = {user}\n\
             pool_mode = {pool_mode}\ndefault_pool_size = {size}\n{as_nobody}"
        );
        let file = bed.folder().join(format!("pgbouncer-{port}.ini"));
        fs::write(&file, settings)?;
        let process = Program::new(format!("pgbouncer-{port}"), program).args([file.display().to_string()]);
        let process = bed.run(process).await?;
        let url = format!("postgresql://{user}@127.0.0.1:{port}/{database}");
        wait_for("PgBouncer", START_LIMIT, || async {
            let connected = tokio_postgres::connect(&url, NoTls).await;
            let (client, connection) = connected.map_err(|error| format!("{error}: {}", process.tail()))?;
            let driver = tokio::spawn(connection);
            let answered = client.batch_execute("SELECT 1").await;
            drop(client);
            driver.abort();
            answered.map_err(|error| error.to_string())
        })
        .await?;
        Ok(Self { url, process })
    }

    /// From now on it is in transaction mode.
    ///
    /// # Errors
    /// When its console does not take that.
    pub async fn share_out(&self) -> Result<()> {
        let (server, _) = self.url.rsplit_once('/').context("a database in the address")?;
        let (client, connection) = tokio_postgres::connect(&format!("{server}/pgbouncer"), NoTls).await?;
        let driver = tokio::spawn(connection);
        client.batch_execute("SET pool_mode = 'transaction'").await?;
        driver.abort();
        Ok(())
    }
}
