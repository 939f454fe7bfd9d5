//! One table as an entity of a model, line by line. Pure.

use std::collections::BTreeMap;

use streamgauge_shared::test_file::{ColumnType, QualifiedName};

use super::filling::Filling;
use super::toml_text::{key as toml_key, text};
use super::{generator, key, limits};
use crate::postgres::schema::{Described, DescribedColumn, ForeignKey};

/// The column that a model names for the stamp unless it says otherwise.
pub(super) const STAMP: &str = "cdc_stamp";

/// An entity of the model that is drafted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drafted {
    pub(super) name: String,
    pub(super) table: QualifiedName,
    /// Where its rows land: the table's name, until somebody says otherwise.
    pub(super) collection: String,
    pub(super) key: Vec<String>,
    /// Each with its remark before it, if it has one.
    columns: Vec<Line>,
    /// A column that an update may change, with what fills it.
    pub(super) changed: Option<(String, Filling)>,
    /// Whether a column is verified.
    pub(super) is_verified: bool,
    /// How many rows have a number of ours for their key, where that is what their keys are made of.
    pub(super) numbers: Option<i128>,
    /// Whether the table has the stamp's column.
    has_stamp: bool,
    /// What a person must look at.
    remarks: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Written(String),
    /// What the model leaves out, and why.
    LeftOut(String),
}

/// What becomes of a column.
enum Part {
    LeftOut(String),
    /// A reference to a key of this type.
    Refers(String, ColumnType),
    Filled(Filling),
}

/// An entity that others may refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) name: String,
    pub(super) key: Vec<String>,
    /// The type of a key of one column.
    pub(super) kind: Option<ColumnType>,
}

impl Placed {
    pub(super) fn new(entity: &Drafted, described: &Described) -> Self {
        let kind = match &entity.key[..] {
            [only] => described.columns.iter().find(|column| column.name == *only),
            _ => None,
        };
        let kind = kind.and_then(|column| column.found.kind);
        Self { name: entity.name.clone(), key: entity.key.clone(), kind }
    }
}

/// A table as an entity; `entities` are those that it may refer to, by their tables.
///
/// # Errors
/// One sentence: why rows of this table cannot be written by a model.
pub(super) fn draft(
    name: String,
    table: &QualifiedName,
    described: &Described,
    entities: &BTreeMap<QualifiedName, Placed>,
) -> Result<Drafted, String> {
    let key = key::key(table, described)?;
    let mut drafted = Drafted {
        name,
        table: table.clone(),
        collection: table.name.clone(),
        key: key.columns.clone(),
        columns: Vec::new(),
        changed: None,
        is_verified: false,
        numbers: key.numbers(),
        has_stamp: false,
        remarks: key.remarks.clone(),
    };
    let id_is_uuid = key.columns.iter().all(|name| key.fillings.get(name) == Some(&Filling::Uuid));
    let mut filled: Vec<(&str, Filling)> = Vec::new();
    for column in &described.columns {
        if column.name == STAMP {
            drafted.has_stamp = true;
            continue;
        }
        let is_key = key.columns.contains(&column.name);
        let mut kind = generator::type_of(&column.found);
        let filling = match part(table, column, described, &key, entities)? {
            Some(Part::LeftOut(why)) => {
                drafted.columns.push(Line::LeftOut(format!("{}: {why}", column.name)));
                continue;
            }
            Some(Part::Refers(entity, of_key)) => {
                // Of two types of whole numbers the model has the key's: PostgreSQL takes it for the other.
                if column.found.kind.is_some_and(|kind| kind.sql() != of_key.sql()) {
                    kind = Some(format!("type = {}", text(&of_key.declared())));
                }
                Filling::Reference(entity)
            }
            Some(Part::Filled(filling)) => filling,
            None => match by_type(column, described, id_is_uuid && !is_key) {
                Some(filling) => filling,
                None if is_key || (column.not_null && column.default.is_none()) => {
                    return Err(format!(
                        "column '{}' of table '{table}' is {} NOT NULL, and nothing here makes a value that its type and constraints take: give it a default",
                        column.name, column.found.declared
                    ));
                }
                None => {
                    let why = format!("{}: no generator makes {}", column.name, column.found.declared);
                    drafted.columns.push(Line::LeftOut(why));
                    continue;
                }
            },
        };
        let Some(kind) = kind else {
            let why = format!("{}: no model writes {}", column.name, column.found.declared);
            drafted.columns.push(Line::LeftOut(why));
            continue;
        };
        // A key's place in the document is the sink's choice.
        let is_verified = is_verified(column) && !is_key;
        drafted.is_verified |= is_verified;
        let verified = if is_verified { ", verified = true" } else { "" };
        drafted
            .columns
            .push(Line::Written(format!("{} = {{ {kind}, {filling}{verified} }}", toml_key(&column.name))));
        if drafted.changed.is_none() && !is_key && may_change(column, described) && !filling.refers() {
            drafted.changed = Some((column.name.clone(), filling.clone()));
        }
        filled.push((&column.name, filling));
    }
    let filled: Vec<(&str, &Filling)> = filled.iter().map(|(name, filling)| (*name, filling)).collect();
    drafted.remarks.extend(limits::remarks(described, &filled));
    Ok(drafted)
}

