//! What remains after a clean-up, and what keeps it.

use std::fmt;

use streamgauge_shared::test_file::Entity;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::Type;

use crate::postgres::{Connection, describe};

/// What remains in a table, or may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    table: String,
    /// Rows that are seen.
    rows: u64,
    /// What keeps them, and the way out.
    why: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, rows, why } = self;
        match rows {
            0 => write!(f, "whether rows stay in table '{table}' cannot be told: {why}"),
            rows => write!(f, "{rows} rows stay in table '{table}': {why}"),
        }
    }
}

/// What may keep rows, beside what a statement was refused with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Keepers {
    role: String,
    /// Row-level security holds for our role.
    is_secured: bool,
    /// Its policies show every row to our role.
    sees_all: bool,
    /// Triggers that can keep a row from being deleted.
    triggers: Vec<String>,
}

/// Counts the rows that a clean-up was to delete; nothing if there are none.
pub(super) async fn look(
    connection: &Connection,
    entity: &Entity,
    condition: &str,
    refusal: Option<&Error>,
) -> Result<Option<Left>, Error> {
    const KEEPERS: &str = "SELECT current_user::text, row_security_active(t.oid), EXISTS (SELECT FROM pg_policy p \
        WHERE p.polrelid = t.oid AND p.polpermissive AND p.polcmd IN ('r', '*') AND pg_get_expr(p.polqual, t.oid) = 'true' \
        AND (0::oid = ANY (p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) AS r(oid) WHERE pg_has_role(r.oid, 'USAGE')))) \
        AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND NOT p.polpermissive AND p.polcmd IN ('r', '*')), \
        ARRAY(SELECT DISTINCT g.tgname::text FROM pg_trigger g WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' \
        AND g.tgtype & 11 = 11 AND (g.tgrelid = t.oid OR g.tgrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = t.oid)) \
        ORDER BY 1) FROM (SELECT to_regclass($1)::oid) AS t(oid)";
    let (client, table) = (connection.client(), entity.table.quoted());
    let count = format!("SELECT count(*) FROM {table} WHERE {condition}");
    let counted = client.query_typed_one(&count, &[]).await?;
    let rows = u64::try_from(counted.get::<_, i64>(0)).unwrap_or(0);
    let row = client.query_typed_one(KEEPERS, &[(&table, Type::TEXT)]).await?;
    let keepers =
        Keepers { role: row.get(0), is_secured: row.get(1), sees_all: row.get(2), triggers: row.get(3) };
    let refused = refusal.map(|error| error.as_db_error().map_or_else(|| describe(error), refused_by));
    Ok(why(rows, refused, &keepers).map(|why| Left { table: entity.table.to_string(), rows, why }))
}

/// What keeps so many rows that are seen; nothing if none are left.
fn why(rows: u64, refused: Option<String>, keepers: &Keepers) -> Option<String> {
    let Keepers { role, is_secured, sees_all, triggers } = keepers;
    if rows == 0 {
        return (*is_secured && !sees_all).then(|| {
            format!("row-level security may hide rows from role '{role}', clean up as a role with BYPASSRLS")
        });
    }
    if let Some(refused) = refused {
        return Some(refused);
    }
    Some(match (&triggers[..], is_secured) {
        ([], true) => format!(
            "row-level security does not let role '{role}' delete them, clean up as a role with BYPASSRLS"
        ),
        ([], false) => {
            "they were written while they were deleted, clean up again when the run has ended".to_owned()
        }
        (triggers, _) => format!(
            "trigger '{}' keeps them, disable it or delete them as it demands",
            triggers.join("' or trigger '")
        ),
    })
}

/// What a refusal says, and the way out.
fn refused_by(error: &DbError) -> String {
    let said = format!("{} ({})", error.message(), error.code().code());
    let is_reference = [SqlState::FOREIGN_KEY_VIOLATION, SqlState::RESTRICT_VIOLATION].contains(error.code());
    match (error.table(), error.constraint()) {
        (Some(table), Some(constraint)) if is_reference => format!(
            "rows of table '{table}' that are not of this clean-up refer to them (constraint '{constraint}'), delete those first"
        ),
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_left_is_nothing_unless_it_may_be_hidden() {
        let open = Keepers { role: "app".into(), ..Keepers::default() };
        assert_eq!(why(0, None, &open), None);
        let secured = Keepers { is_secured: true, ..open };
        assert!(why(0, None, &secured).is_some_and(|why| why.contains("may hide rows from role 'app'")));
        assert_eq!(why(0, None, &Keepers { sees_all: true, ..secured }), None);
    }

    #[test]
    fn what_keeps_rows_is_said() {
        let says = |refused: Option<&str>, keepers: &Keepers, words: &str| {
            let why = why(3, refused.map(str::to_owned), keepers).expect("rows are left");
            assert!(why.contains(words), "{why}");
        };
        let open = Keepers { role: "app".into(), ..Keepers::default() };
        says(Some("refused"), &open, "refused");
        says(None, &open, "clean up again");
        says(None, &Keepers { is_secured: true, ..open.clone() }, "does not let role 'app' delete them");
        let triggers = vec!["keep".into(), "audit".into()];
        says(None, &Keepers { triggers, ..open }, "trigger 'keep' or trigger 'audit' keeps them");
    }

    #[test]
    fn a_row_that_may_be_there_is_not_counted() {
        let left = |rows| Left { table: "orders".into(), rows, why: "so".into() }.to_string();
        assert_eq!(left(0), "whether rows stay in table 'orders' cannot be told: so");
        assert_eq!(left(2), "2 rows stay in table 'orders': so");
    }
}
