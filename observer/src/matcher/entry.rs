//! One entry of the ledger as the matcher keeps it.

use streamgauge_shared::account::{EventKind, Outcome, Phase};
use streamgauge_shared::content::{ColumnDigest, NotCompared};
use streamgauge_shared::ledger::{Made, Opened, Written};
use streamgauge_shared::marks::Marks;
use streamgauge_shared::time::UnixNanos;
use streamgauge_shared::timeline::Timeline;

use super::comparison::{Comparison, compare};
use super::keys::RowDigest;
use super::{Place, Series};
use crate::stream::{Change, Content, DocumentId, Event};

/// An operation and what is known of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where its figures go.
    pub series: Series,
    /// Which part of the run it belongs to.
    pub phase: Phase,
    /// The row's key in canonical form; absent while only the database knows it.
    pub key: Option<Box<str>>,
    /// Index into the test's groups.
    pub group: Option<u16>,
    /// Index into the test's stages.
    pub stage: Option<u16>,
    /// What its verified columns say as written.
    pub content: Box<[ColumnDigest]>,
    /// What its `check` step expects of some columns; empty without one.
    pub check: Box<[ColumnDigest]>,
    /// Whether its verified columns arrived as written; absent until it arrived, and where nothing is verified.
    pub compared: Option<Comparison>,
    /// Whether what arrived is what the check expects; absent until it arrived, and without a check.
    pub checked: Option<Comparison>,
    /// Its times, on the observer's time line.
    pub timeline: Timeline,
    /// When it was sent for the first time; `timeline` has the last one.
    pub first_sent: UnixNanos,
    /// What the pipeline left of its times; absent until it arrived, and where the model names none.
    pub marks: Option<Box<Marks>>,
    /// When it was sent, as its stamp has it: tells the attempts of a retried operation apart.
    pub stamped: UnixNanos,
    /// When it counts as late.
    pub deadline: UnixNanos,
    /// Its fate in PostgreSQL; absent until known.
    pub written: Option<Written>,
    /// What became of it.
    pub outcome: Outcome,
    /// What the event of its arrival was.
    pub event: Option<EventKind>,
    /// Lost, because the row it deletes never arrived.
    pub no_row: bool,
    /// Whether the time of its arrival is to be believed.
    pub measured: bool,
    /// Whether a user waits for it.
    pub awaited: bool,
    /// What its event says, if that came before its key.
    pub(super) seen: Option<Box<SeenEarly>>,
}

/// What an event says that came before the key of its row.
#[derive(Clone, Debug)]
pub(super) struct SeenEarly {
    pub(super) content: Content,
    /// What the sink calls the row's document, where it chooses that itself.
    pub(super) document: Option<DocumentId>,
}

impl Entry {
    pub(super) fn new(series: Series, opened: Opened) -> Self {
        let timeline = Timeline {
            intended: opened.intended,
            connection_wait: opened.connection_wait,
            sent: opened.sent,
            committed: None,
            observed: None,
            wall: None,
        };
        Self {
            series,
            phase: opened.phase,
            key: opened.key.map(Into::into),
            group: opened.group,
            stage: opened.stage,
            content: opened.content.into(),
            check: opened.check.into(),
            compared: None,
            checked: None,
            timeline,
            first_sent: opened.sent,
            marks: None,
            stamped: opened.stamped,
            deadline: opened.deadline,
            written: None,
            outcome: Outcome::Pending,
            event: None,
            no_row: false,
            measured: false,
            awaited: false,
            seen: None,
        }
    }

    /// A retry: the attempt that counts is the last one. What has arrived stays as it is.
    pub(super) fn resend(&mut self, again: &Opened) {
        if !self.arrived() {
            self.timeline.sent = again.sent;
            self.timeline.connection_wait = again.connection_wait;
            self.stamped = again.stamped;
            self.deadline = again.deadline;
            // In a transaction that is sent again a row may refer to one whose key the database made anew.
            self.content = again.content.as_slice().into();
            self.check = again.check.as_slice().into();
        }
    }

    /// Its event is here: its content is compared, and each verified column told.
    pub(super) fn arrive(
        &mut self,
        event: &Event,
        kind: EventKind,
        column: impl FnMut(u16, Result<bool, NotCompared>),
    ) {
        self.event = Some(kind);
        self.timeline.observed = Some(event.observed);
        self.timeline.wall = event.wall;
        self.marks.clone_from(&event.marks);
        self.measured = event.measured;
        match &event.change {
            // What the database filled is not known yet.
            Change::Stamped { content, document, .. } if self.key.is_none() && self.written.is_none() => {
                self.seen = Some(Box::new(SeenEarly { content: content.clone(), document: *document }));
            }
            Change::Stamped { content, .. } => self.compare(content, column),
            _ => {}
        }
    }

    /// Compares what arrived with what was written, and with what its check expects.
    pub(super) fn compare(&mut self, content: &Content, column: impl FnMut(u16, Result<bool, NotCompared>)) {
        self.compared = compare(&self.content, content, column);
        self.checked = compare(&self.check, content, |_, _| {});
    }

    /// The database has said what its row is called, and what it filled.
    pub(super) fn learn(&mut self, made: Made) {
        let joined = |known: &mut Box<[ColumnDigest]>, learned: Vec<ColumnDigest>| {
            if !learned.is_empty() {
                *known = known.iter().copied().chain(learned).collect();
            }
        };
        self.key = Some(made.key.into());
        joined(&mut self.content, made.content);
        joined(&mut self.check, made.check);
    }

    /// Where its figures go.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { series: self.series, group: self.group, stage: self.stage, at: self.first_sent }
    }

    /// What its `check` step says: passed or failed, or nothing yet, or nothing to say. It passes if the row
    /// arrived by its deadline and says what it should; a row that is late, lost, superseded, rejected or of
    /// unknown fate has failed it, until it arrives after all.
    #[must_use]
    pub fn step(&self) -> Option<bool> {
        match self.outcome {
            _ if self.check.is_empty() => None,
            Outcome::Pending => None,
            Outcome::Delivered => self.checked?.holds(),
            _ => Some(false),
        }
    }

    /// Whether an event of it was seen.
    #[must_use]
    pub fn arrived(&self) -> bool {
        self.timeline.observed.is_some()
    }

    /// Whether nothing more is expected of it.
    pub(super) fn is_settled(&self) -> bool {
        self.written.is_some() && (self.arrived() || self.outcome == Outcome::Rejected)
    }

    /// The memory that it points to and that stays the same once its key is known, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.key.as_ref().map_or(0, |key| key.len()) + size_of_val(&*self.content) + size_of_val(&*self.check)
    }

    /// Names its row, where its key is known.
    pub(super) fn row(&self) -> Option<RowDigest> {
        self.key.as_ref().map(|key| RowDigest::of(self.series.entity, key))
    }
}
