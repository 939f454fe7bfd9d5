//! The service level: whether objectives were met over kept runs, and how sure that is.
//!
//! `objective`, `window` and `openslo` say what is asked. `extent` says over which time a run measured, `evidence` what
//! became of rows without a known latency, `tally` counts all rows by minutes, `judge` makes the figures. `account` puts
//! them together into one value, of which `text` and `html` are renderings. All pure: folders are read through a
//! [`Source`], and nothing asks for the time. `rules` makes Prometheus' rules of the same objectives. What is bad, what is
//! neither, and what is time not measured stands in `docs/sla.md`.

mod account;
mod burn;
mod evidence;
mod extent;
mod folders;
mod html;
mod judge;
mod objective;
mod openslo;
mod result;
mod rules;
mod tally;
mod text;
mod time_set;
mod verdict;
mod window;
mod words;
mod zone;

#[cfg(test)]
mod tests;

pub use account::{Expect, Interval, Question, Source, account};
pub use folders::{run, write_rules};
pub use objective::{Objective, Target};
pub use openslo::{Slo, read as read_slo};
pub use result::Account;
pub use text::render;
pub use verdict::Verdict;
pub use window::Window;
pub use zone::Zone;
