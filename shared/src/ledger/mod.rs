//! The ledger link: what writer and observer say to each other over one upgraded HTTP connection.
//!
//! One session, worked through (`→` from the writer, `←` from the observer):
//!
//! ```text
//! GET /ledger, Upgrade: streamgauge-ledger/1           101 Switching Protocols
//! → Hello { run 00c0ffee0042, test and model, … }      the observer opens the change stream, and with a run's
//!                                                      first hello looks for the greatest keys that are there
//! ← ClockProbe { asked }   → ClockReply { … }          some of these, and then one a second
//! ← Ready { writer 0, next_record 0 }                  confirmed open: the first row may be sent
//! → Record 0: Prepared                                 after the setup, whose records come before it
//! ← Begin { at }                                       once every writer of the run is: one moment for all
//! → Record 1: Opened { sequence 0, create, key, sent } queued before the statement goes to PostgreSQL
//! → Record 2: Closed { sequence 0, Committed(t) }      the acknowledgement arrived, with the key if it was not known
//! → Await { sequence 0, deadline }                     the user waits for its row
//! ← Settled { sequence 0, arrived }                    its event was observed
//! ← Ack { next_record 3 }                              records 0 to 2 may be forgotten
//!   … the connection breaks; the writer reconnects …
//! → Hello { same run }                  ← Ready { writer 0, next_record 3 }
//! → Record 3 …                                         resent from where the observer stands
//!   … a capacity search: → Record: Probe { 3, rate, from, until }   ← Probed { 3, how it went } …
//! → Record 9: End { operations 4, … }                  nothing more will be opened
//! ← Verdict { report }                                 the account is closed
//! ```
//!
//! Records are numbered densely from 0, so a resent one is recognised. `Await` and `Status` are not
//! records: an `Await` is sent again after a reconnect for each user that still waits, and only the
//! latest `Status` matters. `frame` puts messages on the wire, `message` says what they are, `operation`
//! what is recorded of one operation.

pub mod frame;
pub mod message;
pub mod operation;
pub mod rejections;

pub use message::{
    Awaited, End, Ending, Hello, Iteration, ProbePlan, Process, Progress, Record, ScenarioLoad,
    ScenarioProgress, Status, ToObserver, ToWriter, Verdict,
};
pub use operation::{Closed, Made, NotSent, NotSentCause, Opened, Written};
pub use rejections::{NO_ROW, Rejection, Rejections};

/// The protocol's name in the `Upgrade` header, with its version.
pub const PROTOCOL: &str = "streamgauge-ledger/1";
/// Writers of one run at most: each has a window of entries in the observer.
pub const SHARDS_MAX: u16 = 256;
/// The path of the upgrade.
pub const PATH: &str = "/ledger";
