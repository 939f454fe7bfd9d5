//! A file with a model and a small load on it, ready to be checked and run. Pure.

use std::collections::{BTreeMap, BTreeSet};

use streamgauge_shared::test_file::QualifiedName;

use super::entity::{Drafted, Placed, draft};
use super::toml_text::{key, text};
use crate::postgres::schema::Described;

/// Tables of a load that is still small at five iterations a second.
const FEW_TABLES: usize = 4;
/// Seconds that the load goes on, where the keys have numbers enough.
const LOAD_S: i128 = 60;

/// What came of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// The file's text; empty where no table could be drafted.
    pub(super) text: String,
    /// One sentence for each table that could not.
    pub(super) refused: Vec<String>,
}

/// The file for these tables, each after those that it refers to.
pub(super) fn file(tables: &BTreeMap<QualifiedName, Described>) -> File {
    let names = names(tables.keys());
    let (mut drafted, mut refused) = (Vec::<Drafted>::new(), Vec::new());
    let mut placed: BTreeMap<QualifiedName, Placed> = BTreeMap::new();
    let mut waiting: BTreeSet<&QualifiedName> = tables.keys().collect();
    loop {
        // Those whose parents have all been placed; where there are none, one of which a parent may be null.
        let waits = |table: &&QualifiedName, also: bool| {
            let parents = parents(table, &tables[*table], also);
            parents.into_iter().any(|parent| waiting.contains(parent))
        };
        let next = waiting.iter().find(|table| !waits(table, true));
        let next = next.or_else(|| waiting.iter().find(|table| !waits(table, false))).copied();
        let Some(table) = next else { break };
        waiting.remove(table);
        let name = names[table].clone();
        match draft(name, table, &tables[table], &placed) {
            Ok(mut entity) => {
                if drafted.iter().any(|other| other.collection == entity.collection) {
                    entity.collection.clone_from(&entity.name);
                }
                placed.insert(table.clone(), Placed::new(&entity, &tables[table]));
                drafted.push(entity);
            }
            Err(sentence) => refused.push(sentence),
        }
    }
    refused.extend(waiting.iter().map(|table| {
        format!("table '{table}' refers in a circle to itself: make one of the columns on the way nullable")
    }));
    File { text: if drafted.is_empty() { String::new() } else { document(&drafted) }, refused }
}

/// The tables that a table refers to, without itself; those of nullable columns only if asked for.
fn parents<'a>(table: &QualifiedName, described: &'a Described, nullable: bool) -> Vec<&'a QualifiedName> {
    let all = described.foreign_keys.iter().filter(|_| nullable).map(|key| &key.table);
    all.chain(described.needed()).filter(|parent| *parent != table).collect()
}

/// A name for each entity: the table's, with its schema where two have the same.
fn names<'a>(tables: impl Iterator<Item = &'a QualifiedName> + Clone) -> BTreeMap<&'a QualifiedName, String> {
    let name = |table: &QualifiedName| {
        let is_taken = tables.clone().any(|other| other != table && other.name == table.name);
        let schema = table.schema.as_ref().filter(|_| is_taken);
        let full = schema.map_or_else(|| table.name.clone(), |schema| format!("{schema}_{}", table.name));
        let legal =
            |letter: char| if letter.is_alphanumeric() || matches!(letter, '_' | '-') { letter } else { '_' };
        full.chars().map(legal).collect()
    };
    tables.clone().map(|table| (table, name(table))).collect()
}

fn document(entities: &[Drafted]) -> String {
    let rate = if entities.len() <= FEW_TABLES { 5 } else { 1 };
    let numbers = entities.iter().filter_map(|entity| entity.numbers).min();
    let seconds = numbers.map_or(LOAD_S, |numbers| (numbers / rate).clamp(1, LOAD_S));
    let mut toml = format!(
        "# A model of these tables and a small load on them, drafted from PostgreSQL's catalogue. Read it before you run it:\n\
         # lines with TO DECIDE need a person. A load on production needs rates that it takes.\n\n\
         [scenarios.draft]\nexecutor = \"constant-arrival-rate\"\nrate = {rate}\nduration = \"{seconds}s\"\npre_allocated_vus = 20\nmax_vus = 50\nflow = [\n"
    );
    for entity in entities {
        let name = text(&entity.name);
        toml.push_str(&format!("  {{ create = {name} }}, {{ await = \"30s\" }},\n"));
        if let Some((column, generator)) = &entity.changed {
            let column = key(column);
            toml.push_str(&format!(
                "  {{ update = {name}, set = {{ {column} = {{ {generator} }} }} }}, {{ await = \"30s\" }},\n"
            ));
        }
    }
    // What refers to a row goes before it.
    for entity in entities.iter().rev() {
        toml.push_str(&format!("  {{ delete = {} }},\n", text(&entity.name)));
    }
    toml.push_str(
        "]\n\n[thresholds]\ncdc_e2e_latency = [\"p(95)<2000\"]\ncdc_success_rate = [\"rate>0.99\"]\n",
    );
    // Without a verified column nothing is checked, and a threshold without data fails.
    if entities.iter().any(|entity| entity.is_verified) {
        toml.push_str("checks = [\"rate>0.99\"]\n");
    }
    for entity in entities {
        toml.push('\n');
        toml.push_str(&entity.toml());
    }
    toml
}
