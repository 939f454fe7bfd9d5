//! One session: connected, set up, with the test's statements prepared.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::test_file::{ColumnType, Entity};
use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, NoTls, Statement};
use uuid::Uuid;

use super::{Address, sql};
use crate::entity::{Row, Value};

/// The name under which sessions stand in `pg_stat_activity`.
const APPLICATION_NAME: &str = "streamgauge-writer";
/// How long one attempt to connect may take, with authentication and preparing.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a session may take to say goodbye.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// How the sessions of a run are set up.
#[derive(Clone, Debug)]
pub struct Session {
    /// Where.
    pub address: Address,
    /// Whether a commit waits until it is durable; nothing leaves the server's own setting.
    pub synchronous_commit: Option<bool>,
    /// Entities whose statements are prepared; empty for a session that only looks at tables.
    pub entities: Arc<[Entity]>,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No answer in time.
    #[error("no answer within {} s", CONNECT_MAX.as_secs())]
    Timeout,
    /// PostgreSQL, or the network, says no.
    #[error("{}", describe(.0))]
    Refused(Error),
}

/// A session. Ends when it is dropped; [`Connection::close`] says goodbye first.
pub struct Connection {
    client: Client,
    /// One for each entity of the session.
    statements: Vec<Statements>,
    driver: Driver,
}

struct Statements {
    insert: Statement,
    delete: Statement,
}

/// The task that moves a session's bytes; never outlives it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Session {
    /// Connects and prepares.
    ///
    /// # Errors
    /// [`ConnectError`] after five seconds at most.
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        let connected = tokio::time::timeout(CONNECT_MAX, self.connect_and_prepare()).await;
        connected.map_err(|_| ConnectError::Timeout)?.map_err(ConnectError::Refused)
    }

    async fn connect_and_prepare(&self) -> Result<Connection, Error> {
        let mut config = self.address.config().clone();
        config.application_name(APPLICATION_NAME).connect_timeout(CONNECT_MAX);
        let (client, connection) = config.connect(NoTls).await?;
        let driver = Driver(tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a session with PostgreSQL ended: {}", describe(&error));
            }
        }));
        if let Some(on) = self.synchronous_commit {
            let value = if on { "on" } else { "off" };
            client.batch_execute(&format!("SET synchronous_commit = {value}")).await?;
        }
        let mut statements = Vec::with_capacity(self.entities.len());
        for entity in self.entities.iter() {
            let kind = |kind: ColumnType| match kind {
                ColumnType::Uuid => Type::UUID,
                _ => Type::TEXT,
            };
            let mut types: Vec<Type> = entity.columns.iter().map(|column| kind(column.kind)).collect();
            types.push(Type::TEXT);
            let insert = client.prepare_typed(&sql::insert(entity), &types).await?;
            let delete = client.prepare_typed(&sql::delete(entity), &[Type::UUID]).await?;
            statements.push(Statements { insert, delete });
        }
        Ok(Connection { client, statements, driver })
    }
}

impl Connection {
    /// Inserts a row with its stamp; returns how many rows that made.
    ///
    /// # Errors
    /// Whatever PostgreSQL or the network says; [`super::Fate`] tells what it means.
    pub async fn insert(&self, entity: usize, row: &Row, stamp: &Stamp) -> Result<u64, Error> {
        let stamp = stamp.to_string();
        let mut values: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(row.values.len() + 1);
        values.extend(row.values.iter().map(|value| -> &(dyn ToSql + Sync) {
            match value {
                Value::Uuid(uuid) => uuid,
                Value::Text(text) => text,
            }
        }));
        values.push(&stamp);
        self.client.execute(&self.statements[entity].insert, &values).await
    }

    /// Deletes a row by its key; returns how many rows that removed.
    ///
    /// # Errors
    /// As [`Connection::insert`].
    pub async fn delete(&self, entity: usize, key: &Uuid) -> Result<u64, Error> {
        self.client.execute(&self.statements[entity].delete, &[key]).await
    }

    /// For statements that are not the load.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the session has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Says goodbye, so that the server does not log a lost connection.
    pub async fn close(self) {
        let Self { client, statements, mut driver } = self;
        drop((client, statements));
        if tokio::time::timeout(CLOSE_MAX, &mut driver.0).await.is_err() {
            tracing::debug!("a session with PostgreSQL did not end in time");
        }
    }
}

impl ConnectError {
    /// The sentence for a run that cannot start, or go on, without a session; exit code 107.
    #[must_use]
    pub fn failure(&self, address: &Address) -> Failure {
        let state = match self {
            Self::Refused(error) => error.code().map_or("", |state| state.code()),
            Self::Timeout => "",
        };
        let next = match (state, state.get(..2).unwrap_or_default()) {
            ("53300", _) => "give fewer --connections, or raise max_connections",
            ("3D000", _) => "create the database, or correct its name in --postgres",
            (_, "28") => "check user and password in --postgres, and pg_hba.conf",
            ("57P03", _) => "wait until it has started",
            _ => "start it, or correct --postgres",
        };
        Failure::run(format!("PostgreSQL at {address} takes no session: {self}; {next}"))
    }
}

/// What PostgreSQL said, or the whole chain of what went wrong on the way to it.
#[must_use]
pub fn describe(error: &Error) -> String {
    if let Some(database) = error.as_db_error() {
        return format!("{} ({})", database.message(), database.code().code());
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
