//! What the writers do: a setup, operations on their rows, and the end of their load.

use rand::RngExt;
use streamgauge_shared::account::{Operation, Phase};
use streamgauge_shared::ledger::{
    Awaited, Closed, End, Ending, Iteration, NotSent, NotSentCause, Opened, Record, Written,
};
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::oneshot;

use crate::agenda::{Happening, MS};
use crate::observer::{known_key, made, written};
use crate::truth::Op;
use crate::world::World;
use crate::writer::{Progress, Row};

impl World {
    /// A few rows before the load, and then the writer is prepared.
    pub(crate) fn set_up(&mut self, now: i64, writer: usize) {
        for _ in 0..self.rng.random_range(0..3) {
            self.create(now, writer, Phase::Setup, None);
        }
        self.agenda.at(now + self.rng.random_range(1..600) * MS, Happening::Prepared(writer));
    }

    /// The setup is done once nothing of it is under way.
    pub(crate) fn prepared(&mut self, now: i64, index: usize) {
        let writer = &mut self.writers[index];
        if writer.killed || writer.progress != Progress::Waits {
            return;
        }
        if writer.stop.is_some() {
            return self.rest(now, index);
        }
        if writer.open > 0 {
            return self.agenda.at(now + 5 * MS, Happening::Prepared(index));
        }
        writer.record(Record::Prepared);
    }

    /// The next operation of a load.
    pub(crate) fn begin(&mut self, now: i64, index: usize) {
        if !self.writers[index].goes_on(now) {
            return self.rest(now, index);
        }
        self.agenda.at(now + self.rng.random_range(MS..25 * MS), Happening::Begin(index));
        let sequence = self.writers[index].sequence;
        if sequence >= self.faults.operations {
            return;
        }
        let phase = if sequence * 10 < self.faults.operations { Phase::WarmUp } else { Phase::Run };
        let idle: Vec<usize> = {
            let rows = self.writers[index].rows.iter().enumerate();
            rows.filter(|(_, (_, row))| row.alive && !row.busy).map(|(index, _)| index).collect()
        };
        if idle.is_empty() || self.rng.random_bool(0.35) {
            self.create(now, index, phase, None);
        } else {
            let row = idle[self.rng.random_range(0..idle.len())];
            let operation = if self.rng.random_bool(0.65) { Operation::Update } else { Operation::Delete };
            self.operate(now, index, row, operation, phase, None);
        }
    }

    /// A row that was not there before; returns the operation.
    pub(crate) fn create(&mut self, now: i64, index: usize, phase: Phase, probe: Option<u32>) -> usize {
        let by_database = self.rng.random_bool(self.faults.by_database);
        self.writers[index].rows.push((self.rows, Row { by_database, ..Row::default() }));
        self.rows += 1;
        let row = self.writers[index].rows.len() - 1;
        self.operate(now, index, row, Operation::Create, phase, probe)
    }

    /// An operation on a writer's row; returns its index.
    pub(crate) fn operate(
        &mut self,
        now: i64,
        index: usize,
        row: usize,
        operation: Operation,
        phase: Phase,
        probe: Option<u32>,
    ) -> usize {
        let writer = &mut self.writers[index];
        writer.rows[row].1.busy = true;
        let sequence = writer.sequence;
        writer.sequence += 1;
        writer.open += 1;
        let op = self.truth.ops.len();
        self.of.insert((index, sequence), op);
        self.truth.ops.push(Op {
            writer: index,
            sequence,
            row: writer.rows[row].0,
            by_database: writer.rows[row].1.by_database,
            operation,
            phase,
            not_sent: false,
            probe,
            goes_on: probe.is_some() && operation == Operation::Create,
            attempts: 0,
            sent_at: 0,
            stamped: UnixNanos(0),
            opened: Vec::new(),
            closed: None,
            awaited: Vec::new(),
            events: Vec::new(),
            corrupt: self.rng.random_bool(self.faults.corrupt),
        });
        if self.outages.iter().any(|(from, until)| (*from..*until).contains(&now)) {
            self.refuse(now, op);
        } else {
            self.attempt(now, op);
        }
        op
    }

    /// PostgreSQL gives no session: the operation is never sent.
    fn refuse(&mut self, now: i64, index: usize) {
        self.name("never sent");
        let op = &mut self.truth.ops[index];
        (op.not_sent, op.goes_on) = (true, false);
        let writer = &mut self.writers[op.writer];
        let not_sent = NotSent {
            sequence: op.sequence,
            phase: op.phase,
            scenario: 0,
            entity: 0,
            operation: op.operation,
            key: known_key(op),
            group: None,
            stage: None,
            intended: writer.clock(now),
            cause: NotSentCause::NotConnected,
        };
        writer.record(Record::NotSent(not_sent));
        let row = writer.rows.iter_mut().find(|(row, _)| *row == op.row).expect("its own row");
        row.1.busy = false;
        self.done(now, index, Ending::Failed);
    }

