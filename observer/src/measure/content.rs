//! How much of the rows' content was compared, and why the rest was not.

use streamgauge_shared::content::NotCompared;
use streamgauge_shared::report::{
    ColumnReport, ContentNotCompared, ContentReport, Findings, NotComparedReport,
};
use streamgauge_shared::test_file::Test;

use crate::matcher::{ColumnTally, Matcher};

/// What the report says of content; nothing where nothing is verified or checked.
pub(super) fn report(test: &Test, matcher: &Matcher) -> Option<ContentReport> {
    let verifies = test.model.entities.iter().any(|entity| entity.verified().next().is_some());
    if !verifies && test.checks.is_empty() {
        return None;
    }
    let mut content = ContentReport::default();
    for series in matcher.series().all() {
        let checks = &matcher.tally(series).checks;
        content.written += checks.content_written;
        content.arrived += checks.content_arrived;
        content.compared += checks.compared;
        content.matched += checks.matching;
        content.compared_in_part += checks.compared_in_part;
        content.checks_not_compared += checks.steps_not_compared;
    }
    for (entity, column, tally) in columns(test, matcher) {
        let not_compared = reasons(tally).map(|(reason, rows)| NotComparedReport {
            entity: entity.to_owned(),
            column: column.to_owned(),
            rows,
            reason,
        });
        let before = content.not_compared.len();
        content.not_compared.extend(not_compared);
        if tally.compared > 0 || content.not_compared.len() > before {
            content.columns.push(ColumnReport {
                entity: entity.to_owned(),
                column: column.to_owned(),
                compared: tally.compared,
                matched: tally.matched,
            });
        }
    }
    Some(content)
}

/// The findings, with the verified columns that arrived and were never compared.
pub(super) fn found(test: &Test, matcher: &Matcher, findings: Option<Findings>) -> Option<Findings> {
    let mut not = ContentNotCompared { nothing_compared: true, columns: Vec::new() };
    for (entity, column, tally) in columns(test, matcher) {
        not.nothing_compared &= tally.compared == 0;
        let most = reasons(tally).max_by_key(|(_, rows)| *rows);
        if let Some((reason, _)) = most.filter(|_| tally.compared == 0) {
            let rows = reasons(tally).map(|(_, rows)| rows).sum();
            not.columns.push(NotComparedReport {
                entity: entity.to_owned(),
                column: column.to_owned(),
                rows,
                reason,
            });
        }
    }
    if not.columns.is_empty() {
        return findings;
    }
    Some(Findings { content_not_compared: Some(not), ..findings.unwrap_or_default() })
}

/// Every verified column, with the names of its entity and its own.
fn columns<'a>(
    test: &'a Test,
    matcher: &'a Matcher,
) -> impl Iterator<Item = (&'a str, &'a str, ColumnTally)> {
    (0..).zip(&test.model.entities).flat_map(move |(index, entity)| {
        entity.verified().map(move |(place, column)| {
            let tally = u16::try_from(place).map(|place| matcher.column(index, place)).unwrap_or_default();
            (entity.name.as_str(), column.name.as_str(), tally)
        })
    })
}

/// Why a column was not compared, and in how many rows.
fn reasons(tally: ColumnTally) -> impl Iterator<Item = (NotCompared, u64)> {
    NotCompared::ALL
        .into_iter()
        .map(move |reason| (reason, tally.not_compared(reason)))
        .filter(|(_, rows)| *rows > 0)
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::content::ColumnDigest;
    use streamgauge_shared::ledger::Opened;
    use streamgauge_shared::report::Report;

    use crate::measure::fixture::{Fixture, opened};
    use crate::stream::{ColumnSeen, ColumnValue, Content};

    use super::*;

    const BASE64: ColumnValue = ColumnValue::Not(NotCompared::Base64Decimal);

    /// Customers, whose email is column 1 and status column 2, each said to hold `Value(7)`.
    fn report_of(rows: &[[ColumnValue; 2]]) -> Report {
        let mut run = Fixture::of(|_| {});
        let content: Vec<ColumnDigest> =
            [1, 2].map(|column| ColumnDigest { column, digest: 7 }).into_iter().collect();
        for (sequence, [email, status]) in (0..).zip(rows) {
            run.row(Opened { content: content.clone(), ..opened(sequence, 0) }, None);
            let says = [ColumnSeen { column: 1, value: *email }, ColumnSeen { column: 2, value: *status }];
            run.arrive_with(sequence, 50, Content::new(says.to_vec()));
        }
        run.close().report
    }

    #[test]
    fn content_that_was_never_compared_is_a_finding_and_no_match() {
        let report = report_of(&[[BASE64, BASE64], [BASE64, BASE64]]);
        let content = report.content.as_ref().expect("the model verifies columns");
        assert_eq!((content.written, content.arrived, content.compared, content.matched), (2, 2, 0, 0));
        assert_eq!(content.not_compared.len(), 2);
        assert_eq!(
            (content.not_compared[0].rows, content.not_compared[0].reason),
            (2, NotCompared::Base64Decimal)
        );
        let finding = report.findings.expect("said").content_not_compared.expect("said");
        assert!(finding.nothing_compared && finding.columns.len() == 2);
        // Two writes and two arrivals: what was not compared raises nothing.
        let checks = report.rates["checks"];
        assert_eq!((checks.passed, checks.total), (4, 4));
    }

    #[test]
    fn one_column_that_cannot_be_read_leaves_the_others_compared() {
        let value = ColumnValue::Value;
        let report = report_of(&[[BASE64, value(7)], [BASE64, value(8)], [BASE64, value(7)]]);
        let content = report.content.as_ref().expect("the model verifies columns");
        assert_eq!(
            (content.arrived, content.compared, content.matched, content.compared_in_part),
            (3, 3, 2, 2)
        );
        let status = &content.columns[1];
        assert_eq!((status.column.as_str(), status.compared, status.matched), ("status", 3, 2));
        let finding = report.findings.expect("said").content_not_compared.expect("said");
        assert_eq!((finding.nothing_compared, finding.columns.len()), (false, 1));
        let checks = report.rates["checks"];
        assert_eq!((checks.passed, checks.total), (8, 9), "the one that differs has failed");
    }

    #[test]
    fn a_run_that_compared_everything_says_no_more() {
        let value = ColumnValue::Value;
        let report = report_of(&[[value(7), value(7)], [value(7), value(7)]]);
        let content = report.content.as_ref().expect("the model verifies columns");
        assert_eq!((content.compared, content.matched, content.not_compared.len()), (2, 2, 0));
        assert!(report.findings.is_none());
    }
}
