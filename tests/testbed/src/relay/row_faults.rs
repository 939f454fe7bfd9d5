//! What is done to single rows, chosen by their number. Pure: every moment is an argument.
//!
//! Inserts and updates that carry a stamp are counted from 1 in the order in which they are read; deletes,
//! truncates and rows without a stamp have no number. Drop, duplicate and corrupt hit every N-th of these.
//! Reorder and coalesce hold back every N-th **insert** (counted apart) until the next write of its key:
//!
//! - `reorder` then writes that one first and the held one right after it: the two are swapped;
//! - `coalesce` then writes only that one.
//!
//! When none comes within the limit, or the row is deleted first, the held row is written after all, late
//! and not as a fault: such a row has no line in the fault file. A row is hit by one fault only, in the order
//! drop, coalesce, reorder, duplicate, corrupt.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::time::Duration;

use mongodb::bson::Bson;
use pgwire_replication::Lsn;
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::Item;
use super::document::Change;
use crate::ack_file::Op;
use crate::fault_file::Fault;
use crate::wait::span;

/// Appended to a text that is corrupted.
const CORRUPTION: &str = "~corrupt";

/// Which rows are hit. Numbers are counted anew when a relay is started again.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct RowFaults {
    /// Never write every N-th row
    #[arg(long, value_name = "N")]
    pub drop_every: Option<NonZeroU64>,
    /// Write every N-th row twice, so that a second change event comes
    #[arg(long, value_name = "N")]
    pub duplicate_every: Option<NonZeroU64>,
    /// Write every N-th insert after the next write of its key
    #[arg(long, value_name = "N")]
    pub reorder_every: Option<NonZeroU64>,
    /// Leave every N-th insert out for the next write of its key
    #[arg(long, value_name = "N")]
    pub coalesce_every: Option<NonZeroU64>,
    /// How long an insert waits for the next write of its key; then it is written, and no fault
    #[arg(long, default_value_t = Self::WITHHOLD_MS, value_name = "N")]
    pub withhold_ms: u64,
    /// Change a value of every N-th row: its first text that is neither key nor stamp
    #[arg(long, value_name = "N")]
    pub corrupt_every: Option<NonZeroU64>,
}

impl Default for RowFaults {
    fn default() -> Self {
        Self {
            drop_every: None,
            duplicate_every: None,
            reorder_every: None,
            coalesce_every: None,
            withhold_ms: Self::WITHHOLD_MS,
            corrupt_every: None,
        }
    }
}

impl RowFaults {
    /// Longer than two writes of one key are apart where a test has them follow each other.
    const WITHHOLD_MS: u64 = 2_000;

    /// The options that say the same.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let options = [
            ("--drop-every", self.drop_every),
            ("--duplicate-every", self.duplicate_every),
            ("--reorder-every", self.reorder_every),
            ("--coalesce-every", self.coalesce_every),
            ("--withhold-ms", NonZeroU64::new(self.withhold_ms)),
            ("--corrupt-every", self.corrupt_every),
        ];
        let given =
            options.into_iter().filter_map(|(name, every)| Some([name.to_owned(), every?.to_string()]));
        given.flatten().collect()
    }
}

/// Applies the faults to rows as they are read.
#[derive(Debug)]
pub(super) struct Injector {
    faults: RowFaults,
    withhold: Nanos,
    rows: u64,
    inserts: u64,
    withheld: VecDeque<Withheld>,
    /// The last position that became complete while a row was held back: not complete before that is written.
    confirm: Option<(UnixNanos, Lsn)>,
}

/// An insert that waits for the next write of its key.
#[derive(Debug)]
struct Withheld {
    read: UnixNanos,
    change: Change,
    fault: Fault,
}

/// An item and the moment when it was read.
type Read = (UnixNanos, Item);

impl Injector {
    pub(super) fn new(faults: RowFaults) -> Self {
        let withhold = span(Duration::from_millis(faults.withhold_ms));
        Self { faults, withhold, rows: 0, inserts: 0, withheld: VecDeque::new(), confirm: None }
    }

    /// Rows held back.
    pub(super) fn len(&self) -> usize {
        self.withheld.len()
    }

    /// When the first row that is held back has waited long enough.
    pub(super) fn next_expiry(&self) -> Option<UnixNanos> {
        self.withheld.front().map(|first| first.read + self.withhold)
    }

    /// What goes on in place of an item, in the order of writing.
    pub(super) fn pass(&mut self, read: UnixNanos, item: Item) -> Vec<Read> {
        let mut out = Vec::with_capacity(2);
        match item {
            Item::Confirm(lsn) => self.confirm = Some((read, lsn)),
            Item::Change(change) => self.change(read, change, &mut out),
        }
        self.confirm_if_free(&mut out);
        out
    }

