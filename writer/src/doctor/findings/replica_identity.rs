//! What the WAL says of updated and deleted rows.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::{Identity, Inspected};

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    inspected.test.iter().flat_map(|test| &test.identities).map(replica_identity).collect()
}

fn replica_identity(identity: &Identity) -> Finding {
    let Identity { table, kind, has_primary_key } = identity;
    match (kind, has_primary_key) {
        ('d', true) => Finding::fine("replica_identity", format!("table '{table}': its primary key")),
        ('i', _) => Finding::fine("replica_identity", format!("table '{table}': an index")),
        ('f', _) => Finding::new(
            "replica_identity",
            Severity::Info,
            format!("table '{table}': FULL"),
            "each update and delete writes the whole old row to the WAL; right for a pipeline that needs it, and part of what is measured",
            "nothing, if production has it too",
        ),
        _ => Finding::new(
            "replica_identity",
            Severity::Warning,
            format!("table '{table}': none"),
            "updates and deletes of a published table are refused, or arrive without a key",
            format!("ALTER TABLE {table} REPLICA IDENTITY DEFAULT, with a primary key"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;
    use crate::doctor::inspected::InspectedTest;

    #[test]
    fn a_table_without_an_identity_is_told() {
        let with = |kind, has_primary_key| {
            let identities = vec![Identity { table: "orders".into(), kind, has_primary_key }];
            let test = InspectedTest { identities, ..InspectedTest::default() };
            found(|inspected| inspected.test = Some(test))
        };
        assert_eq!(with('d', true), []);
        assert_eq!(with('i', false), []);
        assert_eq!(with('f', true), [("replica_identity", Severity::Info)]);
        assert_eq!(with('d', false), [("replica_identity", Severity::Warning)]);
        assert_eq!(with('n', true), [("replica_identity", Severity::Warning)]);
    }
}
