//! What the change stream says, event by event, and of the canary's document.

use streamgauge_shared::account::Undecodable;
use streamgauge_shared::marks::Marks;
use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::time::UnixNanos;

use super::content::{Content, DocumentId, RowKey};

/// An event as decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When the reply that holds it arrived.
    pub observed: UnixNanos,
    /// Whether that time is to be believed.
    pub measured: bool,
    /// `wallTime`, if the server gives one.
    pub wall: Option<UnixNanos>,
    /// The marks that the pipeline left; absent where the model names none.
    pub marks: Option<Box<Marks>>,
    /// What it says.
    pub change: Change,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A row with a stamp.
    Stamped {
        /// Index into the model's entities.
        entity: u16,
        /// Its stamp.
        stamp: Stamp,
        /// What the columns say that something is compared with.
        content: Content,
        /// What the sink calls its document, where it chooses that itself.
        document: Option<DocumentId>,
    },
    /// A row is gone.
    Deleted {
        /// Index into the model's entities.
        entity: u16,
        /// Its key in canonical form.
        key: RowKey,
    },
    /// A document whose key the sink chose is gone.
    Removed {
        /// What the sink called it.
        document: DocumentId,
    },
    /// A row of the run's collections that carries no stamp.
    Unstamped,
    /// Not a change event that can be read.
    Undecodable(Undecodable),
}

/// The collection that holds the canary's document while a run goes on.
pub const CANARY_COLLECTION: &str = "streamgauge_canary";
/// The field of that document that holds the stamp.
pub const CANARY_STAMP_FIELD: &str = "stamp";

/// A canary's document in the change stream; it may be another observer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What it says of its write.
    pub stamp: Stamp,
    /// When the reply that holds it arrived.
    pub observed: UnixNanos,
    /// Whether that time can be believed.
    pub measured: bool,
}