    /// The rows that have waited long enough at `now`.
    pub(super) fn expire(&mut self, now: UnixNanos) -> Vec<Read> {
        let mut out = Vec::new();
        while self.next_expiry().is_some_and(|expiry| expiry <= now) {
            out.extend(self.withheld.pop_front().map(Withheld::spared));
        }
        self.confirm_if_free(&mut out);
        out
    }

    fn confirm_if_free(&mut self, out: &mut Vec<Read>) {
        if self.withheld.is_empty() {
            out.extend(self.confirm.take().map(|(read, lsn)| (read, Item::Confirm(lsn))));
        }
    }

    fn change(&mut self, read: UnixNanos, mut change: Change, out: &mut Vec<Read>) {
        if change.op == Op::Truncate {
            out.extend(self.withheld.drain(..).map(Withheld::spared));
        }
        let same = |held: &Withheld| held.change.table == change.table && held.change.key == change.key;
        let earlier = self.withheld.iter().position(same).and_then(|index| self.withheld.remove(index));
        let fault = self.fault_of(&change);
        match (earlier, change.row.is_some()) {
            (Some(Withheld { read: read_then, change: mut held, fault }), true) => {
                held.fault = Some(fault);
                let held = (read_then, Item::Change(held));
                let both = [held, (read, Item::Change(change))];
                if fault == Fault::Reorder {
                    out.extend(both.into_iter().rev())
                } else {
                    out.extend(both)
                }
                return;
            }
            (Some(held), false) => out.push(held.spared()),
            (None, _) => {}
        }
        match fault {
            Some(fault @ (Fault::Reorder | Fault::Coalesce)) => {
                self.withheld.push_back(Withheld { read, change, fault });
            }
            Some(Fault::Duplicate) => {
                let again = Change { fault, ..change.clone() };
                out.extend([(read, Item::Change(change)), (read, Item::Change(again))]);
            }
            Some(Fault::Corrupt) => {
                change.fault = fault.filter(|_| corrupt(&mut change));
                out.push((read, Item::Change(change)));
            }
            Some(Fault::Drop) | None => {
                change.fault = fault;
                out.push((read, Item::Change(change)));
            }
        }
    }

    /// Counts a row and says what is to be done to it.
    fn fault_of(&mut self, change: &Change) -> Option<Fault> {
        if change.row.is_none() || change.stamp.is_none() {
            return None;
        }
        self.rows += 1;
        let insert = change.op == Op::Insert;
        self.inserts += u64::from(insert);
        let row =
            |every: Option<NonZeroU64>| every.is_some_and(|every| self.rows.is_multiple_of(every.get()));
        let insert = |every: Option<NonZeroU64>| {
            insert && every.is_some_and(|every| self.inserts.is_multiple_of(every.get()))
        };
        let chosen = [
            (row(self.faults.drop_every), Fault::Drop),
            (insert(self.faults.coalesce_every), Fault::Coalesce),
            (insert(self.faults.reorder_every), Fault::Reorder),
            (row(self.faults.duplicate_every), Fault::Duplicate),
            (row(self.faults.corrupt_every), Fault::Corrupt),
        ];
        chosen.into_iter().find_map(|(hit, fault)| hit.then_some(fault))
    }
}

impl Withheld {
    /// On its way after all.
    fn spared(self) -> Read {
        (self.read, Item::Change(self.change))
    }
}

