//! A writer's times on the observer's time line.

use streamgauge_shared::clock::PeerClock;
use streamgauge_shared::ledger::{Record, Status, ToObserver, Written};
use streamgauge_shared::time::UnixNanos;

/// Moves a message's times onto the observer's time line.
#[must_use]
pub fn shifted(mut message: ToObserver, clock: &PeerClock) -> ToObserver {
    let shift = |time: &mut UnixNanos| *time = clock.to_ours(*time);
    match &mut message {
        ToObserver::Record { record: Record::Opened(opened), .. } => {
            [&mut opened.intended, &mut opened.sent, &mut opened.deadline].into_iter().for_each(shift);
        }
        ToObserver::Record { record: Record::Closed(closed), .. } => {
            if let Written::Committed(at) = &mut closed.written {
                shift(at);
            }
        }
        ToObserver::Record { record: Record::NotSent(operation), .. } => shift(&mut operation.intended),
        ToObserver::Record { record: Record::Iteration(iteration), .. } => shift(&mut iteration.began),
        ToObserver::Record { record: Record::Probe(probe), .. } => {
            [&mut probe.from, &mut probe.until].into_iter().for_each(shift);
        }
        ToObserver::Record { record: Record::End(end), .. } => shift_status(&mut end.status, clock),
        ToObserver::Await(awaited) => shift(&mut awaited.deadline),
        ToObserver::Status(status) => shift_status(status, clock),
        ToObserver::Record { record: Record::Prepared | Record::ProbeOver(_), .. }
        | ToObserver::Hello(_)
        | ToObserver::ClockReply { .. }
        | ToObserver::Stop => {}
    }
    message
}

fn shift_status(status: &mut Status, clock: &PeerClock) {
    status.queued_at = clock.to_ours(status.queued_at);
    for load in &mut status.scenarios {
        let ends = [&mut load.load_began, &mut load.load_ended];
        ends.into_iter().flatten().for_each(|time| *time = clock.to_ours(*time));
    }
    status.wall_steps.listed.iter_mut().for_each(|step| step.at = clock.to_ours(step.at));
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::clock::{Clock, ClockIdentity};
    use streamgauge_shared::ledger::{Awaited, Closed};
    use streamgauge_shared::time::Nanos;

    use super::*;

    /// A writer on the observer's kernel, started this much later.
    fn peer_clock(later: Nanos) -> PeerClock {
        let ours = Clock::start().identity();
        let theirs = ClockIdentity { anchor: ours.anchor + later, ..ours.clone() };
        PeerClock::new(&ours, &theirs)
    }

    #[test]
    fn times_move_onto_the_observers_line() {
        let written = Written::Committed(UnixNanos(100));
        let record = ToObserver::Record { number: 0, record: Record::Closed(Closed::new(1, written)) };
        let Record::Closed(closed) = (match shifted(record, &peer_clock(Nanos(30))) {
            ToObserver::Record { record, .. } => record,
            other => panic!("{other:?}"),
        }) else {
            panic!("a closed record")
        };
        assert_eq!(closed.written, Written::Committed(UnixNanos(70)));
        let awaited = ToObserver::Await(Awaited { sequence: 1, deadline: UnixNanos(10) });
        assert!(matches!(
            shifted(awaited, &peer_clock(Nanos(-5))),
            ToObserver::Await(Awaited { deadline: UnixNanos(15), .. })
        ));
    }
}
