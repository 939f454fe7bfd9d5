//! The sections of the page, in its order.
//!
//! Each is a function from what is shown to the HTML of its element, or to nothing where it has nothing to show.

mod account;
mod breakdown;
mod conditions;
mod findings;
mod heat;
mod latencies;
mod latency;
mod now;
mod parts;
mod rate;
mod rows;
mod runs;
mod slower;
mod thresholds;
mod users;
mod validity;
mod verdict;
mod waiting;

use std::sync::Arc;

use super::Shown;
use super::kept_runs::Kept;

/// What there is to show between runs.
pub struct Between {
    /// The kept runs.
    pub runs: Arc<Kept>,
    /// Where this observer is reached.
    pub reached_at: String,
}

/// One section of the page.
pub struct Section {
    /// The id of its element.
    pub id: &'static str,
    /// Whether it is what people look at first: kept small, it goes with every event.
    pub at_a_glance: bool,
    /// What stands in its element. A run is shown unless there has been none; `Between` is there while none goes on.
    pub html: fn(Option<&Shown<'_>>, Option<&Between>) -> Option<String>,
}

/// Every section in the order of the page.
pub const ALL: &[Section] = &[
    Section { id: "verdict", at_a_glance: true, html: verdict::html },
    Section { id: "validity", at_a_glance: false, html: validity::html },
    Section { id: "now", at_a_glance: true, html: now::html },
    Section { id: "thresholds", at_a_glance: false, html: thresholds::html },
    Section { id: "latency", at_a_glance: false, html: latency::html },
    Section { id: "rate", at_a_glance: false, html: rate::html },
    Section { id: "waiting", at_a_glance: false, html: waiting::html },
    Section { id: "users", at_a_glance: false, html: users::html },
    Section { id: "heat", at_a_glance: false, html: heat::html },
    Section { id: "slower", at_a_glance: false, html: slower::html },
    Section { id: "breakdown", at_a_glance: false, html: breakdown::html },
    Section { id: "latencies", at_a_glance: false, html: latencies::html },
    Section { id: "parts", at_a_glance: false, html: parts::html },
    Section { id: "account", at_a_glance: true, html: account::html },
    Section { id: "rows", at_a_glance: false, html: rows::html },
    Section { id: "findings", at_a_glance: false, html: findings::html },
    Section { id: "conditions", at_a_glance: false, html: conditions::html },
    Section { id: "runs", at_a_glance: false, html: runs::html },
];
