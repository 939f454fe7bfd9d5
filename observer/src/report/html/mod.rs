//! `report.html`: one file that answers, to whoever it is sent, whether the pipeline met its target and how sure that is.
//!
//! It holds its style sheet, has no script and asks nothing of a network. `answer` is its first screen; `charts` draws
//! what `course` made of the interval log, with the stages of the `plan`; `tables` has the figures, `rows` the single rows, `conditions` under which
//! they were measured and what was not. Pure but for the files of the run that [`KeptRun`] reads.

mod answer;
mod charts;
mod conditions;
mod course;
mod plan;
mod rows;
mod tables;
#[cfg(test)]
mod tests;

use askama::Template;
use streamgauge_shared::exit_code::Failure;

use self::answer::Answer;
use self::charts::Charts;
use self::conditions::Conditions;
use self::course::Course;
use self::rows::RowList;
use self::tables::Tables;
use super::Format;
use crate::html::rendered;
use crate::kept::KeptRun;

/// Letters of the test's text that are shown: the folder has all of it.
const TEST_LETTERS: usize = 60_000;

#[derive(Template)]
#[template(path = "report/html/report.html")]
struct Document<'r> {
    test: &'r str,
    run: &'r str,
    started_at: &'r str,
    answer: Answer,
    charts: Charts,
    tables: Tables,
    lists: Vec<RowList>,
    conditions: Conditions,
    test_text: Option<String>,
}

/// `report --html`.
pub(super) struct Html;

impl Format for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn render(&self, run: &KeptRun) -> Result<String, Failure> {
        html(run)
    }
}

/// The report of a kept run as one HTML document.
///
/// # Errors
/// A file of the run that the document needs is there and cannot be read (104).
pub fn html(run: &KeptRun) -> Result<String, Failure> {
    let report = &run.report;
    let course = Course::read(run)?;
    let text = run.test_text();
    let stages = text.as_deref().map(|text| plan::stages(text, &report.run)).unwrap_or_default();
    let document = Document {
        test: &report.run.test,
        run: &report.run.id,
        started_at: &report.run.started_at,
        answer: Answer::of(report, text.as_deref()),
        charts: Charts::of(report, &course, stages),
        tables: Tables::of(report),
        lists: rows::lists(&run.rows()?),
        conditions: Conditions::of(run),
        test_text: text.map(|text| shortened(text, TEST_LETTERS)),
    };
    Ok(rendered(&document))
}

/// A text of at most so many letters, and a last line that says so where some are left out.
fn shortened(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text,
        Some((end, _)) => format!("{}\n… the rest stands in test.toml of the run folder", &text[..end]),
    }
}
