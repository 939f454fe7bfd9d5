//! One session: connected, set up, with the test's statements prepared.

use std::sync::Arc;
use std::time::Duration;

use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::test_file::{Action, ColumnType, Entity, Setting, Step, Test};
use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use super::learned::Learned;
use super::reach::{Peer, longest, reach};
use super::statement::Prepared;
use super::{Address, ConnectError, describe, sql};
use crate::entity::Value;

/// How long a session may take to say goodbye.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// How the sessions of a run are set up.
#[derive(Clone, Debug)]
pub struct Session {
    /// Where.
    pub address: Address,
    /// Whether a commit waits until it is durable; nothing leaves the server's own setting.
    pub synchronous_commit: Option<bool>,
    /// What is prepared, one for each of the model's entities; empty for a session that only looks at tables.
    pub entities: Arc<[Writes]>,
    /// What was learned of the server.
    pub learned: Learned,
}

/// What a test writes of one entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Writes {
    /// The entity; it can always be inserted and deleted.
    pub entity: Entity,
    /// The columns of each update there is, by index and in order.
    pub updates: Vec<Vec<usize>>,
}

/// A session. Ends when it is dropped; [`Connection::close`] says goodbye first.
pub struct Connection {
    client: Client,
    peer: Peer,
    learned: Learned,
    /// One for each entity of the session.
    statements: Vec<Statements>,
    driver: Driver,
}

struct Statements {
    insert: Prepared,
    /// The columns that an insert fills, by index.
    ours: Vec<usize>,
    /// Those that the database fills, and the type of each.
    of_database: Vec<(usize, ColumnType)>,
    delete: Prepared,
    /// By the columns that each changes.
    updates: Vec<(Vec<usize>, Prepared)>,
    /// Indexes of the key's columns.
    key: Vec<usize>,
}

/// The task that moves a session's bytes; never outlives it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Writes {
    /// Everything that the flows of a test write, one for each of the model's entities.
    #[must_use]
    pub fn of(test: &Test) -> Arc<[Self]> {
        let none = |entity: &Entity| Self { entity: entity.clone(), updates: Vec::new() };
        let mut all: Vec<Self> = test.model.entities.iter().map(none).collect();
        let mut note = |step: &Step| {
            if let Action::Update { entity, set, .. } = &step.action {
                let columns = changed(set);
                let updates = &mut all[*entity].updates;
                if !updates.contains(&columns) {
                    updates.push(columns);
                }
            }
        };
        let flows = test.scenarios.iter().map(|scenario| &scenario.flow);
        for flow in [&test.setup, &test.teardown].into_iter().chain(flows) {
            flow.iter().for_each(|step| step.visit(&mut note));
        }
        all.into()
    }
}

/// The columns that an update changes, in order.
#[must_use]
pub fn changed(set: &[Setting]) -> Vec<usize> {
    let mut columns: Vec<usize> = set.iter().map(|setting| setting.column).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

impl Session {
    /// Connects and prepares.
    ///
    /// # Errors
    /// [`ConnectError`], after five seconds for each place of the address at most, or its `connect_timeout`.
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        let longest = longest(&self.address);
        let connected = tokio::time::timeout(longest, self.connect_and_prepare()).await;
        connected.map_err(|_| ConnectError::Timeout(longest))?
    }

    async fn connect_and_prepare(&self) -> Result<Connection, ConnectError> {
        let (client, driver, peer) = reach(&self.address).await?;
        let driver = Driver(tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!("a session with PostgreSQL ended: {}", describe(&error));
            }
        }));
        let statements = self.set_up(&client).await.map_err(ConnectError::of_session)?;
        Ok(Connection { client, peer, learned: self.learned.clone(), statements, driver })
    }

    async fn set_up(&self, client: &Client) -> Result<Vec<Statements>, Error> {
        if let Some(on) = self.synchronous_commit
            && !self.learned.is_unnamed()
        {
            // Behind a pooler that was not seen yet it would be somebody else's setting: none is made without need.
            let value = if on { "on" } else { "off" };
            if synchronous_commit(client).await? != value {
                client.batch_execute(&format!("SET synchronous_commit = {value}")).await?;
            }
        }
        match self.prepare(client).await {
            Err(error) if self.learned.look_at(&error) => self.prepare(client).await,
            prepared => prepared,
        }
    }

    async fn prepare(&self, client: &Client) -> Result<Vec<Statements>, Error> {
        let mut statements = Vec::with_capacity(self.entities.len());
        for writes in self.entities.iter() {
            statements.push(Statements::prepare(client, writes, self.learned.is_unnamed()).await?);
        }
        Ok(statements)
    }
}

