//! What became of a row that was written and rolled back.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;
use crate::probe::{Inserted, Probed, Step};

const CODE: &str = "probe_row";

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    inspected.test.iter().flat_map(|test| &test.probed).flat_map(of_table).collect()
}

fn of_table(probed: &Probed) -> Vec<Finding> {
    let Probed { table, inserted, faults, .. } = probed;
    let suspects = probed.suspects();
    let inserted = match inserted {
        Inserted::Row => None,
        Inserted::Elsewhere => Some(Finding::new(
            CODE,
            Severity::Info,
            format!("table '{table}': INSERT says 0 rows, and the row is there"),
            format!(
                "{suspects} puts it into another table; a run counts such a row as written, and it arrives under that table's name"
            ),
            "name that table's collection in the model",
        )),
        Inserted::Nothing => Some(Finding::new(
            CODE,
            Severity::Error,
            format!("table '{table}': INSERT says 0 rows, and the row is not there"),
            format!("{suspects} keeps it away: a run is refused, because no row of it could arrive"),
            "name the table that gets the rows, or disable what keeps them away",
        )),
        Inserted::Refused(said) => Some(Finding::new(
            CODE,
            Severity::Error,
            format!("table '{table}': INSERT is refused: {said}"),
            "every row of a run may be refused like it",
            "grant what is missing, or give the model values that the table takes",
        )),
        Inserted::NoParent => Some(Finding::new(
            CODE,
            Severity::Info,
            format!("table '{table}': no row was tried"),
            "a row that it refers to could not be made",
            "see what was said of that table",
        )),
    };
    let fault = |step: Step, said: &str| {
        let cause = match step {
            Step::See => format!(
                "row-level security or {suspects} hides or changes rows: the clean-up finds rows by their stamp, and would leave them"
            ),
            Step::Update => "a step that updates rows is rejected".to_owned(),
            Step::Delete => "a step that deletes rows is rejected, and the clean-up leaves rows".to_owned(),
        };
        Finding::new(
            CODE,
            Severity::Error,
            format!("table '{table}': {step}: {said}"),
            cause,
            format!("give the role a policy and the right to {step}, or look at {suspects}"),
        )
    };
    let mut findings: Vec<Finding> = inserted.into_iter().collect();
    findings.extend(faults.iter().map(|found| fault(found.step, &found.said)));
    if findings.is_empty() {
        let seen = format!("table '{table}': a row can be written, seen, changed and deleted");
        findings.push(Finding::fine(CODE, seen));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;
    use crate::doctor::inspected::InspectedTest;
    use crate::probe::Fault;

    fn of(inserted: Inserted, faults: &[Step]) -> Vec<(&'static str, Severity)> {
        let faults = faults.iter().map(|step| Fault { step: *step, said: "0 rows".into() }).collect();
        let probed = Probed { table: "events".into(), inserted, faults, triggers: Vec::new() };
        let test = InspectedTest { probed: vec![probed], ..InspectedTest::default() };
        found(|inspected| inspected.test = Some(test))
    }

    #[test]
    fn each_step_that_goes_wrong_is_told() {
        let (error, info) = ((CODE, Severity::Error), (CODE, Severity::Info));
        assert_eq!(of(Inserted::Row, &[]), []);
        assert_eq!(of(Inserted::Elsewhere, &[]), [info]);
        assert_eq!(of(Inserted::NoParent, &[]), [info]);
        assert_eq!(of(Inserted::Nothing, &[]), [error]);
        assert_eq!(of(Inserted::Refused("no".into()), &[]), [error]);
        assert_eq!(of(Inserted::Row, &[Step::See, Step::Update, Step::Delete]), [error, error, error]);
        assert_eq!(of(Inserted::Elsewhere, &[Step::Delete]), [info, error]);
    }
}
