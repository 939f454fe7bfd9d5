//! The account of a run: what became of each entry, what each event was, and the sums that always close.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The part of a run an operation belongs to. Only [`Phase::Run`] enters the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Rows the test needs before its load.
    Setup,
    /// The same load, before it counts.
    WarmUp,
    /// What is measured.
    Run,
    /// What the test undoes after its load.
    Teardown,
}

/// What an operation does to its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// An insert.
    Create,
    /// An update that rewrites the stamp.
    Update,
    /// A delete; it carries no stamp and is matched by its key.
    Delete,
}

/// What became of an entry of the ledger: exactly one of these at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Arrived by its deadline.
    Delivered,
    /// Never arrived, and a later operation on the same key did.
    Superseded,
    /// Arrived after its deadline.
    Late,
    /// Nothing came for as long as the test waits.
    Lost,
    /// PostgreSQL refused it, or the statement touched no row.
    Rejected,
    /// Whether it committed cannot be known, and it has not arrived.
    Unknown,
    /// Not arrived yet.
    Pending,
}

/// What an event of the change stream was: exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The first arrival of an entry.
    First,
    /// The entry had arrived before.
    Duplicate,
    /// The first arrival of an entry, after a later one of the same key had arrived.
    OutOfOrder,
    /// Its entry is not here yet.
    Early,
    /// Another run's, without a stamp, or a delete of a key that is not ours.
    Foreign,
    /// Not a change event this program can read; [`Undecodable`] says why.
    Undecodable,
}

/// Why an event could not be read: exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undecodable {
    /// The reply, or an item of it, is no document.
    NoDocument,
    /// It does not say what happened, or what this program does not know.
    NoOperation,
    /// It does not say in which collection.
    NoCollection,
    /// A write that does not say what was written.
    NoContent,
    /// A delete that does not say of which document.
    NoKey,
}

impl Undecodable {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NoDocument => {
                "a reply of MongoDB was damaged: look at the network and at any proxy between MongoDB and the observer"
            }
            Self::NoOperation | Self::NoCollection => {
                "something between MongoDB and the observer changes the events: point --mongo at MongoDB itself, version 6.0 or later"
            }
            Self::NoContent => {
                "MongoDB sent a write without its document: look in its log for the event, and whether the user of --mongo may read every field of the collection"
            }
            Self::NoKey => {
                "MongoDB sent a delete without its documentKey: point --mongo at MongoDB itself, version 6.0 or later"
            }
        }
    }
}

macro_rules! closed_set {
    ($type:ident, $count:literal, $($variant:ident => $name:literal),+ $(,)?) => {
        impl $type {
            /// How many there are.
            pub const COUNT: usize = $count;
            /// All of them, in the order reports print them.
            pub const ALL: [Self; $count] = [$(Self::$variant),+];
            /// The name in JSON, labels and text.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

impl Outcome {
    /// Whether an entry may go from this outcome to another: the closed list of reasons.
    ///
    /// - *Pending* ends in any other.
    /// - Its event came after all: *superseded* (a sink that reorders), *lost* (later than the run waits), *unknown*
    ///   (it had committed) and *rejected* (PostgreSQL's answer is contradicted, which makes the run INVALID) become
    ///   *delivered* or *late*.
    /// - PostgreSQL's answer came after all: *lost* and *superseded* become *rejected*, *lost* becomes *unknown*.
    /// - *Delivered* and *late* are final.
    #[must_use]
    pub fn may_become(self, to: Self) -> bool {
        use Outcome::{Delivered, Late, Lost, Pending, Rejected, Superseded, Unknown};
        match (self, to) {
            (Pending, _) => to != Pending,
            (Superseded | Lost | Unknown | Rejected, Delivered | Late)
            | (Superseded | Lost, Rejected)
            | (Lost, Unknown) => true,
            _ => false,
        }
    }
}

closed_set!(Phase, 4, Setup => "setup", WarmUp => "warm_up", Run => "run", Teardown => "teardown");
closed_set!(Operation, 3, Create => "create", Update => "update", Delete => "delete");
closed_set!(Outcome, 7, Delivered => "delivered", Superseded => "superseded", Late => "late", Lost => "lost",
    Rejected => "rejected", Unknown => "unknown", Pending => "pending");
closed_set!(Undecodable, 5, NoDocument => "no_document", NoOperation => "no_operation",
    NoCollection => "no_collection", NoContent => "no_content", NoKey => "no_key");
closed_set!(EventKind, 6, First => "first", Duplicate => "duplicate", OutOfOrder => "out_of_order", Early => "early",
    Foreign => "foreign", Undecodable => "undecodable");

/// Entries by outcome. `entries` is counted where they are opened, the outcomes where they change,
/// so that [`Account::closes`] can fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    entries: u64,
    by_outcome: [u64; Outcome::COUNT],
}

/// Events by kind, with the total counted apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCount {
    total: u64,
    by_kind: [u64; EventKind::COUNT],
}

impl Account {
    /// A new entry: pending.
    pub fn open(&mut self) {
        self.entries += 1;
        self.by_outcome[Outcome::Pending as usize] += 1;
    }

    /// A pending entry turns out to be none: what it was opened for cannot be expected.
    ///
    /// # Panics
    /// When none is pending: our own bug, and every figure would be wrong.
    pub fn withdraw(&mut self) {
        let pending = &mut self.by_outcome[Outcome::Pending as usize];
        *pending = pending.checked_sub(1).expect("only a pending entry is withdrawn");
        self.entries -= 1;
    }

    /// An entry's outcome changes.
    ///
    /// # Panics
    /// When no entry has the outcome `from`: our own bug, and every figure would be wrong.
    pub fn change(&mut self, from: Outcome, to: Outcome) {
        let left = &mut self.by_outcome[from as usize];
        *left = left.checked_sub(1).expect("an entry leaves only the outcome it has");
        self.by_outcome[to as usize] += 1;
    }

    /// Entries opened.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Entries that have this outcome now.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.by_outcome[outcome as usize]
    }

    /// Whether `entries` is the sum of the outcomes.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.entries == self.by_outcome.iter().sum::<u64>()
    }

    /// Entries that arrived.
    #[must_use]
    pub fn arrived(&self) -> u64 {
        self.count(Outcome::Delivered) + self.count(Outcome::Late)
    }

    /// Adds another account, for example of another scenario.
    pub fn add(&mut self, other: &Self) {
        self.entries += other.entries;
        for (mine, theirs) in self.by_outcome.iter_mut().zip(other.by_outcome) {
            *mine += theirs;
        }
    }
}

