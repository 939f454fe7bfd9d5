//! The statements' texts. Names come from the model, as they are in the catalogue, and are always quoted.
//!
//! Numbers with a point, timestamps and JSON go as text with a cast: PostgreSQL's own reading of them, and no
//! type of ours between the value and the row.

use streamgauge_shared::test_file::{Column, ColumnType, Entity, Generator, QualifiedName, quoted};
use tokio_postgres::types::Type;

/// The type as which a column's values are sent: what has a form of its own on the wire and needs no text of ours, the
/// rest as text.
pub(super) fn sent_as(column: &Column) -> Type {
    match column.kind {
        _ if column.list.is_some() => Type::TEXT,
        ColumnType::Uuid => Type::UUID,
        ColumnType::Smallint => Type::INT2,
        ColumnType::Integer => Type::INT4,
        ColumnType::Bigint => Type::INT8,
        ColumnType::Boolean => Type::BOOL,
        _ => Type::TEXT,
    }
}

/// The place of a column's value in a statement. No length or digits stand in a cast: PostgreSQL would cut what is too
/// long, where an assignment refuses it.
fn place(column: &Column, number: usize) -> String {
    let own = column.cast.as_ref().map(QualifiedName::quoted);
    if column.list.is_some() {
        let element = own.unwrap_or_else(|| element_type(column.kind).to_owned());
        return format!("${number}::text::{element}[]");
    }
    let plain = match column.kind {
        ColumnType::Uuid
        | ColumnType::Smallint
        | ColumnType::Integer
        | ColumnType::Bigint
        | ColumnType::Boolean
        | ColumnType::Text
        | ColumnType::Varchar { .. } => format!("${number}"),
        // Of a text and a char PostgreSQL would compare the texts, and no index of the char would help.
        kind => format!("${number}::text::{}", element_type(kind)),
    };
    own.map_or(plain.clone(), |own| format!("{plain}::{own}"))
}

/// The type's name in a cast: `character` alone would be one character.
fn element_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Char { .. } => "bpchar",
        kind => kind.sql(),
    }
}

/// The columns that an insert fills, and those that the database fills and says, by index.
pub(super) fn filled(entity: &Entity) -> (Vec<usize>, Vec<usize>) {
    (0..entity.columns.len()).partition(|index| entity.columns[*index].generator != Generator::Database)
}

/// Inserts every column that is ours to fill, then the stamp; returns those that the database fills.
pub(super) fn insert(entity: &Entity) -> String {
    let (ours, of_database) = filled(entity);
    let name = |index: &usize| quoted(&entity.columns[*index].name);
    let mut names: Vec<String> = ours.iter().map(name).collect();
    names.push(quoted(&entity.stamp));
    let columns = ours.iter().map(|index| &entity.columns[*index]).zip(1..);
    let mut places: Vec<String> = columns.map(|(column, number)| place(column, number)).collect();
    places.push(format!("${}", names.len()));
    let returning = match &of_database[..] {
        [] => String::new(),
        columns => format!(" RETURNING {}", columns.iter().map(name).collect::<Vec<_>>().join(", ")),
    };
    format!(
        "INSERT INTO {} ({}) VALUES ({}){returning}",
        entity.table.quoted(),
        names.join(", "),
        places.join(", ")
    )
}

/// Updates these columns, then the stamp, where the key's columns are what follows.
pub(super) fn update(entity: &Entity, changed: &[usize]) -> String {
    let columns = changed.iter().map(|index| &entity.columns[*index]).zip(1..);
    let mut set: Vec<String> = columns
        .map(|(column, number)| format!("{} = {}", quoted(&column.name), place(column, number)))
        .collect();
    let stamp = changed.len() + 1;
    set.push(format!("{} = ${stamp}", quoted(&entity.stamp)));
    format!("UPDATE {} SET {} WHERE {}", entity.table.quoted(), set.join(", "), by_key(entity, stamp + 1))
}

pub(super) fn delete(entity: &Entity) -> String {
    format!("DELETE FROM {} WHERE {}", entity.table.quoted(), by_key(entity, 1))
}

/// The stamp of the row of a key.
pub(super) fn stamp_of(entity: &Entity) -> String {
    let (stamp, table) = (quoted(&entity.stamp), entity.table.quoted());
    format!("SELECT {stamp}::text FROM {table} WHERE {}", by_key(entity, 1))
}

/// The condition that a row has a key whose columns' values stand at `first` and after it.
fn by_key(entity: &Entity, first: usize) -> String {
    let columns = entity.key_columns().zip(first..);
    let equal =
        columns.map(|(column, number)| format!("{} = {}", quoted(&column.name), place(column, number)));
    equal.collect::<Vec<_>>().join(" AND ")
}

