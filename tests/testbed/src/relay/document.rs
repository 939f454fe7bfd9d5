//! Rows as documents, in the plain shape: `{_id: "<key>", …the other columns}`.
//!
//! The key is the column of the replica identity; several are joined by `:`. With replica identity full every
//! column is marked, so there it is `id`, or the first column.

use anyhow::{Context, Result, bail};
use mongodb::bson::{Bson, Decimal128, Document};

use super::pgoutput::{Cell, Message, Relation};
use crate::ack_file::Op;

/// The column that holds the stamp.
const STAMP_COLUMN: &str = "cdc_stamp";
/// What Debezium writes for a large value that an update did not touch; the relay does the same.
const UNAVAILABLE: &str = "__debezium_unavailable_value";
/// Joins the parts of a key of several columns.
const KEY_SEPARATOR: &str = ":";

/// One write to MongoDB and what the ack file says about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(super) op: Op,
    pub(super) table: String,
    pub(super) key: String,
    pub(super) stamp: Option<String>,
    /// The document of an insert or update.
    pub(super) document: Option<Document>,
    /// Bytes of the message it came in.
    pub(super) bytes: usize,
}

/// The writes that a message stands for: usually one, two when an update changed the key.
pub(super) fn changes(message: &Message, relation: &Relation, bytes: usize) -> Result<Vec<Change>> {
    let delete = |old: &[Cell]| -> Result<Change> {
        let (table, key) = (relation.name.clone(), key(relation, old)?);
        Ok(Change { op: Op::Delete, table, key, stamp: None, document: None, bytes })
    };
    let write = |op, new: &[Cell]| -> Result<Change> {
        let (table, key) = (relation.name.clone(), key(relation, new)?);
        let stamp = stamp(relation, new);
        let document = Some(document(relation, &key, new)?);
        Ok(Change { op, table, key, stamp, document, bytes })
    };
    Ok(match message {
        Message::Insert { new, .. } => vec![write(Op::Insert, new)?],
        Message::Update { old, new, .. } => {
            let moved = match old {
                Some(old) => key(relation, old)? != key(relation, new)?,
                None => false,
            };
            // With the whole old row at hand, its large values stand in for those not sent.
            let filled: Vec<Cell> = match old {
                Some(old) if relation.full => new.iter().zip(old).map(|(new, old)| known(new, old)).collect(),
                _ => new.clone(),
            };
            let gone = old.iter().filter(|_| moved).map(|old| delete(old));
            gone.chain([write(Op::Update, &filled)]).collect::<Result<_>>()?
        }
        Message::Delete { old, .. } => vec![delete(old)?],
        Message::Truncate { .. } => {
            let (table, key) = (relation.name.clone(), String::new());
            vec![Change { op: Op::Truncate, table, key, stamp: None, document: None, bytes }]
        }
        Message::Relation(_) | Message::Other(_) => Vec::new(),
    })
}

fn known(new: &Cell, old: &Cell) -> Cell {
    if *new == Cell::Unchanged { old.clone() } else { new.clone() }
}

/// Whether a column is part of the key.
fn is_key(relation: &Relation, index: usize) -> bool {
    let columns = &relation.columns;
    if !relation.full {
        return columns.get(index).is_some_and(|column| column.key);
    }
    index == columns.iter().position(|column| column.name == "id").unwrap_or(0)
}

fn key(relation: &Relation, row: &[Cell]) -> Result<String> {
    let cells = row.iter().enumerate().filter(|(index, _)| is_key(relation, *index));
    let parts = cells.map(|(_, cell)| match cell {
        Cell::Text(text) => Ok(text.as_str()),
        Cell::Null | Cell::Unchanged => bail!("a row of table {} has no key", relation.name),
    });
    let parts = parts.collect::<Result<Vec<_>>>()?;
    if parts.is_empty() {
        bail!("table {} has no primary key: the relay needs one for _id", relation.name);
    }
    Ok(parts.join(KEY_SEPARATOR))
}

fn stamp(relation: &Relation, row: &[Cell]) -> Option<String> {
    let index = relation.columns.iter().position(|column| column.name == STAMP_COLUMN)?;
    match row.get(index)? {
        Cell::Text(text) => Some(text.clone()),
        Cell::Null | Cell::Unchanged => None,
    }
}

