//! What the scenarios were to find out.

use askama::Template;

use super::Between;
use crate::page::Shown;

#[derive(Template)]
#[template(
    ext = "html",
    source = "<h2>Findings <span class=\"scope\">whole run</span></h2><pre class=\"findings scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Findings\">{% for line in lines %}{{ line }}\n{% endfor %}</pre>{% if more > 0 %}<p class=\"note\">{{ more }} more lines stand in summary.txt of the run's folder</p>{% endif %}"
)]
struct Findings {
    lines: Vec<String>,
    more: usize,
}

/// Lines that the page shows: a soak of two days has a checkpoint for each hour.
const LINES_MAX: usize = 60;

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let mut lines = shown?.report().findings.as_ref()?.lines();
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    if lines.is_empty() {
        return None;
    }
    Findings { lines, more }.render().ok()
}
