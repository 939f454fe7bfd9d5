//! Rows as values of BSON; [`super::shape`] makes documents of them.
//!
//! The key is the column of the replica identity; several make a document of their names, in the order of the
//! table, and are joined by `:` in the ack file. With replica identity full every column is marked, so there it
//! is `id`, or the first column. Key columns are converted like all others ([`value`]): rows whose keys
//! differ by less than a millisecond would be one document.
//!
//! The stamp is known by its value, not by its column's name: the first text of a row that is one.

use anyhow::{Context, Result, bail};
use mongodb::bson::{Bson, Document};
use streamgauge_shared::stamp::Stamp;

use super::pgoutput::{Cell, Message, Relation};
use super::value::value;
use crate::ack_file::Op;
use crate::fault_file::Fault;

/// What Debezium writes for a large value that an update did not touch; the relay does the same.
pub(super) const UNAVAILABLE: &str = "__debezium_unavailable_value";
/// Joins the parts of a key of several columns in the ack file.
const KEY_SEPARATOR: &str = ":";

/// One write to MongoDB and what the ack file says about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(super) op: Op,
    pub(super) table: String,
    /// The key as text.
    pub(super) key: String,
    /// The key columns by name, in the order of the table; empty for a truncate.
    pub(super) id: Document,
    pub(super) stamp: Option<String>,
    /// All columns of an insert or update.
    pub(super) row: Option<Document>,
    /// All columns of what was there before, null where PostgreSQL did not send them; absent where it sent none.
    pub(super) before: Option<Document>,
    /// Bytes of the message it came in.
    pub(super) bytes: usize,
    /// What the relay does to it on purpose.
    pub(super) fault: Option<Fault>,
}

impl Change {
    /// Whether it reaches MongoDB at all.
    pub(super) fn is_written(&self) -> bool {
        !matches!(self.fault, Some(Fault::Drop | Fault::Coalesce))
    }

    /// Whether it is the same write once more.
    pub(super) fn is_again(&self) -> bool {
        self.fault == Some(Fault::Duplicate)
    }
}