fn document(relation: &Relation, key: &str, row: &[Cell]) -> Result<Document> {
    if row.len() != relation.columns.len() {
        bail!(
            "a row of table {} has {} values for {} columns",
            relation.name,
            row.len(),
            relation.columns.len()
        );
    }
    let mut document = Document::new();
    document.insert("_id", key);
    for (index, (column, cell)) in relation.columns.iter().zip(row).enumerate() {
        if is_key(relation, index) {
            continue;
        }
        let value = match cell {
            Cell::Null => Bson::Null,
            Cell::Unchanged => Bson::from(UNAVAILABLE),
            Cell::Text(text) => value(column.type_id, text).with_context(|| {
                format!("column {} of table {} holds '{text}'", column.name, relation.name)
            })?,
        };
        document.insert(column.name.clone(), value);
    }
    Ok(document)
}

/// A value by the number of its type in `pg_type`.
fn value(type_id: u32, text: &str) -> Result<Bson> {
    Ok(match type_id {
        16 => Bson::Boolean(text == "t"),
        20 => Bson::Int64(text.parse()?),
        21 | 23 => Bson::Int32(text.parse()?),
        700 | 701 => Bson::Double(text.parse()?),
        // PostgreSQL's numeric is longer than 34 digits if it has to be; then it stays text.
        1700 => text.parse::<Decimal128>().map_or_else(|_| Bson::from(text), Bson::Decimal128),
        _ => Bson::from(text),
    })
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::super::pgoutput::Column;
    use super::*;

    fn relation(full: bool, columns: &[(&str, u32, bool)]) -> Relation {
        let columns = columns.iter().map(|(name, type_id, key)| Column {
            key: *key,
            name: (*name).into(),
            type_id: *type_id,
        });
        Relation { id: 7, schema: "public".into(), name: "orders".into(), full, columns: columns.collect() }
    }

    fn row(cells: &[&str]) -> Vec<Cell> {
        cells
            .iter()
            .map(|text| if *text == "?" { Cell::Unchanged } else { Cell::Text((*text).into()) })
            .collect()
    }

    #[test]
    fn every_type_has_its_bson() {
        let types =
            [("id", 2950, true), ("b", 16, false), ("i2", 21, false), ("i4", 23, false), ("i8", 20, false)];
        let more = [("f", 701, false), ("n", 1700, false), ("x", 3802, false), (STAMP_COLUMN, 25, false)];
        let relation = relation(false, &[types.as_slice(), &more].concat());
        let new = row(&["k", "t", "-2", "4", "8", "0.5", "12.30", "{\"a\": 1}", "1.x"]);
        let change = &changes(&Message::Insert { relation: 7, new }, &relation, 9).unwrap()[0];
        let n = Bson::Decimal128("12.30".parse().unwrap());
        let x = "{\"a\": 1}";
        let expected = doc! { "_id": "k", "b": true, "i2": -2, "i4": 4, "i8": 8_i64, "f": 0.5, "n": n, "x": x, "cdc_stamp": "1.x" };
        assert_eq!(change.document.as_ref(), Some(&expected));
        assert_eq!((change.key.as_str(), change.stamp.as_deref(), change.bytes), ("k", Some("1.x"), 9));
        assert_eq!(value(1700, &"9".repeat(35)).unwrap(), Bson::from("9".repeat(35)));
    }

    #[test]
    fn an_update_that_moves_the_key_takes_the_old_document_away() {
        let relation = relation(false, &[("id", 25, true), ("v", 25, false)]);
        let old = Some(vec![Cell::Text("a".into()), Cell::Null]);
        let moved =
            changes(&Message::Update { relation: 7, old, new: row(&["b", "?"]) }, &relation, 0).unwrap();
        assert_eq!((moved[0].op, moved[0].key.as_str()), (Op::Delete, "a"));
        assert_eq!(moved[1].document, Some(doc! { "_id": "b", "v": UNAVAILABLE }));
    }

    #[test]
    fn the_old_row_stands_in_for_what_was_not_sent() {
        let relation = relation(true, &[("v", 25, true), ("id", 25, true)]);
        let update = Message::Update { relation: 7, old: Some(row(&["large", "k"])), new: row(&["?", "k"]) };
        let written = changes(&update, &relation, 0).unwrap();
        assert_eq!(written[0].document, Some(doc! { "_id": "k", "v": "large" }));
        assert_eq!(written.len(), 1);
    }

    #[test]
    fn a_table_without_a_key_is_an_error_that_names_it() {
        let relation = relation(false, &[("v", 25, false)]);
        let error = changes(&Message::Insert { relation: 7, new: row(&["a"]) }, &relation, 0).unwrap_err();
        assert_eq!(error.to_string(), "table orders has no primary key: the relay needs one for _id");
    }
}
