//! Whether a change stream can be opened.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

pub(super) fn judge(inspected: &Inspected) -> Finding {
    match &inspected.stream {
        Ok(()) => Finding::fine("change_stream", "can be opened on the whole database"),
        Err(reason) => Finding::new(
            "change_stream",
            Severity::Error,
            reason.as_str(),
            "without it the observer sees nothing",
            "grant the user of --mongo the role read on the database, on a replica set",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_stream_that_cannot_be_opened_is_an_error() {
        let found = found(|inspected| inspected.stream = Err("no".into()));
        assert_eq!(found, [("change_stream", Severity::Error)]);
    }
}
