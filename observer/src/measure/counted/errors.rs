//! Errors that are counted from the start of a run to its end: how many of them fall into the measured load.

/// Failed attempts to write, and errors of the change stream.
pub(in crate::measure) type ErrorCounts = [u64; 2];

/// The counts when the load began and when it ended, to within a second: they are read that often.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errors {
    before: ErrorCounts,
    until: Option<ErrorCounts>,
    is_over: bool,
}

impl Errors {
    /// The counts as of now, before the load began, while it goes on, or after its end.
    pub(in crate::measure) fn see(&mut self, has_begun: bool, is_over: bool, counts: ErrorCounts) {
        if !has_begun {
            self.before = counts;
        } else if !self.is_over {
            self.until = Some(counts);
            self.is_over = is_over;
        }
    }

    /// Those of the load, with `now` the present counts where nobody looked since it began.
    #[must_use]
    pub fn within(&self, now: ErrorCounts) -> ErrorCounts {
        let until = self.until.unwrap_or(now);
        [0, 1].map(|which| until[which].saturating_sub(self.before[which]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_the_load_and_after_it_is_not_of_it() {
        let mut errors = Errors::default();
        errors.see(false, false, [3, 0]);
        errors.see(true, false, [5, 1]);
        assert_eq!(errors.within([5, 1]), [2, 1]);
        errors.see(true, true, [6, 1]);
        errors.see(true, true, [6, 40]);
        assert_eq!(errors.within([6, 40]), [3, 1], "the drain is not load");
    }
}