    pub(crate) fn attempt(&mut self, now: i64, index: usize) {
        let op = &mut self.truth.ops[index];
        let writer = &mut self.writers[op.writer];
        if writer.killed {
            return;
        }
        op.attempts += 1;
        (op.sent_at, op.stamped) = (now, writer.clock(now));
        let opened = Opened {
            sequence: op.sequence,
            phase: op.phase,
            scenario: 0,
            entity: 0,
            operation: op.operation,
            key: known_key(op),
            group: None,
            stage: None,
            content: written(op),
            check: Vec::new(),
            intended: op.stamped,
            connection_wait: Nanos::ZERO,
            sent: op.stamped,
            stamped: op.stamped,
            deadline: op.stamped + Nanos(self.faults.arrival_timeout_ns),
        };
        writer.record(Record::Opened(opened));
        let answer = now + self.rng.random_range(MS / 2..5 * MS);
        let commit = self.rng.random_range(now + MS / 4..answer);
        if op.attempts < 3 && self.rng.random_bool(self.faults.retry) {
            self.agenda.at(answer + self.rng.random_range(5..50) * MS, Happening::Attempt(index));
        } else if self.rng.random_bool(self.faults.reject) {
            self.agenda.at(answer, Happening::Answer(index, Written::Rejected));
        } else if self.rng.random_bool(self.faults.unknown) {
            if self.rng.random_bool(0.5) {
                self.agenda.at(commit, Happening::Commit(index));
            }
            self.agenda.at(answer, Happening::Answer(index, Written::Unknown));
        } else {
            self.agenda.at(commit, Happening::Commit(index));
            let at = writer.clock(answer);
            self.agenda.at(answer, Happening::Answer(index, Written::Committed(at)));
        }
    }

    pub(crate) fn answer(&mut self, now: i64, index: usize, written: Written) {
        let op = &mut self.truth.ops[index];
        let writer = &mut self.writers[op.writer];
        if writer.killed {
            return;
        }
        let row = writer.rows.iter_mut().find(|(row, _)| *row == op.row).expect("its own row");
        match (written, op.operation) {
            // Nobody knows what became of it: the row is left alone.
            (Written::Unknown, _) => {}
            (Written::Rejected, _) => row.1.busy = false,
            (Written::Committed(_), operation) => {
                (row.1.busy, row.1.alive) = (false, operation != Operation::Delete);
            }
        }
        let is_committed = matches!(written, Written::Committed(_));
        op.goes_on &= is_committed;
        let sequence = op.sequence;
        let made = (is_committed && op.makes_its_key()).then(|| Box::new(made(op)));
        writer.record(Record::Closed(Closed { sequence, written, made }));
        if is_committed && self.rng.random_bool(self.faults.awaited) {
            let deadline = writer.clock(now + self.rng.random_range(20..1_500) * MS);
            let (settled, waiting) = oneshot::channel();
            writer.waiting.push(waiting);
            writer.backlog.wait(Awaited { sequence, deadline }, settled);
        }
        self.done(now, index, if is_committed { Ending::Completed } else { Ending::Failed });
    }

    /// An operation is over, and its iteration with it unless it goes on.
    fn done(&mut self, now: i64, index: usize, ending: Ending) {
        let op = &self.truth.ops[index];
        let (writer, phase) = (op.writer, op.phase);
        if op.goes_on {
            // The row is held meanwhile, and so is the user.
            let pause = self.rng.random_range(10..700) * MS;
            return self.agenda.at(now + pause, Happening::Follow(index));
        }
        let this = &mut self.writers[writer];
        if phase == Phase::Run {
            let (began, duration) = (this.clock(now), Nanos(MS));
            this.record(Record::Iteration(Iteration { scenario: 0, began, duration, ending }));
            match ending {
                Ending::Completed => this.load.iterations += 1,
                Ending::Failed => this.load.failed += 1,
                Ending::Interrupted => this.load.interrupted += 1,
            }
        }
        this.open -= 1;
        self.rest(now, writer);
    }

    /// A writer that has nothing left to do says that its load is over.
    pub(crate) fn rest(&mut self, now: i64, index: usize) {
        self.end_probe(now, index);
        let writer = &mut self.writers[index];
        let is_over = match writer.progress {
            Progress::Waits => writer.stop.is_some() && writer.is_set_up,
            Progress::Loads => !writer.goes_on(now),
            Progress::Ended => false,
        };
        if writer.killed || writer.open > 0 || !is_over {
            return;
        }
        writer.progress = Progress::Ended;
        let (operations, cause) = (writer.sequence, writer.stop.clone());
        let status = writer.status(now);
        writer.record(Record::End(Box::new(End { operations, cause, status })));
    }
}