/// What fills a column that nothing but its type and constraints tells of.
fn by_type(column: &DescribedColumn, described: &Described, id_is_uuid: bool) -> Option<Filling> {
    let allowed = limits::allowed(column, described);
    let one_of = |columns: &Vec<String>| columns.contains(&column.name);
    let is_unique = column.is_unique || described.unique_together.iter().any(one_of);
    generator::of(&column.name, &column.found, &allowed, id_is_uuid, is_unique)
}

/// Whether an update may give it any other value.
fn may_change(column: &DescribedColumn, described: &Described) -> bool {
    let parts = |column: &DescribedColumn| {
        described.partitionings.iter().any(|one| one.column.as_ref() == Some(&column.name))
    };
    !column.is_unique && !parts(column)
}

/// What fills a column that its type alone does not say.
fn part(
    table: &QualifiedName,
    column: &DescribedColumn,
    described: &Described,
    key: &key::Key,
    entities: &BTreeMap<QualifiedName, Placed>,
) -> Result<Option<Part>, String> {
    let left_out = |why: &str| Ok(Some(Part::LeftOut(why.to_owned())));
    let is_key = key.columns.contains(&column.name);
    if let Some(filling) = key.fillings.get(&column.name) {
        return Ok(Some(Part::Filled(filling.clone())));
    }
    if column.is_generated {
        return left_out("PostgreSQL computes it");
    }
    if let Some(foreign) =
        described.foreign_keys.iter().find(|foreign| foreign.columns.contains(&column.name))
    {
        let parent = entities.get(&foreign.table).filter(|parent| parent.key == foreign.to);
        let kind = parent.and_then(|parent| parent.kind).filter(|kind| is_like(*kind, column));
        return match (parent, kind) {
            (Some(parent), Some(kind)) if foreign.table != *table => {
                Ok(Some(Part::Refers(parent.name.clone(), kind)))
            }
            _ if !column.not_null => {
                left_out(&format!("it refers to {}, and may be null", refers_to(foreign)))
            }
            _ if column.default.is_some() && !is_key => left_out("its default fills it"),
            _ => Err(format!(
                "column '{}' of table '{table}' refers to {}, which no model can follow: a reference is one column, and the key of another entity",
                column.name,
                refers_to(foreign)
            )),
        };
    }
    if !is_key && (column.is_identity || column.default.is_some()) {
        return left_out("its default fills it");
    }
    // Null keeps nearly every constraint; a value of ours may not.
    if let Some(definition) = limits::unread_of(column, described).filter(|_| !column.not_null && !is_key) {
        return left_out(&format!("it may be null, and nothing here sees that a value keeps {definition}"));
    }
    Ok(None)
}

/// Whether a column can refer to a key of this type.
fn is_like(key: ColumnType, column: &DescribedColumn) -> bool {
    let are_whole = |other: ColumnType| key.whole_numbers().is_some() && other.whole_numbers().is_some();
    column.found.kind.is_some_and(|kind| kind.sql() == key.sql() || are_whole(kind))
}

/// Whether what arrives can be compared with what was written.
fn is_verified(column: &DescribedColumn) -> bool {
    let cut = column.found.second_digits.is_some_and(|digits| digits < 3);
    column.found.kind.is_some_and(ColumnType::is_verifiable) && !cut
}

fn refers_to(foreign: &ForeignKey) -> String {
    format!("({}) of '{}'", foreign.to.join(", "), foreign.table)
}

impl Drafted {
    /// The entity's part of the model.
    pub(super) fn toml(&self) -> String {
        let name = toml_key(&self.name);
        let names: Vec<String> = self.key.iter().map(|name| text(name)).collect();
        let mut toml = format!(
            "[entities.{name}]\ntable = {}\nkey = [{}]\n",
            text(&self.table.to_string()),
            names.join(", ")
        );
        if !self.has_stamp {
            toml.push_str(&format!(
                "# The table has no column {STAMP}: 'streamgauge-writer prepare' adds it, or run with --prepare.\n"
            ));
        }
        toml.push_str(&format!("\n[entities.{name}.columns]\n"));
        for line in &self.columns {
            match line {
                Line::Written(line) => toml.push_str(&format!("{line}\n")),
                Line::LeftOut(why) => toml.push_str(&format!("# {}\n", why.replace('\n', " "))),
            }
        }
        for remark in &self.remarks {
            toml.push_str(&format!("# TO DECIDE: {remark}\n"));
        }
        toml.push_str(&format!(
            "\n[entities.{name}.mongo]\n# TO DECIDE: where the rows land: docs/scenario-files.md, \"Model files\".\ncollection = {}\n",
            text(&self.collection)
        ));
        toml
    }
}
