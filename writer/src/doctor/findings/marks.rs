//! Whether the model names times that the pipeline leaves.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    inspected.test.iter().map(|test| marks(test.entities, test.marked)).collect()
}

fn marks(entities: usize, marked: usize) -> Finding {
    match marked {
        0 => Finding::new(
            "marks",
            Severity::Info,
            "no marks in the model",
            "where the time goes between PostgreSQL and MongoDB cannot be told",
            "let the sink add them (transforms.unwrap.add.fields=source.ts_us,ts_us and InsertField$Value with timestamp.field=kafka_ts), and name them in the model: [entities.NAME.mongo.marks]",
        ),
        count => Finding::fine("marks", format!("named for {count} of {} entities", entities)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::healthy;
    use super::*;
    use crate::doctor::inspected::InspectedTest;

    #[test]
    fn a_model_without_marks_is_told_of_them_and_fails_nothing() {
        let with = |marked| {
            let test = InspectedTest { entities: 2, marked, ..InspectedTest::default() };
            judge(&Inspected { test: Some(test), ..healthy() })[0].grade
        };
        assert_eq!((with(0), with(1)), (Severity::Info, Severity::Fine));
    }
}
