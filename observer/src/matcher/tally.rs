//! Counts the ledger's entries by outcome, and the checks made on them: for every series of the run, and for
//! every slice that a threshold declares.

use streamgauge_shared::account::{Account, Outcome, Phase};
use streamgauge_shared::ledger::Written;
use streamgauge_shared::test_file::Test;
use streamgauge_shared::threshold::{Rate, Tags};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::cause::Cause;
use super::cells::Cells;
use super::forgotten::Forgotten;
use super::{Comparison, Entry, Place, Series, SeriesIndex};

/// The checks made on the operations of the measured phase, besides "arrived", which the account holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Statements whose fate is known.
    pub closed: u64,
    /// Those that committed.
    pub committed: u64,
    /// Those that committed and are no entries any more: their events could not be known.
    pub not_expected: u64,
    /// Statements that were never sent: none of the closed ones, and no success.
    pub not_sent: u64,
    /// Rows with verified columns that are in PostgreSQL: it said so, or they arrived.
    pub content_written: u64,
    /// Those that arrived.
    pub content_arrived: u64,
    /// Those of which at least one verified column was compared.
    pub compared: u64,
    /// Those of which none was other than written.
    pub matching: u64,
    /// Those among them of which not every verified column could be compared.
    pub compared_in_part: u64,
    /// `check` steps that say something.
    pub steps: u64,
    /// Those that passed.
    pub steps_passed: u64,
    /// `check` steps of rows that arrived and could not be compared.
    pub steps_not_compared: u64,
}

/// Account and checks of one series or slice in the measured phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entries by outcome.
    pub account: Account,
    /// Checks.
    pub checks: Checks,
}

/// The distinct tags with a group or a stage that a test's thresholds name: what entity, operation and
/// scenario do not add up to, so each has figures of its own.
#[derive(Clone, Debug, Default)]
pub struct Slices {
    tags: Vec<Tags>,
    /// And what windows look at.
    cells: Cells,
}

/// What is counted of a series besides: its accounts in the phases that are not measured, and causes.
#[derive(Clone, Debug, Default)]
struct Besides {
    accounts: [Account; Phase::COUNT],
    causes: [[u64; Cause::COUNT]; Phase::COUNT],
    forgotten: Option<Box<Forgotten>>,
}

/// What a slice counts.
#[derive(Clone, Debug)]
struct Slice {
    tags: Tags,
    tally: Tally,
    forgotten: Option<Box<Forgotten>>,
}

/// All that is counted.
#[derive(Clone, Debug)]
pub(super) struct Tallies {
    series: SeriesIndex,
    run: Vec<Tally>,
    besides: Vec<Besides>,
    slices: Vec<Slice>,
    cells: Cells,
    /// Entries pending or of unknown fate, of all phases.
    open: u64,
}

impl Slices {
    /// Those of a test.
    #[must_use]
    pub fn of(test: &Test) -> Self {
        let tags: Vec<Tags> = test.thresholds.iter().map(|threshold| threshold.tags).collect();
        Self { cells: Cells::of(test), ..Self::of_tags(&tags) }
    }

    /// Those among some thresholds' tags.
    pub(super) fn of_tags(tags: &[Tags]) -> Self {
        let mut slices = Vec::new();
        for tags in tags.iter().filter(|tags| tags.is_slice()) {
            if !slices.contains(tags) {
                slices.push(*tags);
            }
        }
        Self { tags: slices, cells: Cells::default() }
    }
}

impl Tally {
    /// Successes and total of a share.
    #[must_use]
    pub fn rate(&self, rate: Rate) -> (u64, u64) {
        let count = |outcome| self.account.count(outcome);
        let settled = self.account.entries() - count(Outcome::Pending);
        let succeeded = count(Outcome::Delivered) + count(Outcome::Superseded);
        match rate {
            Rate::CdcSuccessRate => (succeeded, settled),
            Rate::PgWriteFailed => {
                (count(Outcome::Rejected) + count(Outcome::Unknown), self.account.entries())
            }
            // Written, arrived, as written, as a check step expects: each where it applies.
            Rate::Checks => {
                let checks = &self.checks;
                (
                    checks.committed + succeeded + checks.matching + checks.steps_passed,
                    checks.closed
                        + checks.not_sent
                        + (settled - count(Outcome::Rejected))
                        + checks.compared
                        + checks.steps,
                )
            }
        }
    }
}

impl Tallies {
    pub(super) fn new(series: SeriesIndex, slices: Slices) -> Self {
        Self {
            series,
            run: vec![Tally::default(); series.count()],
            besides: vec![Besides::default(); series.count()],
            slices: slices
                .tags
                .into_iter()
                .map(|tags| Slice { tags, tally: Tally::default(), forgotten: None })
                .collect(),
            cells: slices.cells,
            open: 0,
        }
    }

