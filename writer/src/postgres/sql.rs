//! The statements' texts. Names come from the model, which allows letters, digits and `_` only.

use streamgauge_shared::test_file::{Column, Entity};

/// A name as PostgreSQL reads it unquoted (folded to lower case), but quoted, so that `order` and `user` work.
pub(super) fn quoted(name: &str) -> String {
    let parts: Vec<String> = name.split('.').map(|part| format!("\"{}\"", part.to_lowercase())).collect();
    parts.join(".")
}

pub(super) fn insert(entity: &Entity) -> String {
    let mut names: Vec<String> = entity.columns.iter().map(|column| quoted(&column.name)).collect();
    names.push(quoted(&entity.stamp));
    let places: Vec<String> = (1..=names.len()).map(|place| format!("${place}")).collect();
    format!("INSERT INTO {} ({}) VALUES ({})", quoted(&entity.table), names.join(", "), places.join(", "))
}

pub(super) fn delete(entity: &Entity) -> String {
    format!(
        "DELETE FROM {} WHERE {} = $1",
        quoted(&entity.table),
        quoted(&entity.columns[entity.key[0]].name)
    )
}

pub(super) fn create_table(entity: &Entity) -> String {
    let column = |(index, column): (usize, &Column)| {
        let constraint = if entity.key.contains(&index) { "PRIMARY KEY" } else { "NOT NULL" };
        format!("{} {} {constraint}", quoted(&column.name), column.kind.sql())
    };
    let columns: Vec<String> = entity.columns.iter().enumerate().map(column).collect();
    let (table, stamp) = (quoted(&entity.table), quoted(&entity.stamp));
    format!("CREATE TABLE IF NOT EXISTS {table} ({}, {stamp} text)", columns.join(", "))
}

pub(super) fn add_stamp(entity: &Entity) -> String {
    format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} text", quoted(&entity.table), quoted(&entity.stamp))
}

/// Deletes one batch of the rows whose stamp is like `$1`.
pub(super) fn delete_stamped(entity: &Entity, batch: u32) -> String {
    let (table, stamp) = (quoted(&entity.table), quoted(&entity.stamp));
    format!(
        "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {stamp} LIKE $1 LIMIT {batch})) AND {stamp} LIKE $1"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_source::tests::shop;

    #[test]
    fn statements_name_what_the_model_names() {
        let test = shop();
        let customer = &test.model.entities[0];
        assert_eq!(
            insert(customer),
            r#"INSERT INTO "customers" ("id", "email", "status", "cdc_stamp") VALUES ($1, $2, $3, $4)"#
        );
        assert_eq!(delete(customer), r#"DELETE FROM "customers" WHERE "id" = $1"#);
        assert_eq!(
            create_table(customer),
            r#"CREATE TABLE IF NOT EXISTS "customers" ("id" uuid PRIMARY KEY, "email" text NOT NULL, "status" text NOT NULL, "cdc_stamp" text)"#
        );
        assert_eq!(quoted("Shop.order"), r#""shop"."order""#);
    }
}
