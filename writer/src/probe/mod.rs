//! A row of each table that is written, looked at, changed and deleted in a transaction that is rolled back.
//!
//! What a catalogue does not say, the row does: row-level security that hides or refuses, triggers that keep a row away or
//! put it elsewhere, privileges on columns. Nobody else sees it, and no pipeline: a transaction that is rolled back is
//! not decoded. Numbers that the database gives keys are used up.

mod probed;

pub use probed::{Fault, Inserted, Probed, Step};

use rand::random;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::stamp::{RunId, Stamp};
use streamgauge_shared::test_file::{Entity, Generator, Model};
use tokio_postgres::types::Type;

use crate::entity::{Author, Maker, Numbers, Seeds, Value};
use crate::postgres::{Connection, Writes, describe};
use crate::schedule::Shard;

/// What a row of the probe is written by, as far as a template may ask.
const AUTHOR: Author<'_> = Author { scenario: "probe", vu: 1, iteration: 0 };

/// One transaction under way.
struct Probe<'a> {
    connection: &'a Connection,
    seeds: Seeds,
    clock: Clock,
}

/// Whether a trigger of one of these tables could keep an inserted row away, so that only a probe tells.
///
/// # Errors
/// PostgreSQL does not answer; exit code 107.
pub async fn is_needed(connection: &Connection, writes: &[Writes]) -> Result<bool, Failure> {
    // Before each inserted row.
    const TRIGGERS: &str = "SELECT EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' \
        AND tgtype & 7 = 7 AND tgrelid = ANY (SELECT to_regclass(name)::oid FROM unnest($1) AS t(name)))";
    let tables: Vec<String> = writes.iter().map(|writes| writes.entity.table.quoted()).collect();
    let row = connection.client().query_typed_one(TRIGGERS, &[(&tables, Type::TEXT_ARRAY)]).await;
    Ok(row.map_err(|error| unanswered(&error))?.get(0))
}

/// Probes each table of a model, whose statements the session has, in the model's order. `greatest` is the greatest
/// number of each table's key, as [`crate::postgres::numbers::greatest`] finds it.
///
/// # Errors
/// PostgreSQL does not answer; exit code 107. What it refuses is found, and no error.
pub async fn probe(
    connection: &Connection,
    writes: &[Writes],
    model: &Model,
    greatest: &[Option<i64>],
) -> Result<Vec<Probed>, Failure> {
    let client = connection.client();
    // A row that waits for somebody is not worth holding anybody up.
    let begin = "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '5s'";
    client.batch_execute(begin).await.map_err(|error| unanswered(&error))?;
    let seeds = Seeds { seed: random(), run: RunId::from_bits(random()), writer: 0 };
    let probe = Probe { connection, seeds, clock: Clock::start() };
    let probed = probe.all(writes, model, greatest).await;
    let ended = client.batch_execute("ROLLBACK").await;
    let probed = probed.map_err(|error| unanswered(&error))?;
    ended.map_err(|error| unanswered(&error))?;
    Ok(probed)
}

