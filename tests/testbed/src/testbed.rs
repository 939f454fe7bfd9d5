//! The testbed as a whole: builder, start, and what a test asks of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::guard::{Guard, Process, Program};
use crate::relay::{Decimal, Faults, Rate, RowFaults, Shape};
use crate::relay_process::{RelayOptions, RelayProcess};
use crate::servers::find::Places;
use crate::servers::mongo::{self, Mongo};
use crate::servers::postgres::{self, Postgres, ServerTls};
use crate::wait::span;

/// The database on both sides.
const DATABASE: &str = "shop";
/// Room for about a minute of a fast test; mongod allocates it as it is used.
const OPLOG_MB: u32 = 512;
/// MongoDB's own default.
const CHECKPOINT_S: u32 = 60;
/// With a small oplog, which could not roll between two checkpoints.
const SHORT_CHECKPOINT_S: u32 = 1;

/// How a testbed is to be. Made by [`Testbed::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    places: Places,
    settings: Vec<(String, String)>,
    tls: Option<ServerTls>,
    mongo: mongo::Options,
    faults: Faults,
    relay: bool,
}

/// Running servers and, unless it was left out, a running relay. Dropping it stops and removes everything.
#[derive(Debug)]
pub struct Testbed {
    postgres: Postgres,
    mongo: Mongo,
    relay: Option<RelayProcess>,
    folder: PathBuf,
    guard: Guard,
}

impl Builder {
    /// How long the relay holds each row, in whole milliseconds; default: not at all.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.faults.delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// How many ms longer the relay holds rows with each second since the first row it read; default: 0.
    ///
    /// # Panics
    /// When the growth is negative or not a number.
    #[must_use]
    pub fn delay_growth(mut self, ms_per_s: f64) -> Self {
        let growth = Decimal::try_from(ms_per_s);
        self.faults.delay_growth_ms_per_s = Some(growth.unwrap_or_else(|error| panic!("{error}")));
        self
    }

    /// The most rows that the relay writes in a second, evenly spaced; default: as many as it can.
    ///
    /// # Panics
    /// When the rate is not above 0.
    #[must_use]
    pub fn rate_limit(mut self, rows_per_s: f64) -> Self {
        let rate = Rate::try_from(rows_per_s);
        self.faults.rate_limit = Some(rate.unwrap_or_else(|error| panic!("{error}")));
        self
    }

    /// The distance of the moments at which the relay writes what waits, in whole milliseconds; default: it writes each
    /// row as soon as it may.
    #[must_use]
    pub fn poll(mut self, every: Duration) -> Self {
        self.faults.poll_ms = u64::try_from(every.as_millis()).ok();
        self
    }

    /// How long the first row that waits in the relay waits for others, in whole milliseconds; default: not at all.
    #[must_use]
    pub fn batch(mut self, length: Duration) -> Self {
        self.faults.batch_ms = u64::try_from(length.as_millis()).ok();
        self
    }

    /// A time in which the relay writes nothing: from `at` after the first row it read, for `length`.
    #[must_use]
    pub fn stall(mut self, at: Duration, length: Duration) -> Self {
        (self.faults.stall_at, self.faults.stall_for) = (Some(span(at)), Some(span(length)));
        self
    }

    /// The most by which the relay holds a row longer than the rest, in whole milliseconds, evenly drawn from
    /// `seed`; default: not at all.
    #[must_use]
    pub fn jitter(mut self, most: Duration, seed: u64) -> Self {
        self.faults.jitter_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        self.faults.seed = seed;
        self
    }

    /// What the relay does to single rows; default: nothing.
    #[must_use]
    pub fn row_faults(mut self, rows: RowFaults) -> Self {
        self.faults.rows = rows;
        self
    }

    /// How rows lie in MongoDB; default: plain.
    #[must_use]
    pub fn shape(mut self, shape: Shape) -> Self {
        self.faults.shape = shape;
        self
    }

    /// Whether the relay leaves the times of a row's way in its document; default: no.
    #[must_use]
    pub fn marks(mut self, marks: bool) -> Self {
        self.faults.marks = marks;
        self
    }

    /// Whether decimals become the base64 of their digits; default: no.
    #[must_use]
    pub fn base64_decimals(mut self, base64: bool) -> Self {
        self.faults.base64_decimals = base64;
        self
    }

    /// The column in whose place every update has `__debezium_unavailable_value`; default: none.
    #[must_use]
    pub fn leave_out(mut self, column: impl Into<String>) -> Self {
        self.faults.leave_out = Some(column.into());
        self
    }

    /// What stands in the place of the column that is left out; default: `__debezium_unavailable_value`.
    #[must_use]
    pub fn placeholder(mut self, text: impl Into<String>) -> Self {
        self.faults.placeholder = Some(text.into());
        self
    }

    /// All that the relay does to its rows at once; replaces what was set before.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// A PostgreSQL setting, as `wal_level` with `replica`; wins over the testbed's own.
    #[must_use]
    pub fn postgres_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// A PostgreSQL that speaks TLS, and still takes sessions without.
    #[must_use]
    pub fn postgres_tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// A plain mongod without a replica set, which has no change streams.
    #[must_use]
    pub fn mongo_standalone(mut self) -> Self {
        self.mongo.replica_set = false;
        self
    }

