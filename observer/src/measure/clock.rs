//! What the run knows of its clocks, and the report of it.

use streamgauge_shared::clock::{ClockDomain, ClockStep, PeerClockState, WallSteps};
use streamgauge_shared::report::{ClockReport, ClockStepReport, MongodClockReport, WriterClockReport};
use streamgauge_shared::time::Nanos;

use crate::stream::MongodClock;

/// What is known of the clocks. The run is in the network domain as soon as one writer is.
#[derive(Clone, Debug, Default)]
pub struct ClockFacts {
    /// By writer; one that has not been heard of yet has no domain.
    pub writers: Vec<WriterClock>,
    /// Steps of the observer's wall clock.
    pub observer: WallSteps,
    /// mongod's clock, once it has answered.
    pub mongod: Option<MongodClock>,
    /// What a test clock of the observer does.
    pub test_clock: Option<String>,
}

/// What is known of one writer's clock.
#[derive(Clone, Debug, Default)]
pub struct WriterClock {
    /// Against the observer's.
    pub state: PeerClockState,
    /// Steps of its wall clock.
    pub wall: WallSteps,
}

impl ClockFacts {
    /// How far a latency of any row can be off; absent while a writer's offset is unknown. A run on one
    /// kernel is exact before its writers are heard of.
    #[must_use]
    pub fn bound(&self, domain: ClockDomain) -> Option<Nanos> {
        let known = self.writers.iter().filter(|writer| writer.state.domain.is_some());
        let bounds: Vec<Option<Nanos>> = known.map(|writer| writer.state.bound).collect();
        if bounds.is_empty() {
            return (domain == ClockDomain::SameKernel).then_some(Nanos::ZERO);
        }
        bounds.into_iter().try_fold(Nanos::ZERO, |most, bound| Some(most.max(bound?)))
    }

    /// Every step and jump with whose it was, and whether it moved latencies.
    pub(super) fn stepped(&self) -> impl Iterator<Item = (String, ClockStep, bool)> {
        let observer = self.observer.listed.iter().map(|step| ("observer".to_owned(), *step, false));
        let writers = self.writers.iter().enumerate().flat_map(|(index, writer)| {
            let walls = writer.wall.listed.iter().map(|step| (*step, false));
            let jumps = writer.state.jumps.iter().map(|step| (*step, true));
            walls.chain(jumps).map(move |(step, moved)| (format!("writer {index}"), step, moved))
        });
        observer.chain(writers)
    }

    /// Steps of all wall clocks and jumps of all offsets.
    pub(super) fn steps(&self) -> u64 {
        let of_writer = |writer: &WriterClock| writer.wall.count + writer.state.jumps.len() as u64;
        self.observer.count + self.writers.iter().map(of_writer).sum::<u64>()
    }

    /// As the report has it.
    pub(super) fn report(&self, domain: ClockDomain) -> ClockReport {
        let millis = |span: Option<Nanos>| span.map(Nanos::as_millis_f64);
        let writer = |writer: &WriterClock| WriterClockReport {
            offset_ms: millis(writer.state.offset),
            drift_ppm: writer.state.drift_ppm,
            drift_error_ppm: writer.state.drift_error_ppm,
            round_trip_ms: millis(writer.state.round_trip),
            error_bound_ms: millis(writer.state.bound),
            exchanges: writer.state.exchanges,
            test_clock: writer.state.test_clock.clone(),
        };
        let stepped = self.stepped().map(|(whose, step, moved_latencies)| ClockStepReport {
            whose,
            at: step.at.to_rfc3339(),
            by_ms: step.by.as_millis_f64(),
            moved_latencies,
        });
        ClockReport {
            domain,
            error_bound_ms: millis(self.bound(domain)),
            steps: Some(self.steps()),
            stepped: stepped.collect(),
            writers: self.writers.iter().map(writer).collect(),
            mongodb: self.mongod.map(|mongod| MongodClockReport {
                offset_ms: mongod.offset.as_millis_f64(),
                error_bound_ms: mongod.bound.as_millis_f64(),
            }),
            test_clock: self.test_clock.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_known_once_every_writers_is() {
        let writer = |bound| WriterClock {
            state: PeerClockState { domain: Some(ClockDomain::Network), bound, ..PeerClockState::default() },
            wall: WallSteps::default(),
        };
        let clocks = |writers| ClockFacts { writers, ..ClockFacts::default() };
        let both = clocks(vec![writer(Some(Nanos(5))), writer(Some(Nanos(9)))]);
        assert_eq!(both.bound(ClockDomain::Network), Some(Nanos(9)));
        let one = clocks(vec![writer(Some(Nanos(5))), writer(None)]);
        assert_eq!(one.bound(ClockDomain::Network), None);
        assert_eq!(clocks(Vec::new()).bound(ClockDomain::SameKernel), Some(Nanos::ZERO));
        assert_eq!(clocks(Vec::new()).bound(ClockDomain::Network), None);
    }
}
