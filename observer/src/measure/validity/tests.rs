use streamgauge_shared::report;

use super::CODES;
use crate::measure::fixture::Fixture;

/// The reasons of a short run of two rows, once it was changed.
pub(super) fn reasons(change: impl FnOnce(&mut Fixture)) -> Vec<report::Reason> {
    let mut run = Fixture::new(&[Some(50), Some(60)]);
    change(&mut run);
    run.snapshot().report.validity.reasons
}

/// Their codes and grades.
pub(super) fn graded(change: impl FnOnce(&mut Fixture)) -> Vec<(String, report::ValidityState)> {
    reasons(change).into_iter().map(|reason| (reason.code, reason.grade)).collect()
}

#[test]
fn the_documentation_explains_each_code_and_no_other() {
    let page = include_str!("../../../../docs/measurement.md");
    let table = page
        .split("## When a run is not to be believed")
        .nth(1)
        .expect("the section")
        .split("\n## ")
        .next()
        .expect("its end");
    let explained: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(explained, CODES, "the table of docs/measurement.md and the closed list");
}
