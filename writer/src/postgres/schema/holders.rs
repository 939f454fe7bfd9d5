//! Who holds a lock that is not to be had, in the words of a sentence.

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::{Entity, Generator};
use tokio_postgres::types::{ToSql, Type};

use crate::postgres::Connection;

/// The advisory lock that `prepare` holds: any number will do that is always the same.
pub(super) const PREPARE_LOCK: i64 = 0x7374_7265_616d;

/// What is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The table itself, against everybody: a column is added.
    Table,
    /// The tables that a new one refers to, against whoever writes.
    Parents,
    /// What lets one `prepare` at a time.
    Prepare,
}

/// Somebody who holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    process: i32,
    role: Option<String>,
    application: Option<String>,
    /// As in `pg_stat_activity`: `idle in transaction`.
    state: Option<String>,
    /// How long its transaction lasts, where that may be seen.
    seconds: Option<i64>,
}

/// The sentence for a table of which a lock is not to be had; exit code 107.
pub(super) async fn in_use(
    connection: &Connection,
    entity: &Entity,
    model: &[Entity],
    wanted: Wanted,
    waited: &str,
) -> Failure {
    let tables: Vec<String> = match wanted {
        Wanted::Table => vec![entity.table.quoted()],
        Wanted::Parents => parents(entity, model).map(|parent| parent.table.quoted()).collect(),
        Wanted::Prepare => Vec::new(),
    };
    Failure::run(sentence(entity, wanted, waited, &holders(connection, &tables, wanted).await))
}

/// What a new table refers to.
fn parents<'a>(entity: &'a Entity, model: &'a [Entity]) -> impl Iterator<Item = &'a Entity> {
    entity.columns.iter().filter_map(|column| match column.generator {
        Generator::Reference { entity } => Some(&model[entity]),
        _ => None,
    })
}

fn sentence(entity: &Entity, wanted: Wanted, waited: &str, holders: &[Holder]) -> String {
    let table = &entity.table;
    let what = match wanted {
        Wanted::Table => {
            format!("table '{table}' is in use: the lock that adding column '{}' takes", entity.stamp)
        }
        Wanted::Parents => {
            format!("table '{table}' cannot be made: the lock on the tables that it refers to")
        }
        Wanted::Prepare => {
            format!("table '{table}' cannot be prepared: the lock that lets one 'prepare' at a time")
        }
    };
    let by = match holders {
        [] => "who held it cannot be told any more".to_owned(),
        held => {
            let all: Vec<String> = held.iter().map(Holder::words).collect();
            format!("it is held by {}", all.join(", and by "))
        }
    };
    let end = holders.first().map_or_else(
        || "prepare when the table is less in use".to_owned(),
        |first| {
            format!("end that transaction (SELECT pg_terminate_backend({})) and prepare again", first.process)
        },
    );
    format!(
        "{what} was not to be had in {waited} (--lock-timeout), {by}: {end}, or give a longer --lock-timeout"
    )
}

impl Holder {
    fn words(&self) -> String {
        let mut words = format!("process {}", self.process);
        if let Some(role) = &self.role {
            words.push_str(&format!(" of role '{role}'"));
        }
        let application = self.application.clone().filter(|name| !name.is_empty());
        let since = self.seconds.map(|seconds| format!("in a transaction for {seconds} s"));
        let more: Vec<String> = [application, self.state.clone(), since].into_iter().flatten().collect();
        if !more.is_empty() {
            words.push_str(&format!(" ({})", more.join(", ")));
        }
        words
    }
}

/// Whoever holds a lock that stands in the way now; nobody where that cannot be asked. Of its statement nothing is
/// shown, which is somebody else's.
async fn holders(connection: &Connection, tables: &[String], wanted: Wanted) -> Vec<Holder> {
    const HOLDERS: &str = "SELECT DISTINCT l.pid, a.usename::text, a.application_name, a.state, \
        extract(epoch FROM clock_timestamp() - a.xact_start)::int8 \
        FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid) \
        WHERE l.granted AND l.pid IS NOT NULL AND l.pid <> pg_backend_pid() \
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND CASE \
        WHEN $2 THEN l.locktype = 'advisory' AND ((l.classid::int8 << 32) | l.objid::int8) = $3 AND l.objsubid = 1 \
        ELSE l.locktype = 'relation' AND l.relation = ANY (SELECT to_regclass(name)::oid FROM unnest($1) AS t(name)) \
        AND NOT ($4 AND l.mode IN ('AccessShareLock', 'RowShareLock')) END ORDER BY 5 DESC NULLS LAST LIMIT 3";
    let (is_advisory, readers_may) = (wanted == Wanted::Prepare, wanted == Wanted::Parents);
    let values: [(&(dyn ToSql + Sync), Type); 4] = [
        (&tables, Type::TEXT_ARRAY),
        (&is_advisory, Type::BOOL),
        (&PREPARE_LOCK, Type::INT8),
        (&readers_may, Type::BOOL),
    ];
    let rows = connection.client().query_typed(HOLDERS, &values).await;
    let holder = |row: &tokio_postgres::Row| Holder {
        process: row.get(0),
        role: row.get(1),
        application: row.get(2),
        state: row.get(3),
        seconds: row.get(4),
    };
    rows.map(|rows| rows.iter().map(holder).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_source::tests::shop;

    fn said(wanted: Wanted, holders: &[Holder]) -> String {
        sentence(&shop().model.entities[0], wanted, "5 times 2s", holders)
    }

    #[test]
    fn the_table_the_holder_and_the_way_out_are_said() {
        let holder = Holder {
            process: 17,
            role: Some("app".into()),
            application: Some("psql".into()),
            state: Some("idle in transaction".into()),
            seconds: Some(90),
        };
        let bare = Holder { process: 18, role: None, application: None, state: None, seconds: None };
        assert_eq!(
            said(Wanted::Table, &[holder, bare]),
            "table 'customers' is in use: the lock that adding column 'cdc_stamp' takes was not to be had in 5 times 2s (--lock-timeout), it is held by process 17 of role 'app' (psql, idle in transaction, in a transaction for 90 s), and by process 18: end that transaction (SELECT pg_terminate_backend(17)) and prepare again, or give a longer --lock-timeout"
        );
    }

    #[test]
    fn nobody_is_named_who_is_not_seen() {
        for wanted in [Wanted::Parents, Wanted::Prepare] {
            let said = said(wanted, &[]);
            assert!(said.contains("who held it cannot be told any more: prepare when"), "{said}");
        }
    }
}
