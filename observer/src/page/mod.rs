//! The live page: what a person sees of a run, as HTML that the observer writes.
//!
//! A page is made of **fragments**, one for each section of [`sections`], every one a pure function of a snapshot and a
//! view ([`View`]: which part of the run, which scale). They are drawn when the page is asked for and, once for all who
//! look at the same view, when a snapshot came ([`Live`]); `http::events` sends those that changed, and `page.js` puts each
//! in its place. Without a script the page shows the state at load. Nothing here runs on the matcher's thread.
//!
//! To add a section: a file in `sections/` and its line in [`sections::ALL`].
//!
//! # What a test may rely on
//! - `<html data-instance>`: this process. `<body data-run>`: the run's id, empty before the first; `<body data-state>`:
//!   `before`, `running` or `over`. The script keeps both up to date; before it has run they are those at load.
//! - `<section id="…" class="panel">`: one fragment, empty where it has nothing to show. The ids are those of
//!   [`sections::ALL`]. Charts within are figures with ids of `<section's id>-chart`.
//! - `data-figure="/latency/cdc_e2e_latency/all/p95"`: a figure of the report, by its JSON pointer in `/api/snapshot`; its
//!   text is nothing but the figure in the summary's words, and `data-value` is the number as JSON writes it where it is
//!   known. With a view of a part figures that are not in the report carry neither.
//! - `#connection`: the banner while events do not come, hidden else; `#pause`: the button that holds updates back.
//! - `#filters`: the form of the view, with `scenario`, `entity`, `operation`, `stage` and `scale`.

mod chart_data;
mod kept_runs;
mod live;
mod merged;
pub mod query;
mod row;
pub mod sections;
mod shell;
mod shown;
#[cfg(test)]
mod tests;
mod view;

pub use live::{Fragment, Live, Rendered};
pub use row::{no_row, row};
pub use shell::{SCRIPT, login, page, style};
pub use shown::Shown;
pub use view::View;
