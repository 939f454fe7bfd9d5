//! What the tables of a test show.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    let Some(test) = &inspected.test else { return Vec::new() };
    match &test.problem {
        None => vec![Finding::fine("tables", "every table is as the model says")],
        Some(failure) => {
            let refused = |problem| {
                Finding::new("tables", Severity::Error, problem, "a run of this test is refused", "")
            };
            failure.sentence.lines().map(refused).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::exit_code::Failure;

    use super::super::tests::found;
    use super::*;
    use crate::doctor::inspected::InspectedTest;

    #[test]
    fn each_problem_of_a_table_is_an_error() {
        assert_eq!(found(|inspected| inspected.test = Some(InspectedTest::default())), []);
        let two = Failure::configuration("table 'a' does not exist\ntable 'b' does not exist");
        let with = InspectedTest { problem: Some(two), ..InspectedTest::default() };
        let found = found(|inspected| inspected.test = Some(with));
        assert_eq!(found, [("tables", Severity::Error), ("tables", Severity::Error)]);
    }
}