    pub(super) fn series(&self) -> SeriesIndex {
        self.series
    }

    pub(super) fn of(&self, series: Series) -> &Tally {
        &self.run[series.index]
    }

    pub(super) fn slice(&self, tags: Tags) -> Option<&Tally> {
        self.slices.iter().find(|slice| slice.tags == tags).map(|slice| &slice.tally)
    }

    /// What is known of the forgotten entries of a series, and of those of a slice that is declared.
    pub(super) fn forgotten(&self, series: Series) -> Option<&Forgotten> {
        self.besides[series.index].forgotten.as_deref()
    }

    pub(super) fn forgotten_of_slice(&self, tags: Tags) -> Option<&Forgotten> {
        self.slices.iter().find(|slice| slice.tags == tags)?.forgotten.as_deref()
    }

    /// Entries pending or of unknown fate, of all phases.
    pub(super) fn open_entries(&self) -> u64 {
        self.open
    }

    pub(super) fn account(&self, series: Series, phase: Phase) -> &Account {
        match phase {
            Phase::Run => &self.run[series.index].account,
            _ => &self.besides[series.index].accounts[phase as usize],
        }
    }

    pub(super) fn cause(&self, series: Series, phase: Phase, cause: Cause) -> u64 {
        self.besides[series.index].causes[phase as usize][cause as usize]
    }

    /// Slices count anew, from nothing.
    pub(super) fn reset_slices(&mut self) {
        for slice in &mut self.slices {
            (slice.tally, slice.forgotten) = (Tally::default(), None);
        }
    }

    /// Applies a change to the series of an entry and to every slice that it is in.
    fn apply(&mut self, entry: &Entry, change: impl Fn(&mut Tally)) {
        self.apply_at(entry.place(), change);
    }

    fn apply_at(&mut self, place: Place, change: impl Fn(&mut Tally)) {
        change(&mut self.run[place.series.index]);
        let slices = self.slices.iter_mut().filter(|slice| place.matches(slice.tags));
        slices.for_each(|slice| change(&mut slice.tally));
        self.cells.apply(place, change);
    }

    /// The same for a new entry.
    fn apply_new(&mut self, place: Place, change: impl Fn(&mut Tally)) {
        self.cells.open(place);
        self.apply_at(place, change);
    }

