//! What the constraints of a table, its domains and its partitions leave to a column, and what of it only a person can see to.
//! Pure.

use super::constraint::{self, Allowed};
use super::filling::Filling;
use super::partition::{self, Fits};
use crate::postgres::schema::{Described, DescribedColumn};

/// What a column's values may be, as far as it can be read.
pub(super) fn allowed(column: &DescribedColumn, described: &Described) -> Vec<Allowed> {
    let of_table = described.checks.iter().filter(|check| check.columns == [column.name.as_str()]);
    let definitions = of_table.map(|check| &check.definition).chain(&column.found.checks);
    let read = definitions.filter_map(|definition| constraint::read(definition));
    let parted = described.partitionings.iter().filter(|one| one.column.as_ref() == Some(&column.name));
    let in_partitions = parted.filter_map(|one| match partition::fits(one) {
        Fits::Only(allowed) => Some(allowed),
        Fits::All | Fits::Unknown => None,
    });
    read.chain(in_partitions).collect()
}

/// The constraint that a column may have to keep and that cannot be read, if there is one.
pub(super) fn unread_of<'a>(column: &'a DescribedColumn, described: &'a Described) -> Option<&'a str> {
    let of_table = described.checks.iter().filter(|check| check.columns.contains(&column.name));
    let of_table = of_table.map(|check| (check.columns.len(), &check.definition));
    let mut all = of_table.chain(column.found.checks.iter().map(|definition| (1, definition)));
    let is_unread =
        |(columns, definition): &(usize, &String)| *columns != 1 || constraint::read(definition).is_none();
    all.find(is_unread).map(|(_, definition)| definition.as_str())
}

/// What a person must see to; `fillings` are the columns that the model writes.
pub(super) fn remarks(described: &Described, fillings: &[(&str, &Filling)]) -> Vec<String> {
    let mut remarks: Vec<String> =
        described.checks.iter().filter_map(|check| unread(&check.columns, &check.definition)).collect();
    for column in &described.columns {
        let name = std::slice::from_ref(&column.name);
        remarks.extend(column.found.checks.iter().filter_map(|definition| unread(name, definition)));
    }
    let repeats = |name: &str| match fillings.iter().find(|(filled, _)| *filled == name) {
        Some((_, filling)) => filling.repeats(),
        // One that is left out is null, which repeats as often as it likes, or has a default.
        None => false,
    };
    let is_key = |name: &String| described.key == [name.as_str()];
    for column in described.columns.iter().filter(|column| column.is_unique && !is_key(&column.name)) {
        if repeats(&column.name) {
            remarks.push(format!("{}: it is unique, and the values that fill it may repeat", column.name));
        }
    }
    for columns in described.unique_together.iter().filter(|columns| columns.iter().all(|name| repeats(name)))
    {
        remarks.push(format!(
            "{}: they are unique together, and the values that fill them may repeat",
            columns.join(", ")
        ));
    }
    for partitioning in &described.partitionings {
        if partition::fits(partitioning) == Fits::Unknown {
            remarks.push(format!("see that the rows have a partition of {}", partitioning.definition));
        }
        if partitioning.is_of_table {
            remarks.push(
                "the table is partitioned: its rows land in one collection where the publication says publish_via_partition_root = true; else name its partitions here, each lands in one of its own"
                    .to_owned(),
            );
        }
    }
    if !described.triggers.is_empty() {
        remarks
            .push(format!("take 'verified' off what the triggers {} change", described.triggers.join(", ")));
    }
    remarks
}

/// A constraint that a person must read.
fn unread(columns: &[String], definition: &str) -> Option<String> {
    let is_read = columns.len() == 1 && constraint::read(definition).is_some();
    (!is_read).then(|| {
        format!("{}: see that the values keep {}", columns.join(", "), definition.replace('\n', " "))
    })
}
