//! What became of every row and of every event: sums that close.

use askama::Template;
use streamgauge_shared::report::per_second;

use super::Between;
use crate::html::figure;
use crate::page::Shown;

#[derive(Template)]
#[template(path = "page/sections/account.html")]
struct Account {
    sums: Vec<Sum>,
    lines: Vec<(String, String)>,
    notes: Vec<String>,
}

/// A total and the terms that add up to it.
struct Sum {
    name: &'static str,
    total: String,
    terms: Vec<(&'static str, String)>,
}

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let report = shown?.report();
    let (account, events) = (&report.account, &report.events);
    let terms = |of: &str, terms: &[(&'static str, u64)]| {
        let shown = terms.iter().filter(|(_, count)| *count > 0);
        shown.map(|(name, count)| (*name, figure::count(&format!("/{of}/{name}"), *count))).collect()
    };
    let sums = vec![
        Sum {
            name: "entries",
            total: figure::count("/account/entries", account.entries),
            terms: terms("account", &account.outcomes()),
        },
        Sum {
            name: "events",
            total: figure::count("/events/total", events.total),
            terms: terms("events", &events.kinds()),
        },
    ];
    let mut lines = Vec::new();
    for (name, rate) in &report.rates {
        let (share, passed) =
            (figure::share(&format!("/rates/{name}/rate"), rate.rate), &format!("/rates/{name}/passed"));
        let total = figure::count(&format!("/rates/{name}/total"), rate.total);
        lines.push((name.clone(), format!("{share} {} of {total}", figure::count(passed, rate.passed))));
    }
    for (name, count) in report.counters.iter().filter(|(name, count)| **count > 0 || *name == "iterations") {
        let counted = figure::count(&format!("/counters/{name}"), *count);
        lines.push((name.clone(), format!("{counted}{}", per_second(report, name))));
    }
    let mut notes = events.notes();
    notes.extend(account.notes());
    notes.extend(report.rejections.notes());
    if let Some(content) = &report.content {
        notes.push(format!("content: {}", content.line()));
        notes.extend(content.notes());
    }
    notes.extend(report.load.written.iter().filter_map(|written| written.line()));
    Account { sums, lines, notes }.render().ok()
}