    /// What windows look at: the tallies of some tags in cells of this width, from one index to before another.
    pub(super) fn cells(
        &self,
        tags: Tags,
        width: Nanos,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = (i64, &Tally)> {
        self.cells.range(tags, width, from, to)
    }

    /// A new entry.
    pub(super) fn open(&mut self, entry: &Entry) {
        self.open += 1;
        match entry.phase {
            Phase::Run => self.apply_new(entry.place(), |tally| tally.account.open()),
            phase => self.besides[entry.series.index].accounts[phase as usize].open(),
        }
    }

    /// A pending entry of a delete is none any more.
    pub(super) fn withdraw(&mut self, entry: &Entry) {
        self.open -= 1;
        // What PostgreSQL said of it stays true, and has its figures. A pending one has committed, if it was answered.
        let committed = entry.written.is_some();
        match entry.phase {
            Phase::Run => self.apply(entry, |tally| {
                tally.account.withdraw();
                tally.checks.not_expected += u64::from(committed);
                tally.checks.content_written -= u64::from(committed && !entry.content.is_empty());
            }),
            phase => self.besides[entry.series.index].accounts[phase as usize].withdraw(),
        }
    }

    /// An operation that was never sent: an entry that is rejected from the start.
    pub(super) fn not_sent(&mut self, place: Place, phase: Phase, cause: Cause) {
        let reject = |account: &mut Account| {
            account.open();
            account.change(Outcome::Pending, Outcome::Rejected);
        };
        let besides = &mut self.besides[place.series.index];
        besides.causes[phase as usize][cause as usize] += 1;
        match phase {
            Phase::Run => self.apply_new(place, |tally| {
                reject(&mut tally.account);
                tally.checks.not_sent += 1;
            }),
            phase => reject(&mut besides.accounts[phase as usize]),
        }
    }

    /// An entry of the measured phase is forgotten: its outcome is final.
    pub(super) fn forget(&mut self, entry: &Entry, now: UnixNanos) {
        if entry.phase != Phase::Run {
            return;
        }
        let place = entry.place();
        self.besides[place.series.index].forgotten.get_or_insert_default().add(entry, now);
        for slice in self.slices.iter_mut().filter(|slice| place.matches(slice.tags)) {
            slice.forgotten.get_or_insert_default().add(entry, now);
        }
    }

    /// The fate of its statement, which the entry holds, is known.
    pub(super) fn closed(&mut self, entry: &Entry) {
        if entry.phase == Phase::Run {
            let committed = matches!(entry.written, Some(Written::Committed(_)));
            // One that has arrived is counted as written already.
            let content = committed && !entry.content.is_empty() && !entry.arrived();
            self.apply(entry, |tally| {
                tally.checks.closed += 1;
                tally.checks.committed += u64::from(committed);
                tally.checks.content_written += u64::from(content);
            });
        }
    }

    /// Its outcome changes; what its `check` step says goes with it.
    pub(super) fn change(&mut self, entry: &mut Entry, to: Outcome) {
        let from = entry.outcome;
        assert!(from.may_become(to), "an entry does not go from {from} to {to}");
        if entry.no_row {
            entry.no_row = false;
            self.besides[entry.series.index].causes[entry.phase as usize][Cause::NoRow as usize] -= 1;
        }
        let is_open = |outcome| u64::from(matches!(outcome, Outcome::Pending | Outcome::Unknown));
        self.open = self.open + is_open(to) - is_open(from);
        // No outcome follows an arrival, so what is undone here is at most a failure.
        let before = (from != Outcome::Pending && !entry.check.is_empty()).then_some(false);
        entry.outcome = to;
        let after = entry.step();
        match entry.phase {
            Phase::Run => self.apply(entry, |tally| {
                tally.account.change(from, to);
                let checks = &mut tally.checks;
                checks.steps = checks.steps + u64::from(after.is_some()) - u64::from(before.is_some());
                checks.steps_passed += u64::from(after == Some(true));
            }),
            phase => self.besides[entry.series.index].accounts[phase as usize].change(from, to),
        }
    }

    /// It is lost because the row it deletes never arrived.
    pub(super) fn no_row(&mut self, entry: &mut Entry) {
        entry.no_row = true;
        self.besides[entry.series.index].causes[entry.phase as usize][Cause::NoRow as usize] += 1;
    }

    /// It arrived, and its content was compared where that can be done.
    pub(super) fn compared(&mut self, entry: &Entry) {
        if entry.phase != Phase::Run {
            return;
        }
        let counted_as_written = matches!(entry.written, Some(Written::Committed(_)));
        let step_not_compared = entry.outcome == Outcome::Delivered
            && entry.checked.is_some_and(|checked| checked.holds().is_none());
        let compared = entry.compared;
        if compared.is_none() && !step_not_compared {
            return;
        }
        self.apply(entry, |tally| {
            let checks = &mut tally.checks;
            checks.steps_not_compared += u64::from(step_not_compared);
            let Some(compared) = compared else { return };
            checks.content_written += u64::from(!counted_as_written);
            checks.content_arrived += 1;
            checks.compared += u64::from(compared.agrees().is_some());
            checks.matching += u64::from(compared.agrees() == Some(true));
            checks.compared_in_part += u64::from(compared == Comparison::InPart);
        });
    }

    /// What its `check` step says has changed with what is known of its row.
    pub(super) fn checked(&mut self, entry: &Entry, before: Option<bool>) {
        let after = entry.step();
        if entry.phase == Phase::Run && before != after {
            self.apply(entry, |tally| {
                let checks = &mut tally.checks;
                checks.steps = checks.steps + u64::from(after.is_some()) - u64::from(before.is_some());
                checks.steps_passed =
                    checks.steps_passed + u64::from(after == Some(true)) - u64::from(before == Some(true));
            });
        }
    }

    /// An entry that the ledger does not hold, delivered; nothing is known of its group and stage.
    pub(super) fn recover(&mut self, series: Series) {
        let account = &mut self.run[series.index].account;
        account.open();
        account.change(Outcome::Pending, Outcome::Delivered);
    }

    /// # Panics
    /// When a sum does not close.
    pub(super) fn assert_sums(&self) {
        for phase in Phase::ALL {
            for series in self.series.all() {
                let account = self.account(series, phase);
                assert!(account.closes(), "entries are the sum of their outcomes: {account:?}");
            }
        }
        for tally in self.run.iter().chain(self.slices.iter().map(|slice| &slice.tally)) {
            assert!(tally.account.closes(), "entries of a slice are the sum of their outcomes: {tally:?}");
            let checks = &tally.checks;
            let bounded = checks.committed <= checks.closed
                && checks.not_expected <= checks.committed
                && checks.closed + checks.not_sent <= tally.account.entries() + checks.not_expected
                && checks.matching <= checks.compared
                && checks.compared_in_part <= checks.matching
                && checks.compared <= checks.content_arrived
                && checks.content_arrived <= checks.content_written
                && checks.steps_passed <= checks.steps
                && checks.steps <= tally.account.entries();
            assert!(bounded, "no check passes more often than it is made: {checks:?}");
        }
    }
}
