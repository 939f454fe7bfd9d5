//! Whether a pooler shares PostgreSQL's sessions out.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

const CODE: &str = "pooler";

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    vec![if inspected.is_pooled {
        Finding::new(
            CODE,
            Severity::Info,
            "a pooler in transaction mode, such as PgBouncer's: two sessions share one process of PostgreSQL",
            "each statement is parsed anew, because such a pooler may lose prepared ones, and may wait for a session of the pool: both are part of what is measured from 'sent' on",
            "give PostgreSQL's own address in --postgres, unless production goes through the pooler too",
        )
    } else {
        Finding::fine(CODE, "none in transaction mode")
    }]
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_pooler_is_named_and_spoils_nothing() {
        assert_eq!(found(|inspected| inspected.is_pooled = true), [("pooler", Severity::Info)]);
    }
}
