//! A writer without a CPU, or that did not run at all.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};
use crate::measure::spans::Spans;
use crate::measure::starvation::Starved;

/// One writer, and how it fared.
pub(super) struct WriterStarved {
    writer: usize,
    seen: String,
    when: Spans,
}

impl Doubt for WriterStarved {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let writers = run.moment.facts.writers.iter().map(|writer| &writer.starved).enumerate();
        writers.filter_map(|(writer, starved)| {
            Some(Self { writer, seen: starved.trouble()?, when: starved.spans })
        })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        format!("writer {} {}", self.writer, self.seen)
    }

    fn cause(&self) -> &'static str {
        Starved::CAUSE
    }

    fn next(&self) -> &'static str {
        "give the writer a core of its own; rows sent late are right in cdc_e2e_latency_intended, and a commit acknowledgement read late makes pg_write_duration too long"
    }

    fn spans(&self) -> Spans {
        self.when
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::time::Nanos;

    use super::super::tests::reasons;
    use super::*;
    use crate::measure::starvation::tests::of_one_minute;

    #[test]
    fn a_writer_without_a_cpu_is_named_with_its_figures() {
        let found = reasons(|run| run.facts.writers[0].starved = of_one_minute(9_000, 300));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].code.as_str(), found[0].grade), ("writer_starved", ValidityState::Degraded));
        assert!(found[0].seen.contains("writer 0") && found[0].seen.contains("15.0 %"), "{found:?}");
    }

    #[test]
    fn a_writer_that_was_stopped_is_seen_without_the_kernels_help() {
        let stopped = Starved { longest_pause: Nanos::from_millis(2_900), ..Starved::default() };
        let found = reasons(|run| run.facts.writers[0].starved = stopped);
        assert!(found[0].seen.contains("did not run at all for 2.9s"), "{found:?}");
    }
}
