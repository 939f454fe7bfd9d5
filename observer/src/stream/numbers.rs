//! The greatest number that a collection holds in keys that are made of a sequence, asked before a run.
//!
//! A run's numbers begin above it and above what the table holds, so that a delete of an earlier run that is still on
//! its way names no key of this one. An index on the key makes the question cheap, as that on `_id` does.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::{Collection, Database};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::field_path::{names, path_of, projected};
use streamgauge_shared::test_file::{Column, Entity, Model, NumberText};

use super::{MongoAddress, StartError};

/// How long all questions may take together: the writer waits for 30 s.
const ASK_MAX: Duration = Duration::from_secs(20);

/// The number that each entity's sequence starts with; 0 for other keys. `in_tables` is what the tables hold.
///
/// # Errors
/// MongoDB does not answer, or not in time; one sentence for the user.
pub async fn first_numbers(
    address: &MongoAddress,
    model: &Model,
    in_tables: &[Option<i64>],
) -> Result<Vec<i64>, Failure> {
    let mut firsts = vec![0; model.entities.len()];
    if model.entities.iter().all(|entity| entity.sequence().is_none()) {
        return Ok(firsts);
    }
    let database = address.connect().await.map_err(|error| not_started(address, &error))?;
    let asked = tokio::time::timeout(ASK_MAX, async {
        for (index, entity) in model.entities.iter().enumerate() {
            let Some((_, _, sequence)) = entity.sequence() else { continue };
            let in_collection = greatest(&database, entity).await?;
            firsts[index] = sequence.first(in_tables.get(index).copied().flatten().max(in_collection));
        }
        Ok(())
    });
    let asked = asked.await;
    database.client().clone().shutdown().immediate(true).await;
    match asked {
        Ok(Ok(())) => Ok(firsts),
        Ok(Err(error)) => Err(not_started(address, &error)),
        Err(_) => Err(Failure::run(format!(
            "the greatest keys that the collections hold were not found within {} s, and a sequence starts above them: give the key's path in MongoDB an index, or make the key with generate = \"uuid\" or \"template\"",
            ASK_MAX.as_secs()
        ))),
    }
}

fn not_started(address: &MongoAddress, error: &Error) -> Failure {
    match address.start_error(error) {
        StartError::Fatal(failure) => failure,
        StartError::NotUp(reason) => {
            Failure::run(format!("the greatest keys that the collections hold cannot be read: {reason}"))
        }
    }
}

/// The greatest number in the keys of an entity's collection, at the first of the possible places that has any.
async fn greatest(database: &Database, entity: &Entity) -> Result<Option<i64>, Error> {
    let Some((column, place, sequence)) = entity.sequence() else { return Ok(None) };
    let collection = database.collection::<Document>(&entity.landing.collection);
    let text = sequence.text.as_ref();
    let plain = NumberText::default();
    for path in paths(&entity.landing.key_paths[place], &entity.columns[column]) {
        let (first, path) = reached(&path);
        let ask = |stages: &[Document]| first.iter().chain(stages).cloned().collect();
        let mut found = None;
        if text.is_none() {
            found = one(&collection, ask(&numbers(&path))).await?;
        }
        // A sink may have made texts of numbers.
        found = found.max(one(&collection, ask(&texts(&path, text.unwrap_or(&plain)))).await?);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Where a key may stand: at its path, within a document there that has the key's columns, or, where `_id` is the
/// sink's own, in the row.
fn paths(path: &str, column: &Column) -> Vec<String> {
    let mut paths = vec![path.to_owned()];
    let within = path_of(&[&column.name]);
    for other in [format!("{path}.{within}"), column.field.clone(), format!("after.{}", column.field)] {
        if !paths.contains(&other) {
            paths.push(other);
        }
    }
    paths
}

/// A path that stages can name: of names with a dot in them no stage can name any, so a first stage takes the value out,
/// and no index helps.
fn reached(path: &str) -> (Option<Document>, String) {
    if projected(path).as_deref() == Some(path) {
        return (None, path.to_owned());
    }
    let value = names(path).fold(Bson::from("$$ROOT"), |input, name| {
        doc! { "$getField": { "field": { "$literal": name.as_ref() }, "input": input } }.into()
    });
    (Some(doc! { "$project": { "_id": 0, "value": value } }), "value".to_owned())
}

/// The greatest of what are numbers.
fn numbers(path: &str) -> [Document; 4] {
    [
        doc! { "$match": { path: { "$type": "number" } } },
        doc! { "$sort": { path: -1 } },
        doc! { "$limit": 1 },
        doc! { "$project": { "_id": 0, "number": long(format!("${path}").into()) } },
    ]
}

/// The greatest of the numbers that texts hold.
fn texts(path: &str, text: &NumberText) -> [Document; 3] {
    let find = doc! { "$regexFind": { "input": format!("${path}"), "regex": text.pattern() } };
    let digits = doc! { "$let": {
        "vars": { "found": find }, "in": { "$arrayElemAt": ["$$found.captures", 0] }
    } };
    [
        doc! { "$match": { path: { "$type": "string", "$regex": text.pattern() } } },
        doc! { "$project": { "_id": 0, "number": long(digits.into()) } },
        doc! { "$group": { "_id": null, "number": { "$max": "$number" } } },
    ]
}

/// What is no whole number of 64 bits is nothing.
fn long(input: Bson) -> Document {
    doc! { "$convert": { "input": input, "to": "long", "onError": null, "onNull": null } }
}

async fn one(collection: &Collection<Document>, stages: Vec<Document>) -> Result<Option<i64>, Error> {
    let mut cursor = collection.aggregate(stages).max_time(ASK_MAX).await?;
    if !cursor.advance().await? {
        return Ok(None);
    }
    Ok(cursor.deserialize_current()?.get_i64("number").ok())
}
