//! Which stamps are of rows that are to go. Pure.

use streamgauge_shared::stamp::RunId;
use streamgauge_shared::time::UnixNanos;

/// What a stamp looks like, in PostgreSQL's regular expressions: any other text is not ours.
const SHAPE: &str = "^1[.][0-9a-f]{12}[.][0-9]{1,5}[.][0-9]{1,20}[.][0-9]{1,19}$";

/// Which rows are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those of a run, or only those of one of its writers: while several clean up at the same time, none waits for
    /// another's locks.
    Run {
        /// The run.
        run: RunId,
        /// The writer's index.
        writer: Option<u16>,
    },
    /// Those of any run whose last statement was sent before this.
    SentBefore(UnixNanos),
}

impl Selection {
    /// The condition on a column, whose name is quoted already. Its literals are digits of ours; none means something to
    /// LIKE.
    pub(super) fn condition(self, stamp: &str) -> String {
        match self {
            Self::Run { run, writer: None } => format!("{stamp} LIKE '1.{run}.%'"),
            Self::Run { run, writer: Some(writer) } => format!("{stamp} LIKE '1.{run}.{writer}.%'"),
            // An index may find the stamps among rows without one; which of two conditions is looked at first is
            // PostgreSQL's choice, except within CASE.
            Self::SentBefore(time) => format!(
                "{stamp} LIKE '1.%' AND CASE WHEN {stamp} ~ '{SHAPE}' THEN split_part({stamp}, '.', 5)::numeric < {} ELSE false END",
                time.0
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::stamp::Stamp;

    use super::*;

    #[test]
    fn the_pattern_is_the_beginning_of_the_runs_stamps() {
        let run = RunId::from_bits(0xc0_ffee_0042);
        let stamp = Stamp { run, writer: 1, sequence: 2, sent: UnixNanos(3) }.to_string();
        for (writer, expected) in [(None, "1.00c0ffee0042."), (Some(1), "1.00c0ffee0042.1.")] {
            let condition = Selection::Run { run, writer }.condition("\"s\"");
            assert_eq!(condition, format!("\"s\" LIKE '{expected}%'"));
            assert!(stamp.starts_with(expected));
        }
        assert!(!stamp.starts_with("1.00c0ffee0042.11."));
    }

    #[test]
    fn older_rows_are_told_by_the_time_in_their_stamp() {
        let condition = Selection::SentBefore(UnixNanos(1_795_406_706_789_012_345)).condition("s");
        assert!(condition.contains("split_part(s, '.', 5)::numeric < 1795406706789012345"), "{condition}");
    }
}
