//! One table as an entity of a model, line by line. Pure.

use std::collections::BTreeMap;

use streamgauge_shared::test_file::{ColumnType, QualifiedName};

use super::constraint::{self, Allowed};
use super::generator;
use super::toml_text::{key, text};
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
    key: Vec<String>,
    /// Each with its remark before it, if it has one.
    columns: Vec<Line>,
    /// A column that an update may change, with its generator.
    pub(super) changed: Option<(String, String)>,
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

/// What a column is for, as far as the table says.
enum Part<'a> {
    LeftOut(String),
    Refers(&'a str),
    Generated(String),
}

/// An entity that others may refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) name: String,
    pub(super) key: Vec<String>,
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
    if described.key.is_empty() {
        return Err(format!(
            "table '{table}' has no primary key, by which a row is known: ALTER TABLE {} ADD PRIMARY KEY (…)",
            table.quoted()
        ));
    }
    let mut drafted = Drafted {
        name,
        table: table.clone(),
        collection: table.name.clone(),
        key: described.key.clone(),
        columns: Vec::new(),
        changed: None,
        has_stamp: false,
        remarks: Vec::new(),
    };
    let mut makes_unique = false;
    let id_is_uuid = described.key.iter().all(|name| {
        let column = described.columns.iter().find(|column| column.name == *name);
        column.is_some_and(|column| column.found.kind == Some(ColumnType::Uuid))
    });
    for column in &described.columns {
        if column.name == STAMP {
            drafted.has_stamp = true;
            continue;
        }
        let is_key = described.key.contains(&column.name);
        let (part, allowed) = (part(table, column, described, entities)?, allowed(column, described));
        let part = match part {
            Some(part) => part,
            None => match generator::of(&column.name, &column.found, &allowed, id_is_uuid && !is_key) {
                Some(generator) => Part::Generated(generator),
                None if column.not_null && column.default.is_none() => {
                    return Err(format!(
                        "column '{}' of table '{table}' is {} NOT NULL, and nothing here makes a value that its type and constraints take: give it a default",
                        column.name, column.found.declared
                    ));
                }
                None => Part::LeftOut(format!("no generator makes {}", column.found.declared)),
            },
        };
        let generator = match part {
            Part::LeftOut(why) => {
                drafted.columns.push(Line::LeftOut(format!("{}: {why}", column.name)));
                continue;
            }
            Part::Refers(entity) => format!("generate = \"reference\", references = {}", text(entity)),
            Part::Generated(generator) => generator,
        };
        let refers = generator.starts_with("generate = \"reference\"");
        makes_unique |= is_key && generator == "generate = \"uuid\"";
        let Some(kind) = generator::type_of(&column.found) else {
            drafted
                .columns
                .push(Line::LeftOut(format!("{}: no model writes {}", column.name, column.found.declared)));
            continue;
        };
        let verified = if is_verified(column) && !is_key && !refers { ", verified = true" } else { "" };
        drafted
            .columns
            .push(Line::Written(format!("{} = {{ {kind}, {generator}{verified} }}", key(&column.name))));
        if !is_key && !refers && !column.is_unique && drafted.changed.is_none() {
            drafted.changed = Some((column.name.clone(), generator));
        }
    }
    if !makes_unique {
        return Err(format!(
            "no column of the key ({}) of table '{table}' is a uuid of its own: a model makes no other key unique",
            described.key.join(", ")
        ));
    }
    drafted.remarks =
        described.checks.iter().filter_map(|check| unread(&check.columns, &check.definition)).collect();
    drafted.remarks.extend(described.columns.iter().flat_map(|column| {
        column
            .found
            .checks
            .iter()
            .filter_map(|definition| unread(std::slice::from_ref(&column.name), definition))
    }));
    Ok(drafted)
}

/// What fills a column that its type alone does not say.
fn part<'a>(
    table: &QualifiedName,
    column: &DescribedColumn,
    described: &Described,
    entities: &'a BTreeMap<QualifiedName, Placed>,
) -> Result<Option<Part<'a>>, String> {
    let left_out = |why: &str| Ok(Some(Part::LeftOut(why.to_owned())));
    let is_key = described.key.contains(&column.name);
    if column.is_generated && !is_key {
        return left_out("PostgreSQL computes it");
    }
    if let Some(foreign) =
        described.foreign_keys.iter().find(|foreign| foreign.columns.contains(&column.name))
    {
        let parent = entities.get(&foreign.table).filter(|parent| parent.key == foreign.to);
        return match (parent, foreign.columns.len()) {
            (Some(parent), 1) if foreign.table != *table => Ok(Some(Part::Refers(&parent.name))),
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
    if is_key {
        return Ok(match column.found.kind {
            Some(ColumnType::Uuid) => Some(Part::Generated("generate = \"uuid\"".to_owned())),
            _ => None,
        });
    }
    if column.is_identity || column.default.is_some() {
        return left_out("its default fills it");
    }
    Ok(None)
}

/// Whether what arrives can be compared with what was written.
fn is_verified(column: &DescribedColumn) -> bool {
    let cut = column.found.second_digits.is_some_and(|digits| digits < 3);
    column.found.kind.is_some_and(ColumnType::is_verifiable) && !cut
}

fn refers_to(foreign: &ForeignKey) -> String {
    format!("({}) of '{}'", foreign.to.join(", "), foreign.table)
}

/// What the constraints of a column and of its domain allow, as far as they can be read.
fn allowed(column: &DescribedColumn, described: &Described) -> Vec<Allowed> {
    let of_table = described.checks.iter().filter(|check| check.columns == [column.name.as_str()]);
    let definitions = of_table.map(|check| &check.definition).chain(&column.found.checks);
    definitions.filter_map(|definition| constraint::read(definition)).collect()
}

/// A constraint that a person must read.
fn unread(columns: &[String], definition: &str) -> Option<String> {
    let is_read = columns.len() == 1 && constraint::read(definition).is_some();
    (!is_read).then(|| {
        format!("{}: see that the values keep {}", columns.join(", "), definition.replace('\n', " "))
    })
}

impl Drafted {
    /// The entity's part of the model.
    pub(super) fn toml(&self) -> String {
        let name = key(&self.name);
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
