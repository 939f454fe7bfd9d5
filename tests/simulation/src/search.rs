//! A capacity search as a writer carries it: probes of iterations with a pause in them, one after the other as the
//! observer judges them.

use streamgauge_shared::account::{Operation, Phase};
use streamgauge_shared::capacity::Probe;
use streamgauge_shared::ledger::Record;

use crate::agenda::{Happening, MS};
use crate::world::World;
use crate::writer::Progress;

/// Load before each judged part, and the judged part, as the test says.
const SETTLE_NS: i64 = 1_000 * MS;
const PROBE_NS: i64 = 2_000 * MS;

impl World {
    /// The next iteration of the probe that goes on, or the next probe.
    pub(crate) fn offer(&mut self, now: i64, index: usize) {
        if !self.writers[index].goes_on(now) {
            return self.rest(now, index);
        }
        let searching = self.writers[index].search.as_ref().expect("a search");
        let planned = match searching.plan {
            Some(planned) => planned,
            None => match self.writers[index].next_probe(now, SETTLE_NS, PROBE_NS) {
                Some(planned) => planned,
                None => {
                    self.writers[index].load_ends = now;
                    return self.rest(now, index);
                }
            },
        };
        if now >= planned.until {
            return self.rest(now, index);
        }
        let phase = if now < planned.from { Phase::WarmUp } else { Phase::Run };
        self.create(now, index, phase, Some(planned.number));
        self.agenda.at(now + 60 * MS, Happening::Offer(index));
    }

    /// The second step of an iteration.
    pub(crate) fn go_on(&mut self, now: i64, first: usize) {
        let op = &mut self.truth.ops[first];
        op.goes_on = false;
        let (writer, phase, probe, row) = (op.writer, op.phase, op.probe, op.row);
        if self.writers[writer].killed {
            return;
        }
        let row = self.writers[writer].rows.iter().position(|(its, _)| *its == row).expect("its own row");
        // Its user works on: the first step's place is the second one's.
        self.writers[writer].open -= 1;
        self.operate(now, writer, row, Operation::Update, phase, probe);
    }

    /// A probe whose load is over is over once its users are done.
    pub(crate) fn end_probe(&mut self, now: i64, index: usize) {
        let writer = &mut self.writers[index];
        let is_idle = writer.open == 0 && !writer.killed && writer.progress == Progress::Loads;
        let Some(planned) = writer.search.as_mut().and_then(|searching| searching.plan.as_mut()) else {
            return;
        };
        if is_idle && now >= planned.until && !planned.over {
            planned.over = true;
            let number = planned.number;
            writer.record(Record::ProbeOver(number));
        }
    }

    /// The observer has judged a probe: the next one begins.
    pub(crate) fn hear_probed(&mut self, now: i64, index: usize, number: u32, probe: Probe) {
        let Some(searching) = &mut self.writers[index].search else { return };
        if searching.plan.is_some_and(|planned| planned.number == number) {
            searching.plan = None;
            searching.search.judged(probe);
            self.agenda.at(now + MS, Happening::Offer(index));
        }
    }
}