    /// A mongod that wants a user and a password; [`Testbed::mongo_uri`] carries both.
    #[must_use]
    pub fn mongo_auth(mut self) -> Self {
        self.mongo.auth = true;
        self
    }

    /// An address on which mongod listens beside 127.0.0.1, for clients that connect to it directly: the name of
    /// its replica set's member stays 127.0.0.1. PostgreSQL's are `listen_addresses` and `hba_file`.
    #[must_use]
    pub fn mongo_also_on(mut self, address: impl Into<String>) -> Self {
        self.mongo.also_on = Some(address.into());
        self
    }

    /// The size of MongoDB's oplog in MB; small ones roll over soon, with a checkpoint every second.
    #[must_use]
    pub fn oplog_mb(mut self, megabytes: u32) -> Self {
        self.mongo.oplog_mb = megabytes;
        self.mongo.checkpoint_s = SHORT_CHECKPOINT_S;
        self
    }

    /// Only the servers; nothing carries rows from one to the other.
    #[must_use]
    pub fn without_relay(mut self) -> Self {
        self.relay = false;
        self
    }

    /// Where the servers are looked for; default: [`Places::of_this_machine`].
    #[must_use]
    pub fn places(mut self, places: Places) -> Self {
        self.places = places;
        self
    }

    /// Starts everything; returns when the servers take writes and the relay streams.
    ///
    /// # Errors
    /// When a server cannot be found or started; what had been started by then is gone again.
    pub async fn start(self) -> Result<Testbed> {
        let postgres = async {
            match &self.tls {
                None => self.places.postgres_bin().await,
                Some(_) => self.places.postgres_bin_with_tls().await,
            }
        };
        let (bin, mongod) = tokio::try_join!(postgres, self.places.mongod())?;
        let temporary = tempfile::Builder::new().prefix("streamgauge-testbed-").tempdir();
        let temporary = temporary.context("cannot make a temporary folder")?;
        // PostgreSQL may run as another user, who must be able to pass, but need not see.
        fs::set_permissions(temporary.path(), Permissions::from_mode(0o711))?;
        let guard = Guard::start(temporary.path())?;
        // From here on the guard removes it, also when this process is killed.
        let folder = temporary.keep();
        let (postgres, mongo) = tokio::try_join!(
            Box::pin(postgres::start(&guard, &folder, bin, DATABASE, &self.settings, self.tls.as_ref())),
            Box::pin(mongo::start(&guard, &folder, &mongod, DATABASE, &self.mongo)),
        )?;
        let mut bed = Testbed { postgres, mongo, relay: None, folder, guard };
        if self.relay {
            let options = RelayOptions {
                postgres: bed.postgres_url().to_owned(),
                mongo: bed.mongo_uri().to_owned(),
                database: DATABASE.to_owned(),
                ack_file: bed.folder.join("acks.tsv"),
                fault_file: bed.folder.join("faults.tsv"),
                faults: self.faults,
            };
            bed.relay = Some(RelayProcess::start(&bed.guard, options).await?);
        }
        Ok(bed)
    }
}

impl Testbed {
    /// A testbed of the usual kind: logical WAL, replica set, no password for MongoDB, relay without delay.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            places: Places::of_this_machine(),
            settings: Vec::new(),
            tls: None,
            mongo: mongo::Options {
                replica_set: true,
                auth: false,
                oplog_mb: OPLOG_MB,
                checkpoint_s: CHECKPOINT_S,
                also_on: None,
            },
            faults: Faults::default(),
            relay: true,
        }
    }

    /// `postgresql://user:password@127.0.0.1:port/shop`; the user is a superuser.
    #[must_use]
    pub fn postgres_url(&self) -> &str {
        &self.postgres.url
    }

    /// `mongodb://127.0.0.1:port/shop?…`, with user and password if it wants them.
    #[must_use]
    pub fn mongo_uri(&self) -> &str {
        &self.mongo.uri
    }

    /// The database's name on both sides: `shop`.
    #[must_use]
    pub fn database(&self) -> &'static str {
        DATABASE
    }

    /// The relay.
    ///
    /// # Panics
    /// When the testbed was built [without one](Builder::without_relay).
    #[must_use]
    pub fn relay(&self) -> &RelayProcess {
        self.relay.as_ref().expect("this testbed was built without a relay")
    }

    /// PostgreSQL's process, to be stopped by a test: with [`crate::Signal::Quit`] it ends at once.
    #[must_use]
    pub fn postgres(&self) -> &Process {
        &self.postgres.process
    }

    /// mongod's process, to be stopped or killed by a test.
    #[must_use]
    pub fn mongo(&self) -> &Process {
        &self.mongo.process
    }

    /// Starts mongod again after it was ended, on the same port and data; returns when it takes writes.
    ///
    /// # Errors
    /// When it still runs, or does not come up.
    pub async fn start_mongo_again(&mut self) -> Result<()> {
        self.mongo.start_again(&self.guard).await
    }

    /// The folder that holds everything and that goes with the testbed; a place for a test's own files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs another program that ends with the testbed; its output is in the folder.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn run(&self, program: Program) -> Result<Process> {
        self.guard.run(program).await
    }

    /// Stops everything and removes the folder, and says so if that failed; dropping does the same silently.
    ///
    /// # Errors
    /// When the guard could not do it all.
    pub fn stop(mut self) -> Result<()> {
        self.guard.stop()
    }
}
