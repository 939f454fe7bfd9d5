//! What a snapshot is told besides what matcher and recorder hold.

use streamgauge_shared::ledger::ScenarioLoad;

use super::core::{Core, Reading};
use crate::measure::{ClockFacts, Facts, Probing};

impl Core {
    /// The facts as of a reading.
    pub(super) fn facts(&self, reading: &Reading, closed: bool) -> Facts {
        let mut loads = vec![ScenarioLoad::default(); self.brief.test.scenarios.len()];
        for scenarios in self.peers.loads() {
            loads.iter_mut().zip(scenarios).for_each(|(total, load)| add_load(total, load));
        }
        let operations = self.peers.operations();
        // Of a writer that has ended every operation is here, and what PostgreSQL said of it.
        let missing = operations.map(|(writer, operations)| {
            self.matcher.missing(writer, operations) + self.matcher.unclosed(writer)
        });
        Facts {
            now: reading.now,
            run: self.brief.run.to_string(),
            started_at: self.started_at,
            seed: self.brief.seed,
            versions: self.brief.versions.clone(),
            clock_domain: self.peers.clock_domain(self.brief.clock_domain),
            clocks: ClockFacts {
                writers: self.peers.clocks(),
                observer: self.wall.steps().clone(),
                mongod: self.mongod_clock,
                test_clock: self.brief.test_clock.clone(),
            },
            loads,
            writers: self.peers.facts(reading.now, closed),
            rejections: self.peers.rejections(),
            observer: reading.usage,
            observer_starved: self.starvation.starved(),
            observer_errors: self.observer_errors,
            missing_entries: self.peers.missing_records() + if closed { missing.sum() } else { 0 },
            evidence: self.evidence,
            landed: self.landed_elsewhere(),
            floor: self.floor.figures(reading.now),
            capacity: self.probing.as_ref().map(Probing::capacity),
            cause: self.cause.clone(),
            aborted: self.aborted,
            closed,
        }
    }
}

fn add_load(total: &mut ScenarioLoad, load: &ScenarioLoad) {
    // Named one by one: a count that is not summed does not compile.
    let ScenarioLoad {
        iterations,
        failed,
        interrupted,
        dropped,
        dropped_by_writer,
        load_began,
        load_ended,
        iterations_due,
        iterations_written,
        user_time,
        user_time_without_session,
        active_users,
        users,
        peak_users,
        skipped_steps,
        not_expected,
    } = *load;
    total.iterations += iterations;
    total.failed += failed;
    total.interrupted += interrupted;
    total.dropped += dropped;
    total.dropped_by_writer += dropped_by_writer;
    // From the first writer's beginning to the last one's end.
    total.load_began = [total.load_began, load_began].into_iter().flatten().min();
    total.load_ended = total.load_ended.max(load_ended);
    total.iterations_due += iterations_due;
    total.iterations_written += iterations_written;
    total.user_time = total.user_time + user_time;
    total.user_time_without_session = total.user_time_without_session + user_time_without_session;
    total.active_users += active_users;
    total.users += users;
    total.peak_users += peak_users;
    total.skipped_steps += skipped_steps;
    total.not_expected += not_expected;
}
