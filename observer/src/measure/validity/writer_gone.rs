//! A writer that left before its load had ended and did not come back.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};
use crate::measure::spans::Spans;

/// Its load was not written to its end, and what it had not told yet is not known.
pub(super) struct WriterGone {
    away: Spans,
}

impl Doubt for WriterGone {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let mut gone = run.moment.facts.writers.iter().filter(|writer| writer.gone).peekable();
        gone.peek()?;
        let mut away = Spans::default();
        gone.for_each(|writer| away.add_all(&writer.away));
        Some(Self { away })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Invalid
    }

    fn seen(&self) -> String {
        "a writer's connection broke and it did not come back before its load had ended".to_owned()
    }

    fn cause(&self) -> &'static str {
        "the writer was killed or cannot reach the observer"
    }

    fn next(&self) -> &'static str {
        "look at the writer's output, and run again"
    }

    fn spans(&self) -> Spans {
        self.away
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::graded;
    use super::ValidityState::Invalid;

    #[test]
    fn a_writer_that_did_not_come_back_is_named() {
        assert_eq!(graded(|run| run.facts.writers[0].gone = true), [("writer_gone".into(), Invalid)]);
    }
}