/// The writes that a message stands for: usually one, two when an update changed the key.
pub(super) fn changes(message: &Message, relation: &Relation, bytes: usize) -> Result<Vec<Change>> {
    let (table, fault) = (relation.name.clone(), None);
    let delete = |old: &[Cell]| -> Result<Change> {
        let (table, key, id) = (table.clone(), key(relation, old)?, id(relation, old)?);
        let before = Some(columns(relation, old)?);
        Ok(Change { op: Op::Delete, table, key, id, stamp: None, row: None, before, bytes, fault })
    };
    let write = |op, new: &[Cell], before: Option<&[Cell]>| -> Result<Change> {
        let (table, key, id) = (table.clone(), key(relation, new)?, id(relation, new)?);
        let row = Some(columns(relation, new)?);
        let before = before.map(|old| columns(relation, old)).transpose()?;
        Ok(Change { op, table, key, id, stamp: stamp(new), row, before, bytes, fault })
    };
    Ok(match message {
        Message::Insert { new, .. } => vec![write(Op::Insert, new, None)?],
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
            let before = old.as_deref().filter(|_| !moved);
            gone.chain([write(Op::Update, &filled, before)]).collect::<Result<_>>()?
        }
        Message::Delete { old, .. } => vec![delete(old)?],
        Message::Truncate { .. } => {
            let (op, key, id) = (Op::Truncate, String::new(), Document::new());
            vec![Change { op, table, key, id, stamp: None, row: None, before: None, bytes, fault }]
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

/// The key columns with their types.
fn id(relation: &Relation, row: &[Cell]) -> Result<Document> {
    let mut parts = Document::new();
    for (index, (column, cell)) in relation.columns.iter().zip(row).enumerate() {
        if is_key(relation, index) {
            parts.insert(column.name.clone(), converted(relation, index, cell)?);
        }
    }
    Ok(parts)
}

fn stamp(row: &[Cell]) -> Option<String> {
    let texts = row.iter().filter_map(|cell| match cell {
        Cell::Text(text) => Some(text),
        Cell::Null | Cell::Unchanged => None,
    });
    texts.into_iter().find(|text| text.parse::<Stamp>().is_ok()).cloned()
}

/// A cell as the BSON of its column's type.
fn converted(relation: &Relation, index: usize, cell: &Cell) -> Result<Bson> {
    let column = &relation.columns[index];
    Ok(match cell {
        Cell::Null => Bson::Null,
        Cell::Unchanged => Bson::from(UNAVAILABLE),
        Cell::Text(text) => value(column.type_id, text)
            .with_context(|| format!("column {} of table {} holds '{text}'", column.name, relation.name))?,
    })
}

fn columns(relation: &Relation, row: &[Cell]) -> Result<Document> {
    if row.len() != relation.columns.len() {
        bail!(
            "a row of table {} has {} values for {} columns",
            relation.name,
            row.len(),
            relation.columns.len()
        );
    }
    let mut document = Document::new();
    for (index, (column, cell)) in relation.columns.iter().zip(row).enumerate() {
        document.insert(column.name.clone(), converted(relation, index, cell)?);
    }
    Ok(document)
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

    const STAMP: &str = "1.00c0ffee0042.0.17.1795406706789012345";

    #[test]
    fn a_row_is_a_document_and_its_stamp_is_known_by_its_value() {
        let columns = [("note", 25, false), ("id", 2950, true), ("n", 1700, false), ("anything", 25, false)];
        let relation = relation(false, &columns);
        let new = row(&["1.5", "k", "12.30", STAMP]);
        let change = &changes(&Message::Insert { relation: 7, new }, &relation, 9).unwrap()[0];
        let n = Bson::Decimal128("12.30".parse().unwrap());
        let expected = doc! { "note": "1.5", "id": "k", "n": n, "anything": STAMP };
        assert_eq!(change.row.as_ref(), Some(&expected));
        assert_eq!((change.key.as_str(), change.stamp.as_deref(), change.bytes), ("k", Some(STAMP), 9));
        let new = row(&["1.5", "k", "1", "1.00c0ffee0042.0.17"]);
        let change = &changes(&Message::Insert { relation: 7, new }, &relation, 9).unwrap()[0];
        assert_eq!(change.stamp, None, "nearly a stamp");
    }

    #[test]
    fn a_key_of_several_columns_is_a_document_with_their_types() {
        let relation = relation(false, &[("line", 23, true), ("v", 25, false), ("order", 25, true)]);
        let new = row(&["2", "x", "a"]);
        let change = &changes(&Message::Insert { relation: 7, new }, &relation, 0).unwrap()[0];
        let id = doc! { "line": 2, "order": "a" };
        assert_eq!(change.row, Some(doc! { "line": 2, "v": "x", "order": "a" }));
        assert_eq!((&change.id, change.key.as_str()), (&id, "2:a"));
        let old = vec![Cell::Text("2".into()), Cell::Null, Cell::Text("a".into())];
        let change = &changes(&Message::Delete { relation: 7, old }, &relation, 0).unwrap()[0];
        assert_eq!((change.op, &change.id), (Op::Delete, &id));
        assert_eq!(change.before, Some(doc! { "line": 2, "v": Bson::Null, "order": "a" }));
    }

    #[test]
    fn a_single_key_keeps_its_type() {
        let relation = relation(false, &[("id", 20, true)]);
        let change = &changes(&Message::Insert { relation: 7, new: row(&["7"]) }, &relation, 0).unwrap()[0];
        assert_eq!((&change.id, change.key.as_str()), (&doc! { "id": 7_i64 }, "7"));
    }

    #[test]
    fn an_update_that_moves_the_key_takes_the_old_document_away() {
        let relation = relation(false, &[("id", 25, true), ("v", 25, false)]);
        let old = Some(vec![Cell::Text("a".into()), Cell::Null]);
        let moved =
            changes(&Message::Update { relation: 7, old, new: row(&["b", "?"]) }, &relation, 0).unwrap();
        assert_eq!((moved[0].op, moved[0].key.as_str()), (Op::Delete, "a"));
        assert_eq!(moved[1].row, Some(doc! { "id": "b", "v": UNAVAILABLE }));
        assert_eq!(moved[1].before, None);
    }

    #[test]
    fn the_old_row_stands_in_for_what_was_not_sent() {
        let relation = relation(true, &[("v", 25, true), ("id", 25, true)]);
        let update = Message::Update { relation: 7, old: Some(row(&["large", "k"])), new: row(&["?", "k"]) };
        let written = changes(&update, &relation, 0).unwrap();
        assert_eq!(written[0].row, Some(doc! { "v": "large", "id": "k" }));
        assert_eq!(written[0].before, Some(doc! { "v": "large", "id": "k" }));
        assert_eq!(written.len(), 1);
    }

    #[test]
    fn a_table_without_a_key_is_an_error_that_names_it() {
        let relation = relation(false, &[("v", 25, false)]);
        let error = changes(&Message::Insert { relation: 7, new: row(&["a"]) }, &relation, 0).unwrap_err();
        assert_eq!(error.to_string(), "table orders has no primary key: the relay needs one for _id");
    }
}