impl Statements {
    async fn prepare(client: &Client, writes: &Writes, unnamed: bool) -> Result<Self, Error> {
        let entity = &writes.entity;
        let kind = |index: &usize| sql::sent_as(&entity.columns[*index]);
        let (ours, of_database) = sql::filled(entity);
        let key: Vec<Type> = entity.key.iter().map(kind).collect();
        let with_stamp = |columns: &[usize]| {
            let mut types: Vec<Type> = columns.iter().map(kind).collect();
            types.push(Type::TEXT);
            types
        };
        let insert = Prepared::new(client, unnamed, sql::insert(entity), with_stamp(&ours)).await?;
        let delete = Prepared::new(client, unnamed, sql::delete(entity), key.clone()).await?;
        let mut updates = Vec::with_capacity(writes.updates.len());
        for columns in &writes.updates {
            let mut types = with_stamp(columns);
            types.extend_from_slice(&key);
            let statement = Prepared::new(client, unnamed, sql::update(entity, columns), types).await?;
            updates.push((columns.clone(), statement));
        }
        let of_database = of_database.into_iter().map(|index| (index, entity.columns[index].kind)).collect();
        Ok(Self { insert, ours, of_database, delete, updates, key: entity.key.clone() })
    }
}

impl Connection {
    /// Inserts a row with its stamp; `values` are those of all columns. Returns what the database filled, by index of
    /// the column, or nothing if no row was made.
    ///
    /// # Errors
    /// Whatever PostgreSQL or the network says; [`super::Fate`] tells what it means.
    pub async fn insert(
        &self,
        entity: usize,
        values: &[Value],
        stamp: &Stamp,
    ) -> Result<Option<Vec<(usize, Value)>>, Error> {
        let (stamp, statements) = (stamp.to_string(), &self.statements[entity]);
        let ours = statements.ours.iter().map(|index| Sent::of(&values[*index]));
        let sent: Vec<Sent<'_>> = ours.chain([Sent::Text(&stamp)]).collect();
        if statements.of_database.is_empty() {
            let rows = self.execute(&statements.insert, &sent).await?;
            return Ok((rows > 0 || self.learned.is_routed(entity)).then(Vec::new));
        }
        let parameters: Vec<&(dyn ToSql + Sync)> = sent.iter().map(Sent::sql).collect();
        let row = statements.insert.row(&self.client, &parameters).await;
        let Some(row) = row.inspect_err(|error| {
            self.learned.look_at(error);
        })?
        else {
            return Ok(None);
        };
        let columns = statements.of_database.iter().enumerate();
        columns
            .map(|(place, (index, kind))| Ok((*index, returned(&row, place, *kind)?)))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Updates these columns of a row, by index and in order, and its stamp; `values` are those of all columns
    /// as they are to be. Returns how many rows that changed.
    ///
    /// # Errors
    /// As [`Connection::insert`].
    pub async fn update(
        &self,
        entity: usize,
        columns: &[usize],
        values: &[Value],
        stamp: &Stamp,
    ) -> Result<u64, Error> {
        let stamp = stamp.to_string();
        let statements = &self.statements[entity];
        let (_, statement) = statements
            .updates
            .iter()
            .find(|(changed, _)| changed == columns)
            .expect("each update of the test's flows is prepared");
        let of = |index: &usize| Sent::of(&values[*index]);
        let mut sent: Vec<Sent<'_>> = columns.iter().map(of).collect();
        sent.push(Sent::Text(&stamp));
        sent.extend(statements.key.iter().map(of));
        self.execute(statement, &sent).await
    }

    /// Deletes a row by its key; `values` are those of all columns. Returns how many rows that removed.
    ///
    /// # Errors
    /// As [`Connection::insert`].
    pub async fn delete(&self, entity: usize, values: &[Value]) -> Result<u64, Error> {
        let statements = &self.statements[entity];
        let key: Vec<Sent<'_>> = statements.key.iter().map(|index| Sent::of(&values[*index])).collect();
        self.execute(&statements.delete, &key).await
    }

    /// The stamp of a row, found by its key; `values` are those of all columns.
    ///
    /// # Errors
    /// As [`Connection::insert`].
    pub async fn stamp_of(&self, entity: &Entity, values: &[Value]) -> Result<Option<String>, Error> {
        let key: Vec<Sent<'_>> = entity.key.iter().map(|index| Sent::of(&values[*index])).collect();
        let types = entity.key_columns().map(sql::sent_as);
        let values: Vec<(&(dyn ToSql + Sync), Type)> = key.iter().map(Sent::sql).zip(types).collect();
        let row = self.client.query_typed_opt(&sql::stamp_of(entity), &values).await?;
        Ok(row.map(|row| row.get::<_, Option<String>>(0).unwrap_or_default()))
    }

    async fn execute(&self, statement: &Prepared, sent: &[Sent<'_>]) -> Result<u64, Error> {
        let values: Vec<&(dyn ToSql + Sync)> = sent.iter().map(Sent::sql).collect();
        let executed = statement.execute(&self.client, &values).await;
        executed.inspect_err(|error| {
            self.learned.look_at(error);
        })
    }

    /// Begins a transaction: what follows commits with [`Connection::commit`], or not at all.
    ///
    /// # Errors
    /// As [`Connection::insert`].
    pub async fn begin(&self) -> Result<(), Error> {
        self.client.batch_execute("BEGIN").await
    }

    /// Commits what was done since [`Connection::begin`]. No statement of it may have failed.
    ///
    /// # Errors
    /// As [`Connection::insert`].
    pub async fn commit(&self) -> Result<(), Error> {
        self.client.batch_execute("COMMIT").await
    }

    /// Undoes what was done since [`Connection::begin`].
    ///
    /// # Errors
    /// As [`Connection::insert`].
    pub async fn roll_back(&self) -> Result<(), Error> {
        self.client.batch_execute("ROLLBACK").await
    }

    /// For statements that are not the load.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the server lets this session write: no standby, and not only for reading by its settings.
    ///
    /// # Errors
    /// As [`Connection::insert`].
    pub async fn may_write(&self) -> Result<bool, Error> {
        let asked = "SELECT current_setting('transaction_read_only') = 'off'";
        Ok(self.client.query_typed_one(asked, &[]).await?.get(0))
    }

    /// `synchronous_commit` as this session has it.
    ///
    /// # Errors
    /// As [`Connection::insert`].
    pub async fn synchronous_commit(&self) -> Result<String, Error> {
        synchronous_commit(&self.client).await
    }

    /// Whom it is with, and how.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether the session has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Says goodbye, so that the server does not log a lost connection.
    pub async fn close(self) {
        let Self { client, statements, mut driver, .. } = self;
        drop((client, statements));
        if tokio::time::timeout(CLOSE_MAX, &mut driver.0).await.is_err() {
            tracing::debug!("a session with PostgreSQL did not end in time");
        }
    }
}

async fn synchronous_commit(client: &Client) -> Result<String, Error> {
    Ok(client.query_typed_one("SELECT current_setting('synchronous_commit')", &[]).await?.get(0))
}

/// The value of a column of the key that the database filled.
fn returned(row: &Row, place: usize, kind: ColumnType) -> Result<Value, Error> {
    Ok(match kind {
        ColumnType::Uuid => Value::Uuid(row.try_get(place)?),
        ColumnType::Smallint => Value::Smallint(row.try_get(place)?),
        ColumnType::Integer => Value::Integer(row.try_get(place)?),
        ColumnType::Bigint => Value::Bigint(row.try_get(place)?),
        // No other type is filled by the database.
        _ => Value::Text(row.try_get(place)?),
    })
}

/// A value as it is sent; see [`sql::sent_as`].
enum Sent<'a> {
    Native(&'a (dyn ToSql + Sync)),
    Text(&'a String),
    Written(String),
}

impl<'a> Sent<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Uuid(uuid) => Self::Native(uuid),
            Value::Smallint(number) => Self::Native(number),
            Value::Integer(number) => Self::Native(number),
            Value::Bigint(number) => Self::Native(number),
            Value::Boolean(flag) => Self::Native(flag),
            Value::Text(text)
            | Value::Char(text)
            | Value::Numeric(text)
            | Value::Address(text)
            | Value::Json(text) => Self::Text(text),
            Value::Timestamp(_) | Value::Date(_) | Value::Time(_) | Value::Bytes(_) | Value::List(_) => {
                Self::Written(value.written())
            }
            Value::ByDatabase => unreachable!("no statement sends what the database is to fill"),
        }
    }

    fn sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Native(value) => *value,
            Self::Text(text) => *text,
            Self::Written(text) => text,
        }
    }
}