impl Probe<'_> {
    async fn all(
        &self,
        writes: &[Writes],
        model: &Model,
        greatest: &[Option<i64>],
    ) -> Result<Vec<Probed>, tokio_postgres::Error> {
        let first: Vec<i64> = greatest.iter().map(|number| number.map_or(0, |number| number + 1)).collect();
        let numbers = Numbers::new(model, &first, Shard::WHOLE);
        let (mut all, mut made) = (Vec::new(), Vec::new());
        for (index, writes) in writes.iter().enumerate() {
            let number = numbers.next(index).map(|number| number.value);
            let (probed, row) = self.forward(index, writes, model, &made, number).await?;
            all.push(probed);
            made.push(row);
        }
        // Children first.
        for (index, (probed, row)) in all.iter_mut().zip(&made).enumerate().rev() {
            if let Some(row) = row {
                self.backward(index, &writes[index].entity, row, probed).await?;
            }
        }
        Ok(all)
    }

    /// Writes a row, looks at it and changes it; returns its values if it is there.
    async fn forward(
        &self,
        index: usize,
        writes: &Writes,
        model: &Model,
        made: &[Option<Vec<Value>>],
        number: Option<i64>,
    ) -> Result<(Probed, Option<Vec<Value>>), tokio_postgres::Error> {
        let entity = &writes.entity;
        let mut probed = Probed {
            table: entity.table.to_string(),
            inserted: Inserted::NoParent,
            faults: Vec::new(),
            triggers: self.triggers(entity).await?,
        };
        let Some(parents) = parents(entity, model, made) else { return Ok((probed, None)) };
        let sequence = u64::try_from(index).unwrap_or_default();
        let maker = Maker { seeds: self.seeds, sequence, number, author: AUTHOR };
        let mut values = maker.create(entity, &[], &parents);
        let stamp = self.stamp(sequence);
        let filled = match self.attempt(self.connection.insert(index, &values, &stamp)).await? {
            Ok(filled) => filled,
            Err(said) => {
                probed.inserted = Inserted::Refused(said);
                return Ok((probed, None));
            }
        };
        let says_row = filled.is_some();
        filled.into_iter().flatten().for_each(|(column, value)| values[column] = value);
        // A key that was not returned cannot be asked for.
        let found = if values.iter().all(Value::is_known) {
            self.attempt(self.connection.stamp_of(entity, &values)).await?
        } else {
            Ok(None)
        };
        probed.inserted = match (says_row, &found) {
            (true, _) => Inserted::Row,
            (false, Ok(Some(_))) => Inserted::Elsewhere,
            (false, _) => Inserted::Nothing,
        };
        match found {
            Err(said) => probed.fault(Step::See, said),
            Ok(None) if says_row => {
                probed.fault(Step::See, "the row that was written is not seen".to_owned())
            }
            Ok(Some(found)) if found != stamp.to_string() => {
                probed.fault(Step::See, format!("its stamp is '{found}', and '{stamp}' was written"));
            }
            Ok(_) => {}
        }
        if probed.inserted == Inserted::Nothing {
            return Ok((probed, None));
        }
        if let Some(columns) = writes.updates.first() {
            let stamp = self.stamp(sequence);
            match self.attempt(self.connection.update(index, columns, &values, &stamp)).await? {
                Ok(0) => probed.fault(Step::Update, "it touches 0 rows".to_owned()),
                Ok(_) => {}
                Err(said) => probed.fault(Step::Update, said),
            }
        }
        Ok((probed, Some(values)))
    }

    /// Deletes the row.
    async fn backward(
        &self,
        index: usize,
        entity: &Entity,
        values: &[Value],
        probed: &mut Probed,
    ) -> Result<(), tokio_postgres::Error> {
        match self.attempt(self.connection.delete(index, values)).await? {
            Ok(0) => probed.fault(Step::Delete, "it touches 0 rows".to_owned()),
            Err(said) => probed.fault(Step::Delete, said),
            Ok(_) => {
                if let Ok(Some(_)) = self.attempt(self.connection.stamp_of(entity, values)).await? {
                    probed.fault(Step::Delete, "the row is there afterwards".to_owned());
                }
            }
        }
        Ok(())
    }

    /// One statement, after which the transaction goes on whatever PostgreSQL said; the inner error is its refusal.
    async fn attempt<T>(
        &self,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<Result<T, String>, tokio_postgres::Error> {
        let client = self.connection.client();
        client.batch_execute("SAVEPOINT probe").await?;
        match statement.await {
            Ok(done) => Ok(Ok(done)),
            Err(error) if error.as_db_error().is_some() => {
                client.batch_execute("ROLLBACK TO SAVEPOINT probe").await?;
                Ok(Err(describe(&error)))
            }
            Err(error) => Err(error),
        }
    }

    fn stamp(&self, sequence: u64) -> Stamp {
        Stamp { run: self.seeds.run, writer: 0, sequence, sent: self.clock.now() }
    }

    /// Triggers that may keep a row away, or as it is.
    async fn triggers(&self, entity: &Entity) -> Result<Vec<String>, tokio_postgres::Error> {
        const TRIGGERS: &str = "SELECT DISTINCT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' \
            AND tgtype & 3 = 3 AND tgrelid = to_regclass($1)::oid ORDER BY 1";
        let table = entity.table.quoted();
        let rows = self.connection.client().query_typed(TRIGGERS, &[(&table, Type::TEXT)]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

/// The value of each column that refers to another row; nothing where one of those could not be made.
fn parents(entity: &Entity, model: &Model, made: &[Option<Vec<Value>>]) -> Option<Vec<(usize, Value)>> {
    let columns = entity.columns.iter().enumerate();
    let references = columns.filter_map(|(index, column)| match column.generator {
        Generator::Reference { entity } => Some((index, entity)),
        _ => None,
    });
    references
        .map(|(index, parent)| {
            let row = made.get(parent)?.as_ref()?;
            Some((index, row[model.entities[parent].key[0]].clone()))
        })
        .collect()
}

fn unanswered(error: &tokio_postgres::Error) -> Failure {
    Failure::run(format!("a row cannot be written to look what becomes of it: {}", describe(error)))
}
