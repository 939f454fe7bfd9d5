//! Between runs: how to start one, and the runs that are kept.

use askama::Template;
use streamgauge_shared::report::figure_words;

use super::Between;
use crate::kept::Listed;
use crate::page::Shown;

#[derive(Template)]
#[template(path = "page/sections/runs.html")]
struct Runs<'r> {
    observer: &'r str,
    runs: Vec<Line<'r>>,
    more: usize,
    unreadable: Option<&'r str>,
}

struct Line<'r> {
    name: &'r str,
    /// What a link leads to; absent where there is nothing.
    file: Option<&'static str>,
    test: &'r str,
    started: &'r str,
    verdict: String,
    tone: &'static str,
    validity: &'static str,
    p95: String,
    error: Option<&'r str>,
}

pub(super) fn html(_: Option<&Shown<'_>>, between: Option<&Between>) -> Option<String> {
    let between = between?;
    let kept = &between.runs;
    Runs {
        observer: &between.reached_at,
        runs: kept.runs.iter().map(line).collect(),
        more: kept.more,
        unreadable: kept.unreadable.as_deref(),
    }
    .render()
    .ok()
}

fn line(listed: &Listed) -> Line<'_> {
    let file = ["report.html", "summary.txt"].into_iter().find(|file| listed.folder.join(file).is_file());
    match &listed.head {
        Err(error) => Line {
            name: &listed.name,
            file,
            test: "",
            started: "",
            verdict: "unreadable".to_owned(),
            tone: "warn",
            validity: "",
            p95: "-".to_owned(),
            error: Some(error),
        },
        Ok(head) => {
            let state = serde_json::to_value(head.verdict.state).ok();
            let state = state.as_ref().and_then(|state| state.as_str()).unwrap_or_default().to_owned();
            let verdict = if head.run.complete { state } else { "incomplete".to_owned() };
            let tone = match verdict.as_str() {
                "passed" => "good",
                "interrupted" | "incomplete" => "warn",
                _ => "bad",
            };
            Line {
                name: &listed.name,
                file,
                test: &head.run.test,
                started: &head.run.started_at,
                verdict,
                tone,
                validity: head.validity.state.name(),
                p95: head.headline().map_or("-".to_owned(), |headline| figure_words(headline.all.p95)),
                error: None,
            }
        }
    }
}
