//! The frame of every document: the live page, a report, a comparison, an SLA report.
//!
//! `base.html` is what a document that is one file extends: it holds the style sheet, and a content security policy
//! that forbids scripts and requests. `figure` writes single figures as the summary does, each with its place in
//! `report.json`, and `way` puts together what one row takes. Templates stand beside the code that fills them.

pub mod figure;
mod way;

pub(crate) use way::way;

/// The style sheet.
pub const STYLE: &str = include_str!("style.css");

/// A document or a part of one, written. A template that cannot be written is a mistake of ours, and is logged.
#[must_use]
pub fn rendered(template: &impl askama::Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!("a page could not be written: {error}");
        String::new()
    })
}