/// A table as the model says. What it refers to stands before it in `entities`.
pub(super) fn create_table(entity: &Entity, entities: &[Entity]) -> String {
    let column = |column: &Column| {
        let kind = column.cast.as_ref().map_or_else(|| column.kind.declared(), QualifiedName::quoted);
        let kind = if column.list.is_some() { format!("{kind}[]") } else { kind };
        let refers_to = match column.generator {
            Generator::Reference { entity } => {
                format!(" REFERENCES {}", entities[entity].table.quoted())
            }
            _ => String::new(),
        };
        let filled = match (&column.generator, column.kind) {
            (Generator::Database, ColumnType::Uuid) => " DEFAULT gen_random_uuid()",
            (Generator::Database, ColumnType::Text | ColumnType::Varchar { .. }) => {
                " DEFAULT gen_random_uuid()::text"
            }
            (Generator::Database, _) => " GENERATED BY DEFAULT AS IDENTITY",
            _ => "",
        };
        format!("{} {kind} NOT NULL{filled}{refers_to}", quoted(&column.name))
    };
    let mut parts: Vec<String> = entity.columns.iter().map(column).collect();
    parts.push(format!("{} text", quoted(&entity.stamp)));
    let key: Vec<String> = entity.key_columns().map(|column| quoted(&column.name)).collect();
    parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    format!("CREATE TABLE IF NOT EXISTS {} ({})", entity.table.quoted(), parts.join(", "))
}

pub(super) fn add_stamp(entity: &Entity) -> String {
    format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} text", entity.table.quoted(), quoted(&entity.stamp))
}

/// The greatest number of a column of whole numbers.
pub(super) fn greatest_number(entity: &Entity, column: usize) -> String {
    format!("SELECT max({})::bigint FROM {}", quoted(&entity.columns[column].name), entity.table.quoted())
}

/// The greatest of the numbers that the texts of a column hold at the group of the pattern `$1`.
pub(super) fn greatest_in_texts(entity: &Entity, column: usize) -> String {
    let column = quoted(&entity.columns[column].name);
    format!("SELECT max(substring({column}::text FROM $1::text)::bigint) FROM {}", entity.table.quoted())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::tests::bookings;
    use crate::test_source::tests::shop;

    #[test]
    fn statements_name_what_the_model_names() {
        let test = shop();
        let customer = &test.model.entities[0];
        assert_eq!(
            insert(customer),
            r#"INSERT INTO "customers" ("id", "email", "status", "cdc_stamp") VALUES ($1, $2, $3, $4)"#
        );
        assert_eq!(
            update(customer, &[2]),
            r#"UPDATE "customers" SET "status" = $1, "cdc_stamp" = $2 WHERE "id" = $3"#
        );
        assert_eq!(delete(customer), r#"DELETE FROM "customers" WHERE "id" = $1"#);
        assert_eq!(
            create_table(customer, &test.model.entities),
            r#"CREATE TABLE IF NOT EXISTS "customers" ("id" uuid NOT NULL, "email" text NOT NULL, "status" text NOT NULL, "cdc_stamp" text, PRIMARY KEY ("id"))"#
        );
    }

    #[test]
    fn names_stay_as_the_catalogue_has_them() {
        let mut customer = shop().model.entities[0].clone();
        customer.table = "Sales.Customers".parse().expect("a name");
        customer.columns[1].name = r#"E "mail".to"#.to_owned();
        customer.stamp = "CdcStamp".to_owned();
        assert_eq!(
            insert(&customer),
            r#"INSERT INTO "Sales"."Customers" ("id", "E ""mail"".to", "status", "CdcStamp") VALUES ($1, $2, $3, $4)"#
        );
        assert_eq!(delete(&customer), r#"DELETE FROM "Sales"."Customers" WHERE "id" = $1"#);
        assert_eq!(
            add_stamp(&customer),
            r#"ALTER TABLE "Sales"."Customers" ADD COLUMN IF NOT EXISTS "CdcStamp" text"#
        );
    }

    #[test]
    fn every_type_a_composite_key_and_a_reference_have_their_form() {
        let model = bookings();
        let booking = &model.entities[1];
        assert_eq!(
            insert(booking),
            r#"INSERT INTO "bookings" ("region", "number", "guest_id", "price", "nights", "paid", "made_at", "arrival", "wishes", "label", "cdc_stamp") VALUES ($1, $2, $3, $4::text::numeric, $5, $6, $7::text::timestamp with time zone, $8::text::timestamp without time zone, $9::text::jsonb, $10, $11)"#
        );
        assert_eq!(
            update(booking, &[3, 8]),
            r#"UPDATE "bookings" SET "price" = $1::text::numeric, "wishes" = $2::text::jsonb, "cdc_stamp" = $3 WHERE "region" = $4 AND "number" = $5"#
        );
        assert_eq!(delete(booking), r#"DELETE FROM "bookings" WHERE "region" = $1 AND "number" = $2"#);
        let created = create_table(booking, &model.entities);
        assert!(
            created
                .contains(r#""guest_id" uuid NOT NULL REFERENCES "guests", "price" numeric(10,2) NOT NULL"#)
        );
        assert!(created.ends_with(r#""cdc_stamp" text, PRIMARY KEY ("region", "number"))"#), "{created}");
    }
}
