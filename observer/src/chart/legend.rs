//! Which colour and which line stands for what: a list in HTML, which wraps on a narrow screen.

use super::frame::Tone;
use super::markup::{add, escape};

/// How an entry is drawn in its chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Line,
    Dashed,
    Area,
    Hatched,
}

/// The entries in the order of their chart.
#[derive(Debug, Default)]
pub(super) struct Legend {
    entries: Vec<(Sign, &'static str, String)>,
}

impl Legend {
    /// Adds an entry, unless there is one of the same look and name.
    pub(super) fn add(&mut self, sign: Sign, tone: Tone, name: &str) {
        self.add_class(sign, tone.class(), name);
    }

    /// Adds an entry with a class of its own.
    pub(super) fn add_class(&mut self, sign: Sign, class: &'static str, name: &str) {
        let entry = (sign, class, name.to_owned());
        if !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
    }

    pub(super) fn html(&self) -> String {
        if self.entries.is_empty() {
            return String::new();
        }
        let mut html = String::from("<ul class=\"legend\">");
        for (sign, class, name) in &self.entries {
            let drawn = match sign {
                Sign::Line => format!("<path class=\"line {class}\" d=\"M0 5h18\"/>"),
                Sign::Dashed => format!("<path class=\"limit {class}\" d=\"M0 5h18\"/>"),
                Sign::Area => format!("<rect class=\"area {class}\" width=\"18\" height=\"10\"/>"),
                Sign::Hatched => "<path class=\"hatch\" d=\"M0 10l5-10M6 10l5-10M12 10l5-10\"/>".to_owned(),
            };
            let name = escape(name);
            add(
                &mut html,
                format_args!(
                    "<li><svg width=\"18\" height=\"10\" aria-hidden=\"true\">{drawn}</svg>{name}</li>"
                ),
            );
        }
        html.push_str("</ul>");
        html
    }
}