/// Changes the first text that is neither key nor stamp; says whether there was one.
fn corrupt(change: &mut Change) -> bool {
    let Change { row: Some(row), id, stamp, .. } = change else { return false };
    let is_value = |name: &str, text: &str| !id.contains_key(name) && Some(text) != stamp.as_deref();
    for (name, value) in row.iter_mut() {
        if let Bson::String(text) = value
            && is_value(name, text)
        {
            text.push_str(CORRUPTION);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;
    use proptest::prelude::*;

    use super::*;

    fn change(op: Op, key: &str) -> Item {
        let row =
            matches!(op, Op::Insert | Op::Update).then(|| doc! { "id": key, "cdc_stamp": "s", "v": "x" });
        let stamp = row.as_ref().map(|_| "s".to_owned());
        let (table, key, id) = ("orders".into(), key.into(), doc! { "id": key });
        Item::Change(Change { op, table, key, id, stamp, row, before: None, bytes: 0, fault: None })
    }

    fn every(every: u64) -> Option<NonZeroU64> {
        NonZeroU64::new(every)
    }

    /// What goes on, as "i:a" for the insert of a, with the fault behind it.
    fn texts(items: Vec<Read>) -> Vec<String> {
        let text = |item| match item {
            Item::Confirm(lsn) => format!("confirm {}", lsn.0),
            Item::Change(change) => {
                let op = match change.op {
                    Op::Insert => "i",
                    Op::Update => "u",
                    Op::Delete => "d",
                    Op::Truncate => "t",
                };
                let fault = change.fault.map_or(String::new(), |fault| format!(" {}", fault.name()));
                format!("{op}:{}{fault}", change.key)
            }
        };
        items.into_iter().map(|(_, item)| text(item)).collect()
    }

    fn feed(injector: &mut Injector, items: Vec<Item>) -> Vec<String> {
        items.into_iter().flat_map(|item| texts(injector.pass(UnixNanos(0), item))).collect()
    }

    #[test]
    fn every_nth_row_is_dropped_duplicated_or_corrupted_and_deletes_have_no_number() {
        let faults = RowFaults { drop_every: every(2), duplicate_every: every(3), ..RowFaults::default() };
        let mut injector = Injector::new(faults);
        let rows = vec![
            change(Op::Insert, "a"),
            change(Op::Delete, "a"),
            change(Op::Insert, "b"),
            change(Op::Update, "c"),
            change(Op::Insert, "d"),
        ];
        let expected = ["i:a", "d:a", "i:b drop", "u:c", "u:c duplicate", "i:d drop"];
        assert_eq!(feed(&mut injector, rows), expected);

        let mut injector = Injector::new(RowFaults { corrupt_every: every(1), ..RowFaults::default() });
        let passed = injector.pass(UnixNanos(0), change(Op::Insert, "a"));
        let [(_, Item::Change(change))] = &passed[..] else { panic!("{passed:?}") };
        assert_eq!(change.row, Some(doc! { "id": "a", "cdc_stamp": "s", "v": "x~corrupt" }));
        assert_eq!(change.fault, Some(Fault::Corrupt));
    }

    #[test]
    fn a_reordered_insert_comes_after_the_next_write_of_its_key_and_confirms_wait_for_it() {
        let mut injector = Injector::new(RowFaults { reorder_every: every(2), ..RowFaults::default() });
        let confirm = |position| Item::Confirm(Lsn(position));
        let rows = vec![
            change(Op::Insert, "a"),
            confirm(1),
            change(Op::Insert, "b"),
            confirm(2),
            change(Op::Update, "a"),
            confirm(3),
            change(Op::Update, "b"),
            confirm(4),
        ];
        let expected = ["i:a", "confirm 1", "u:a", "u:b", "i:b reorder", "confirm 3", "confirm 4"];
        assert_eq!(feed(&mut injector, rows), expected);
    }

    #[test]
    fn a_coalesced_insert_gives_way_to_the_next_write_and_to_nothing_else() {
        let mut injector = Injector::new(RowFaults { coalesce_every: every(1), ..RowFaults::default() });
        let rows = vec![
            change(Op::Insert, "a"),
            change(Op::Insert, "b"),
            change(Op::Update, "a"),
            change(Op::Delete, "b"),
            change(Op::Insert, "c"),
            change(Op::Truncate, ""),
        ];
        assert_eq!(feed(&mut injector, rows), ["i:a coalesce", "u:a", "i:b", "d:b", "i:c", "t:"]);
    }

    #[test]
    fn a_row_that_waits_in_vain_is_written_at_its_limit() {
        let faults = RowFaults { coalesce_every: every(1), withhold_ms: 10, ..RowFaults::default() };
        let mut injector = Injector::new(faults);
        assert_eq!(feed(&mut injector, vec![change(Op::Insert, "a"), Item::Confirm(Lsn(7))]), [""; 0]);
        let limit = UnixNanos(0) + Nanos::from_millis(10);
        assert_eq!(injector.next_expiry(), Some(limit));
        assert_eq!(texts(injector.expire(limit - Nanos(1))), [""; 0]);
        assert_eq!(texts(injector.expire(limit)), ["i:a", "confirm 7"]);
        assert_eq!((injector.next_expiry(), injector.len()), (None, 0));
    }

    proptest! {
        #[test]
        fn no_row_is_lost_or_made_but_as_counted(
            n in 1_u64..6,
            rows in prop::collection::vec((0_u8..3, 0_u8..5), 1..60),
        ) {
            let faults = RowFaults {
                drop_every: every(n + 4), duplicate_every: every(n), reorder_every: every(n + 1),
                coalesce_every: every(n + 2), corrupt_every: every(n + 3), withhold_ms: 1,
            };
            let mut injector = Injector::new(faults);
            let ops = [Op::Insert, Op::Update, Op::Delete];
            let mut passed = Vec::new();
            for (op, key) in &rows {
                passed.extend(injector.pass(UnixNanos(0), change(ops[usize::from(*op)], &key.to_string())));
            }
            passed.extend(injector.expire(UnixNanos(i64::MAX)));
            let again = passed.iter().filter(|(_, item)| matches!(item, Item::Change(change) if change.is_again()));
            prop_assert_eq!(passed.len() - again.count(), rows.len());
            prop_assert_eq!(injector.len(), 0);
        }
    }
}
