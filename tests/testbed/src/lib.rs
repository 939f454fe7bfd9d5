//! Private servers and a reference pipeline with known behaviour, for proving Streamgauge's figures.
//!
//! A [`Testbed`] is a PostgreSQL, a MongoDB replica set of one node, and a **relay** (logical replication to
//! MongoDB writes) as the pipeline under test: each a real process, on free ports, in one temporary folder.
//! Nothing of it outlives its owner, however the owner ends: see [`guard`].
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use std::time::Duration;
//! use streamgauge_testbed::Testbed;
//!
//! let bed = Testbed::builder().delay(Duration::from_millis(250)).start().await?;
//! println!("{} {} {}", bed.postgres_url(), bed.mongo_uri(), bed.database());
//! bed.relay().kill_9().await?;
//! bed.relay().start_again().await?;
//! bed.stop()?; // dropping it does the same
//! # Ok(())
//! # }
//! ```
//!
//! The executables `testbed` and `relay` must have been built (`cargo build -p streamgauge-testbed --bins`);
//! they are found beside the running test, or in the folder `STREAMGAUGE_BIN_DIR`.
//!
//! The pipeline's faults are the builder's methods, and the options of `testbed start` and `exec`: a delay, a
//! delay that grows, jitter, a rate limit, a stall, and rows that are dropped, duplicated, reordered, coalesced or
//! corrupted by their number; see [`Faults`] and, for how documents lie in MongoDB, [`Shape`]. A test can also stall and kill the
//! [relay](RelayProcess) by hand. Tables are the test's own: any table with a primary key is relayed, whenever it
//! was created and whatever its stamp's column is called.
//!
//! Limits: Linux only. The relay is a test instrument, not a product.

pub mod ack_file;
mod disturb;
pub mod fault_file;
pub mod guard;
pub mod relay;
mod relay_process;
pub mod servers;
mod testbed;
mod wait;

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rand::RngExt;

pub use ack_file::{AckFile, AckRow, Op};
pub use fault_file::{Fault, FaultFile, FaultRow};
pub use guard::{Process, Program, Signal, State};
pub use relay::{Faults, RowFaults, Shape};
pub use relay_process::RelayProcess;
pub use servers::find::Places;
pub use servers::postgres::ServerTls;
pub use testbed::{Builder, Testbed};
pub use wait::wait_for;

/// Names the folder that holds the workspace's executables, when they are not beside the running one.
const BIN_VARIABLE: &str = "STREAMGAUGE_BIN_DIR";
/// Letters of a generated password: enough that nobody guesses it while a test runs.
const SECRET_LENGTH: usize = 24;

/// The executable `name` of this workspace, beside the running one or in `STREAMGAUGE_BIN_DIR`.
///
/// A test runs in `target/<profile>/deps`, the executables are one folder up.
///
/// # Errors
/// When it is not there: it has to be built first.
pub fn find_program(name: &str) -> Result<PathBuf> {
    let folders = match env::var_os(BIN_VARIABLE).filter(|value| !value.is_empty()) {
        Some(folder) => vec![PathBuf::from(folder)],
        None => {
            let own = env::current_exe().context("cannot find the running executable")?;
            own.ancestors().skip(1).take(2).map(Path::to_owned).collect()
        }
    };
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    match found {
        Some(path) => Ok(path),
        None => bail!(
            "the executable {name} is not in {}: build it (cargo build -p streamgauge-testbed --bins), or set {BIN_VARIABLE}",
            folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" or ")
        ),
    }
}

/// A password of letters and digits, which no URL has to escape.
fn secret() -> String {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(SECRET_LENGTH).map(char::from).collect()
}
