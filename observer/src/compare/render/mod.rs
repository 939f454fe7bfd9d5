//! A comparison, or a history, as text, Markdown, JSON and HTML: one file each.

mod html;
mod json;
mod markdown;
mod text;
mod words;

pub(super) use html::page;
pub(super) use json::{comparison_json, history_json};
pub(super) use markdown::markdown;
pub(super) use text::{history_text, text};
