//! The probes of a capacity search as the run goes on.

use streamgauge_shared::account::{Outcome, Phase};
use streamgauge_shared::ledger::ToWriter;

use super::core::{Core, Reading};
use crate::measure::Totals;

impl Core {
    /// Looks at the current probe of a capacity search, and judges it when it is time.
    pub(super) fn probe(&mut self, reading: &Reading) {
        if self.probing.is_none() {
            return;
        }
        let totals = self.totals();
        let Some(probing) = &mut self.probing else { return };
        probing.sample(reading.now, totals);
        let drain = self.brief.test.drain;
        if !probing.is_due(reading.now, totals, drain) {
            return;
        }
        // Nothing is on its way any more, so every threshold is decided.
        let report = self.snapshot(reading, false).report;
        // One that unmeasured rows leave open does not hold.
        let crossed = report.thresholds.iter().filter(|threshold| !threshold.passed || threshold.undecided);
        let crossed: Vec<String> = crossed.map(|threshold| threshold.sentence()).collect();
        let judged = self.probing.as_mut().and_then(|probing| probing.judge(&crossed, totals, drain));
        if let Some((number, probe)) = judged {
            self.peers.tell_all(&ToWriter::Probed { number, probe });
        }
    }

    fn totals(&self) -> Totals {
        let run = self.matcher.total(Phase::Run);
        Totals {
            sent: run.entries(),
            arrived: run.arrived(),
            pending: Phase::ALL.iter().map(|phase| self.matcher.total(*phase).count(Outcome::Pending)).sum(),
            dropped: self.peers.loads().flatten().map(|load| load.dropped).sum(),
        }
    }
}
