//! How the rows of a table are found: by an index, or by reading the table from its first page to its last.

use serde_json::Value;
use streamgauge_shared::test_file::{Entity, quoted};
use tokio_postgres::types::Type;
use tokio_postgres::{Error, SimpleQueryMessage};

use crate::postgres::Connection;

/// Rows deleted by one statement, where an index finds them.
const BATCH_ROWS: u32 = 1_000;
/// Pages read by one statement, of 8 KB: about ten thousand rows at most.
const BATCH_PAGES: u64 = 128;
/// Since PostgreSQL 14 a range of pages can be read without reading all.
const RANGES_SINCE: i32 = 140_000;
/// What a server reads in a second, by order of magnitude.
const SCAN_ROWS_PER_S: u64 = 1_000_000;
/// A row where nothing is known of how many there are.
const ROW_BYTES: u64 = 100;
/// A shorter scan is not worth a word.
const SCAN_TOLD_S: u64 = 1;

/// How rows are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// PostgreSQL finds so many at a time, until there are none.
    Found,
    /// In each range of pages, up to this page, once.
    Pages(u64),
}

impl Way {
    /// The statement of a batch, from 0; nothing after the last.
    pub(super) fn batch(self, table: &str, condition: &str, batch: u64) -> Option<String> {
        match self {
            Self::Found => Some(format!(
                "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {condition} LIMIT {BATCH_ROWS})) AND {condition}"
            )),
            Self::Pages(pages) => {
                let (from, to) = (batch * BATCH_PAGES, (batch + 1) * BATCH_PAGES);
                (from < pages).then(|| {
                    format!(
                        "DELETE FROM {table} WHERE ctid >= '({from},0)'::tid AND ctid < '({to},0)'::tid AND {condition}"
                    )
                })
            }
        }
    }
}

/// The way for a table, and the sentence for one that takes long to read.
pub(super) async fn choose(
    connection: &Connection,
    entity: &Entity,
    condition: &str,
) -> Result<(Way, Option<String>), Error> {
    // With its partitions and children, which a statement on it reads as well.
    const SIZE: &str = "WITH RECURSIVE parts(oid) AS (SELECT to_regclass($1)::oid \
        UNION SELECT i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid) \
        SELECT coalesce(sum(c.reltuples::int8) FILTER (WHERE c.relkind = 'r' AND c.reltuples >= 0), 0)::int8, \
        coalesce(bool_or(c.reltuples < 0 AND c.relkind = 'r'), false), coalesce(sum(pg_relation_size(c.oid)), 0)::int8, \
        coalesce(max(pg_relation_size(c.oid)), 0)::int8 / current_setting('block_size')::int8, \
        current_setting('server_version_num')::int4 FROM parts JOIN pg_class c USING (oid)";
    let client = connection.client();
    let table = entity.table.quoted();
    let row = client.query_typed_one(SIZE, &[(&table, Type::TEXT)]).await?;
    let whole = |index: usize| u64::try_from(row.get::<_, i64>(index)).unwrap_or(0);
    let (counted, is_guess, bytes, pages): (u64, bool, u64, u64) = (whole(0), row.get(1), whole(2), whole(3));
    let explain = format!("EXPLAIN (FORMAT JSON) SELECT ctid FROM {table} WHERE {condition}");
    let plan = client.simple_query(&explain).await?.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    if !plan.is_some_and(|plan| reads_all(&plan)) {
        return Ok((Way::Found, None));
    }
    let rows = if is_guess { counted.max(bytes / ROW_BYTES) } else { counted };
    let way = if row.get::<_, i32>(4) < RANGES_SINCE { Way::Found } else { Way::Pages(pages) };
    Ok((way, told(entity, rows)))
}

/// The sentence for so many rows, which are read to delete and again to count.
fn told(entity: &Entity, rows: u64) -> Option<String> {
    let seconds = 2 * rows / SCAN_ROWS_PER_S;
    (seconds >= SCAN_TOLD_S).then(|| {
        format!(
            "table '{}' has about {rows} rows, and PostgreSQL reads all of them twice to find stamps, which takes about {seconds} s: CREATE INDEX CONCURRENTLY ON {} ({} text_pattern_ops) saves that",
            entity.table,
            entity.table.quoted(),
            quoted(&entity.stamp)
        )
    })
}

/// Whether a plan, as `EXPLAIN (FORMAT JSON)` writes it, reads a table from end to end.
fn reads_all(plan: &str) -> bool {
    fn has(value: &Value) -> bool {
        match value {
            Value::Object(fields) => {
                fields.get("Node Type").is_some_and(|kind| kind == "Seq Scan") || fields.values().any(has)
            }
            Value::Array(values) => values.iter().any(has),
            _ => false,
        }
    }
    serde_json::from_str::<Value>(plan).is_ok_and(|plan| has(&plan))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_source::tests::shop;

    #[test]
    fn each_page_is_read_once() {
        let way = Way::Pages(200);
        assert_eq!(
            way.batch("t", "s", 0).as_deref(),
            Some("DELETE FROM t WHERE ctid >= '(0,0)'::tid AND ctid < '(128,0)'::tid AND s")
        );
        assert!(way.batch("t", "s", 1).is_some_and(|last| last.contains("< '(256,0)'")));
        assert_eq!(way.batch("t", "s", 2), None);
        assert_eq!(Way::Pages(0).batch("t", "s", 0), None, "an empty table");
    }

    #[test]
    fn a_plan_that_reads_a_partition_from_end_to_end_reads_all() {
        let plan = |kind: &str| {
            format!(
                r#"[{{"Plan":{{"Node Type":"Append","Plans":[{{"Node Type":"Index Scan"}},{{"Node Type":"{kind}"}}]}}}}]"#
            )
        };
        assert!(reads_all(&plan("Seq Scan")));
        assert!(!reads_all(&plan("Bitmap Heap Scan")));
    }

    #[test]
    fn a_long_scan_is_told_with_the_index_that_saves_it() {
        let customer = &shop().model.entities[0];
        assert_eq!(told(customer, 400_000), None);
        assert_eq!(
            told(customer, 50_000_000).as_deref(),
            Some(
                "table 'customers' has about 50000000 rows, and PostgreSQL reads all of them twice to find stamps, which takes about 100 s: CREATE INDEX CONCURRENTLY ON \"customers\" (\"cdc_stamp\" text_pattern_ops) saves that"
            )
        );
    }
}
