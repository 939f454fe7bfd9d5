//! What each command does, from its options to its exit code.

mod check;
mod ping;
mod prepared;
mod run;
mod setup;
mod shard;
mod verdict;

use std::path::Path;

use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::Scale;

use crate::cli::{self, Clean, Command, Postgres, Prepare};
use crate::postgres::clean::{self, Cleaned, Left, Selection};
use crate::postgres::schema::{self, Server};
use crate::postgres::{Address, Connection, Learned, Session, Writes};
use crate::terminal;
use crate::test_source::TestSource;
use crate::{doctor, draft};

/// Carries a command out; what it returns is the process's exit code.
///
/// # Errors
/// Why it cannot be carried out: a sentence for the user, and the exit code.
pub async fn carry_out(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Run(options) => Box::pin(run::run(*options)).await,
        Command::Check(options) => check::check(&options).await,
        Command::Prepare(options) => prepare(&options).await,
        Command::Clean(options) => clean_up(&options).await,
        Command::Model(options) => {
            let session = session(&options.postgres)?;
            draft::write(&options.tables, &session).await
        }
        Command::Doctor(options) => doctor::examine(&options).await,
        Command::Ping(options) => Box::pin(ping::ping(options)).await,
        Command::Completions(options) => {
            terminal::print(&cli::completions(options.shell));
            Ok(0)
        }
        Command::Man(options) => cli::manual(&options.folder).map(|()| 0),
    }
}

async fn prepare(options: &Prepare) -> Result<u8, Failure> {
    let source = TestSource::read(&options.test, Scale::default(), Scale::default())?;
    let session = session(&options.postgres)?;
    let (connection, server) = connect(&session).await?;
    let name = options.test.display().to_string();
    let done =
        schema::prepare(&connection, &Writes::of(&source.test), &server, &name, options.locks.lock_timeout)
            .await?;
    connection.close().await;
    if done.is_empty() {
        terminal::print("nothing was missing\n");
    }
    done.iter().for_each(|line| terminal::print(&format!("{line}\n")));
    Ok(0)
}

async fn clean_up(options: &Clean) -> Result<u8, Failure> {
    let source = TestSource::read(&options.test, Scale::default(), Scale::default())?;
    let session = session(&options.postgres)?;
    let (selection, words) = match (options.which.run, options.which.older_than) {
        (Some(run), _) => (Selection::Run { run, writer: None }, format!("of run {run}")),
        (None, age) => {
            let age = age.unwrap_or_default();
            (Selection::SentBefore(Clock::start().now() - age), format!("older than {age}"))
        }
    };
    let cleaned = clean::clean(&session, &source.test.model.entities, selection, &terminal::note).await;
    let cleaned = cleaned.map_err(|error| Failure::run(with_causes(&error)))?;
    for Cleaned { table, deleted, .. } in &cleaned {
        terminal::print(&format!("{table}: {deleted} rows {words} deleted\n"));
    }
    let left: Vec<String> =
        cleaned.iter().filter_map(|table| table.left.as_ref()).map(Left::to_string).collect();
    if left.is_empty() { Ok(0) } else { Err(Failure::run(left.join("\n"))) }
}

/// A session that looks at tables; nothing is prepared for writing.
fn session(postgres: &Postgres) -> Result<Session, Failure> {
    let address = address(postgres.url.as_deref(), postgres.file.as_deref())?;
    Ok(Session { address, synchronous_commit: None, entities: [].into(), learned: Learned::default() })
}

/// Where PostgreSQL is; tells what the user should know of it.
fn address(url: Option<&str>, file: Option<&Path>) -> Result<Address, Failure> {
    let address = Address::read(url, file)?;
    address.notes().iter().for_each(|note| tracing::warn!("{note}"));
    Ok(address)
}

async fn connect(session: &Session) -> Result<(Connection, Server), Failure> {
    let connection = session.connect().await.map_err(|error| error.failure(&session.address))?;
    let server = schema::server(&connection).await?;
    if server.wal_level != "logical" {
        tracing::warn!(
            "wal_level of PostgreSQL at {} is '{}': a pipeline that decodes its changes needs 'logical', unless it decodes elsewhere",
            connection.peer(),
            server.wal_level
        );
    }
    Ok((connection, server))
}

/// An error with what caused it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
