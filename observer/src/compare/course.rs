//! The seconds of the runs of one side, compact: what the bootstrap draws from some thousand times.

/// The buckets that one second holds: value and how many, in any order.
pub type Slot = Vec<(i64, u64)>;

/// The runs of one side, for one latency.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// The distinct values, smallest first, nanoseconds.
    values: Vec<i64>,
    /// Its runs.
    runs: Vec<Course>,
}

/// One run: its slots in the order of time, all of the same length.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// Where each slot's entries begin; one more than there are slots.
    starts: Vec<usize>,
    /// Place of a value in [`Side::values`], and how many.
    entries: Vec<(u32, u32)>,
    rows: u64,
}

impl Side {
    /// From the slots of each run.
    #[must_use]
    pub fn new(runs: &[Vec<Slot>]) -> Self {
        let mut values: Vec<i64> = runs.iter().flatten().flatten().map(|(value, _)| *value).collect();
        values.sort_unstable();
        values.dedup();
        let place =
            |value: i64| u32::try_from(values.partition_point(|known| *known < value)).unwrap_or(u32::MAX);
        let course = |slots: &Vec<Slot>| {
            let mut course = Course { starts: vec![0], ..Course::default() };
            for slot in slots {
                for (value, count) in slot {
                    course.entries.push((place(*value), u32::try_from(*count).unwrap_or(u32::MAX)));
                    course.rows += *count;
                }
                course.starts.push(course.entries.len());
            }
            course
        };
        let runs = runs.iter().map(course).collect();
        Self { values, runs }
    }

    /// Its runs.
    #[must_use]
    pub fn runs(&self) -> &[Course] {
        &self.runs
    }

    /// Rows of all runs.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.runs.iter().map(Course::rows).sum()
    }

    /// How many distinct values there are.
    #[must_use]
    pub fn distinct(&self) -> usize {
        self.values.len()
    }

    /// The value of rank ⌈share · rows⌉ among all runs; nothing where there are no rows, or the rank is beyond them.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<i64> {
        let mut counts = vec![0_u32; self.values.len()];
        self.runs.iter().for_each(|run| (0..run.slots()).for_each(|slot| run.add(slot, 1, &mut counts)));
        self.quantile_of(&counts, share)
    }

    /// The same of one run.
    #[must_use]
    pub fn quantile_of_run(&self, run: usize, share: f64) -> Option<i64> {
        let mut counts = vec![0_u32; self.values.len()];
        let run = self.runs.get(run)?;
        (0..run.slots()).for_each(|slot| run.add(slot, 1, &mut counts));
        self.quantile_of(&counts, share)
    }

    /// The share of the rows of all runs that are at most `value`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
    pub fn share_at_most(&self, value: i64) -> f64 {
        let above = |run| self.above(run, value).into_iter().map(|(above, _)| above).sum::<u64>();
        let above: u64 = (0..self.runs.len()).map(above).sum();
        1.0 - above as f64 / self.rows().max(1) as f64
    }

    /// The value of rank ⌈share · total⌉ of these counts of its values.
    pub(super) fn quantile_of(&self, counts: &[u32], share: f64) -> Option<i64> {
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let rank = rank(share, total)?;
        let mut seen = 0;
        let at = counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        });
        self.values.get(at?).copied()
    }

    /// Of each slot of a run: how many rows are above `value`, and how many there are.
    #[must_use]
    pub fn above(&self, run: usize, value: i64) -> Vec<(u64, u64)> {
        let limit = u32::try_from(self.values.partition_point(|known| *known <= value)).unwrap_or(u32::MAX);
        let run = &self.runs[run];
        let count = |slot: usize| {
            let entries = run.slot(slot);
            let all = entries.iter().map(|(_, count)| u64::from(*count)).sum();
            let above =
                entries.iter().filter(|(at, _)| *at >= limit).map(|(_, count)| u64::from(*count)).sum();
            (above, all)
        };
        (0..run.slots()).map(count).collect()
    }
}

impl Course {
    /// How many slots it has.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn slot(&self, slot: usize) -> &[(u32, u32)] {
        &self.entries[self.starts[slot]..self.starts[slot + 1]]
    }

    /// Counts a slot so many times.
    pub(super) fn add(&self, slot: usize, times: u32, counts: &mut [u32]) {
        for (at, count) in self.slot(slot) {
            counts[*at as usize] += count * times;
        }
    }
}

/// ⌈share · total⌉, from 1 on, as `shared::histogram` has it; nothing where it is beyond `total`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a number of rows"
)]
fn rank(share: f64, total: u64) -> Option<u64> {
    let exact = share * total as f64;
    let rank = ((exact - exact * 1e-12).ceil() as u64).max(1);
    (rank <= total).then_some(rank)
}
