//! Why the measurement is in doubt: what was seen, its cause, and what to do next.

use askama::Template;
use streamgauge_shared::report::{Reason, ValidityState};

use super::Between;
use crate::page::Shown;

#[derive(Template)]
#[template(path = "page/sections/validity.html")]
struct Validity<'v> {
    word: &'static str,
    reasons: Vec<Doubt<'v>>,
}

struct Doubt<'v> {
    reason: &'v Reason,
    grade: &'static str,
    tone: &'static str,
    when: String,
}

/// Spans that are listed of one reason; charts mark all.
const SPANS_SHOWN: usize = 3;

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let validity = &shown?.report().validity;
    let doubt = |reason| Doubt { grade: grade(reason), tone: tone(reason), when: when(reason), reason };
    let reasons: Vec<Doubt<'_>> = validity.reasons.iter().map(doubt).collect();
    if reasons.is_empty() {
        return None;
    }
    Validity { word: validity.state.name(), reasons }.render().ok()
}

const fn grade(reason: &Reason) -> &'static str {
    reason.grade.name()
}

const fn tone(reason: &Reason) -> &'static str {
    match reason.grade {
        ValidityState::Invalid => "bad",
        ValidityState::Degraded => "warn",
        ValidityState::Valid => "good",
    }
}

fn when(reason: &Reason) -> String {
    let shown: Vec<String> = reason.spans.iter().take(SPANS_SHOWN).map(ToString::to_string).collect();
    let more = reason.spans.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
