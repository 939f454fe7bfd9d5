//! The operations of an iteration: which row each works on, and what becomes of that row.

use rand::Rng;
use rand::rngs::StdRng;
use streamgauge_shared::account::Phase;
use streamgauge_shared::test_file::{Action, Generator, RowFrom, Step};

use super::{Iteration, Last, Stop};
use crate::entity::Value;
use crate::rows::{Choice, Row, RowId};
use crate::user::LoadState;
use crate::user::operation::{Ended, Statement, Write};

/// The rows that a new one refers to.
#[derive(Default)]
struct Parents {
    ids: Vec<RowId>,
    /// By index of the column that refers.
    values: Vec<(usize, Value)>,
}

impl<'a> Iteration<'a> {
    /// A create, an update or a delete.
    pub(super) async fn operate(&mut self, step: &'a Step, random: &mut StdRng) -> Result<(), Stop> {
        match &step.action {
            Action::Create { entity, set, parents, into, check } => {
                let parents = self.parents(*entity, parents, random)?;
                let write = Write {
                    group: step.group,
                    check: *check,
                    ..Write::of(*entity, Statement::Insert { set, parents: &parents.values })
                };
                match self.write(write).await {
                    Ended::Committed(made) => {
                        self.rows.made(*entity, made, &parents.ids, *into);
                        Ok(())
                    }
                    ended => Err(self.stop(&ended)),
                }
            }
            Action::Update { entity, row, set, check } => {
                let row = self.row(*entity, *row, random).ok_or(Stop::NoRow)?;
                let statement = Statement::Update { set, before: &row.values };
                let write = Write { group: step.group, check: *check, ..Write::of(*entity, statement) };
                self.rows.open(row.id);
                let ended = self.write(write).await;
                match ended {
                    Ended::Committed(values) => {
                        self.rows.updated(row.id, values);
                        return Ok(());
                    }
                    Ended::NotConnected | Ended::Cut | Ended::Rejected | Ended::Again => {
                        self.rows.unchanged(row.id);
                    }
                    Ended::Missing | Ended::Unknown => self.rows.lost(row.id),
                }
                Err(self.stop(&ended))
            }
            Action::Delete { row, entity } => self.delete(step.group, *entity, *row, random).await,
            _ => unreachable!("the step is an operation"),
        }
    }

    /// The rows that a new one refers to: the file's reader says for each reference where it comes from.
    fn parents(
        &mut self,
        entity: usize,
        from: &[(usize, RowFrom)],
        random: &mut StdRng,
    ) -> Result<Parents, Stop> {
        let entities = &self.context.test.model.entities;
        let mut parents = Parents::default();
        for (column, from) in from {
            let Generator::Reference { entity: parent } = entities[entity].columns[*column].generator else {
                unreachable!("only references have parents")
            };
            let row = self.row(parent, *from, random).ok_or(Stop::NoRow)?;
            let key = entities[parent].key[0];
            parents.ids.push(row.id);
            parents.values.push((*column, row.values[key].clone()));
        }
        Ok(parents)
    }

    fn row(&mut self, entity: usize, from: RowFrom, random: &mut StdRng) -> Option<Row> {
        match from {
            RowFrom::Own => self.rows.own(entity),
            RowFrom::Pool { pool, pick, keep } => {
                self.rows.pick(Choice { pool, pick, keep, draw: random.next_u64() })
            }
        }
    }

    /// Deletes a row after those that refer to it.
    async fn delete(
        &mut self,
        group: Option<u16>,
        entity: usize,
        from: RowFrom,
        random: &mut StdRng,
    ) -> Result<(), Stop> {
        let doomed = match from {
            RowFrom::Own => self.rows.own(entity).and_then(|row| self.rows.doom(row.id)),
            RowFrom::Pool { pool, pick, keep } => {
                self.rows.pick_doomed(Choice { pool, pick, keep, draw: random.next_u64() })
            }
        };
        for row in doomed.ok_or(Stop::NoRow)? {
            self.rows.open(row.id);
            let statement = Statement::Delete { row: &row.values };
            let ended = self.write(Write { group, ..Write::of(row.entity, statement) }).await;
            match ended {
                Ended::Committed(_) => self.rows.deleted(row.id),
                Ended::NotConnected | Ended::Cut | Ended::Again => self.rows.unchanged(row.id),
                Ended::Rejected | Ended::Missing | Ended::Unknown => self.rows.lost(row.id),
            }
            if !matches!(ended, Ended::Committed(_)) {
                self.rows.spare();
                return Err(self.stop(&ended));
            }
        }
        Ok(())
    }

    /// Writes what became runnable now, or for an iteration's beginning at its tick.
    async fn write(&mut self, write: Write<'_>) -> Ended {
        let entity = write.entity;
        let intended = self.due.take().unwrap_or_else(|| self.context.clock.now());
        let is_first = !std::mem::replace(&mut self.has_operations, true);
        let Some(mut transaction) = self.transaction.take() else {
            let (sequence, ended) = write.carry_out(self, intended).await;
            if let Ended::Committed(_) = &ended {
                self.committed(is_first, sequence.map(|sequence| Last { sequence, entity }));
            }
            return ended;
        };
        transaction.is_first |= is_first;
        let ended = transaction.carry_out(self, &write, intended).await;
        self.transaction = Some(transaction);
        ended
    }

    /// An operation has committed, or a transaction whose last one this is; the iteration's first where that is so.
    pub(super) fn committed(&mut self, is_first: bool, last: Option<Last>) {
        if is_first {
            self.wrote();
        }
        self.last = last.or(self.last);
    }

    /// What follows of an operation that did not commit.
    pub(super) fn stop(&self, ended: &Ended) -> Stop {
        match ended {
            _ if *self.state.borrow() == LoadState::Cut => Stop::Cut,
            Ended::NotConnected => Stop::NotConnected,
            _ => Stop::Failed,
        }
    }

    /// What the iteration is for is written, as far as the load asks.
    pub(super) fn wrote(&self) {
        if self.phase == Phase::Run {
            self.context.counts[self.scenario].wrote();
        }
    }
}