impl EventCount {
    /// An event is seen.
    pub fn see(&mut self, kind: EventKind) {
        self.total += 1;
        self.by_kind[kind as usize] += 1;
    }

    /// An event that was seen as `from` turns out to be `to`.
    ///
    /// # Panics
    /// When no event has the kind `from`: our own bug.
    pub fn change(&mut self, from: EventKind, to: EventKind) {
        let left = &mut self.by_kind[from as usize];
        *left = left.checked_sub(1).expect("an event leaves only the kind it has");
        self.by_kind[to as usize] += 1;
    }

    /// Takes one event of this kind away, because it belongs to another phase's count.
    ///
    /// # Panics
    /// When there is none: our own bug.
    pub fn give(&mut self, kind: EventKind) {
        let left = &mut self.by_kind[kind as usize];
        *left = left.checked_sub(1).expect("only an event that was seen is given away");
        self.total -= 1;
    }

    /// Events seen.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Events of this kind.
    #[must_use]
    pub fn count(&self, kind: EventKind) -> u64 {
        self.by_kind[kind as usize]
    }

    /// Whether `total` is the sum of the kinds.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.total == self.by_kind.iter().sum::<u64>()
    }

    /// Arrivals that changed an entry.
    #[must_use]
    pub fn arrivals(&self) -> u64 {
        self.count(EventKind::First) + self.count(EventKind::OutOfOrder)
    }

    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        self.total += other.total;
        for (mine, theirs) in self.by_kind.iter_mut().zip(other.by_kind) {
            *mine += theirs;
        }
    }
}

/// A count as a float, for shares and rates: exact below 2^53.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53 are exact")]
pub fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_close_through_every_change() {
        let mut account = Account::default();
        account.open();
        account.open();
        account.change(Outcome::Pending, Outcome::Unknown);
        account.change(Outcome::Unknown, Outcome::Delivered);
        assert!(account.closes());
        assert_eq!((account.entries(), account.arrived(), account.count(Outcome::Pending)), (2, 1, 1));
        account.withdraw();
        assert!(account.closes());
        assert_eq!((account.entries(), account.count(Outcome::Pending)), (1, 0));

        let mut events = EventCount::default();
        events.see(EventKind::Early);
        events.see(EventKind::Duplicate);
        events.change(EventKind::Early, EventKind::First);
        events.give(EventKind::Duplicate);
        assert!(events.closes());
        assert_eq!((events.total(), events.arrivals()), (1, 1));
    }

    #[test]
    #[should_panic(expected = "an entry leaves only the outcome it has")]
    fn an_outcome_that_no_entry_has_cannot_change() {
        Account::default().change(Outcome::Lost, Outcome::Late);
    }

    #[test]
    fn names_are_those_of_the_serial_form() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).expect("a name"), outcome.name());
        }
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("a name"), kind.name());
        }
        for reason in Undecodable::ALL {
            assert_eq!(serde_json::to_value(reason).expect("a name"), reason.name());
        }
        for phase in Phase::ALL {
            assert_eq!(serde_json::to_value(phase).expect("a name"), phase.name());
        }
    }
}
