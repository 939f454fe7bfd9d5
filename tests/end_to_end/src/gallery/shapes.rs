//! The shapes in which sinks leave rows: in each, every create, update and delete must be delivered once, and what
//! can be compared must be as it was written, all of it. Where a shape's deletes never arrive, none are expected.

use std::fs;

use anyhow::Result;
use streamgauge_shared::report::ValidityState;
use streamgauge_testbed::{Shape, Testbed};

use super::live::{Live, Load, Ran};
use super::{Line, Verdict};
use crate::{Observer, scenarios, start_run};

/// Rows that are created, updated and deleted at once.
const LIVES: &str = r#"{ create = "customer", set = { status = "active" } },
  { update = "customer", set = { status = "suspended" } },
  { delete = "customer" }"#;
/// Iterations a second, and for how long.
const RATE: u32 = 60;
const SECONDS: u32 = 3;
const DRAIN_S: u32 = 3;
/// Where the shop's model says what a document's key and the columns are called.
const KEY: &str = "key = \"_id\"  ";
const STAMP: &str = "stamp = \"cdc_stamp\"  ";
const FIELDS: [&str; 2] = ["email", "status"];

pub(super) const ALL: [(&str, Shape); 11] = [
    ("shape-handler", Shape::Handler),
    ("shape-unwrapped-replace", Shape::UnwrappedReplace),
    ("shape-unwrapped-update", Shape::UnwrappedUpdate),
    ("shape-pipeline-update", Shape::PipelineUpdate),
    ("shape-soft-delete", Shape::SoftDelete),
    ("shape-soft-delete-update", Shape::SoftDeleteUpdate),
    ("shape-soft-delete-tombstone", Shape::SoftDeleteTombstone),
    ("shape-raw-envelope", Shape::RawEnvelope),
    ("shape-key-as-field", Shape::KeyAsField),
    ("shape-sink-key", Shape::SinkKey),
    ("shape-flattened", Shape::Flattened),
];

pub(super) async fn line(name: &str, shape: Shape) -> Result<Line> {
    let bed = Testbed::builder().shape(shape).start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let model = bed.folder().join("model.toml");
    fs::write(&model, model_for(shape, &fs::read_to_string(scenarios().join("models/shop.toml"))?))?;
    let load = Load { flow: LIVES, rate: RATE, seconds: SECONDS, drain_s: DRAIN_S, ..Load::CREATES };
    let path = load.write_with(&bed, "gallery", &model)?;
    let run = start_run(&bed, &observer, &path, &["--prepare", "--keep-rows"]).await?;
    let ran = Live { bed, observer, run }.end().await?;
    judge(name, shape, &ran)
}

/// Of an iteration's operations those that are entries of the account: under a key of its own a delete never arrives.
fn entries_of(shape: Shape) -> u64 {
    if shape == Shape::KeyAsField { 2 } else { 3 }
}

/// Those whose content is compared: all but a delete's. Of an update by `$set` or by an aggregation pipeline the event has
/// only the status, which changed, and it is compared in part.
const COMPARED: u64 = 2;

/// Those compared in part.
fn compared_in_part_of(shape: Shape) -> u64 {
    u64::from(matches!(shape, Shape::UnwrappedUpdate | Shape::PipelineUpdate))
}

/// Second events of an iteration: of a delete that is marked and then done.
fn duplicates_of(shape: Shape) -> u64 {
    u64::from(shape == Shape::SoftDeleteTombstone)
}

/// The shop's model with the paths of this shape.
fn model_for(shape: Shape, shop: &str) -> String {
    match shape {
        Shape::Handler | Shape::UnwrappedReplace | Shape::UnwrappedUpdate => {
            shop.replacen(KEY, "key = \"_id.id\"  ", 1)
        }
        Shape::RawEnvelope => FIELDS.into_iter().fold(shop.to_owned(), |model, field| {
            let column = format!("{field} = {{ type");
            model.replacen(&column, &format!("{field} = {{ field = \"after.{field}\", type"), 1)
        }),
        Shape::SoftDelete | Shape::SoftDeleteUpdate | Shape::SoftDeleteTombstone => {
            shop.replace("deletes = \"remove\"", "deletes = \"soft\"")
        }
        Shape::KeyAsField => shop.replace("deletes = \"remove\"", "deletes = \"ignored\""),
        Shape::SinkKey => shop.replacen(KEY, "document_key = \"sink\"  ", 1),
        Shape::Flattened => {
            let model = shop.replacen(STAMP, "stamp = '\"after.cdc_stamp\"'  ", 1);
            FIELDS.into_iter().fold(model, |model, field| {
                let column = format!("{field} = {{ type");
                model.replacen(&column, &format!("{field} = {{ field = '\"after.{field}\"', type"), 1)
            })
        }
        _ => shop.to_owned(),
    }
}

fn judge(name: &str, shape: Shape, ran: &Ran) -> Result<Line> {
    let (account, events) = (ran.report.account, ran.report.events);
    let iterations = u64::from(RATE * SECONDS);
    let entries = iterations * entries_of(shape);
    let failed = ran.failed_checks()?;
    // Each entry is written and arrives; what is beyond that was compared.
    let compared = ran.report.rates["checks"].total - 2 * entries;
    let in_part = ran.report.content.as_ref().map_or(0, |content| content.compared_in_part);
    let not_expected = ran.report.counters.get("not_expected").copied().unwrap_or_default();
    let as_must_be = account.entries == entries
        && account.delivered == entries
        && (events.total - events.duplicate, events.first) == (entries, entries)
        && events.duplicate == iterations * duplicates_of(shape)
        && failed == 0
        && compared == iterations * COMPARED
        && in_part == iterations * compared_in_part_of(shape)
        && not_expected == iterations * (3 - entries_of(shape));
    let verdict = if !as_must_be {
        Verdict::Wrong(format!(
            "{account:?}, {events:?}, {failed} failed checks, {compared} compared, {in_part} in part, {not_expected} not expected"
        ))
    } else if ran.report.validity.state == ValidityState::Invalid {
        Verdict::Wrong(ran.validity())
    } else {
        Verdict::Right
    };
    Ok(Line {
        fault: name.to_owned(),
        injected: format!("{entries} rows in this shape"),
        reported: format!("{} delivered, {compared} compared", account.delivered),
        error: entries.abs_diff(account.delivered).to_string(),
        verdict,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_paths_are_found_and_replaced() -> Result<()> {
        let shop = fs::read_to_string(scenarios().join("models/shop.toml"))?;
        assert!(model_for(Shape::Handler, &shop).contains("key = \"_id.id\""));
        let raw = model_for(Shape::RawEnvelope, &shop);
        assert!(FIELDS.iter().all(|field| raw.contains(&format!("field = \"after.{field}\""))), "{raw}");
        let flat = model_for(Shape::Flattened, &shop);
        assert!(flat.contains("stamp = '\"after.cdc_stamp\"'"), "{flat}");
        assert!(FIELDS.iter().all(|field| flat.contains(&format!("field = '\"after.{field}\"'"))), "{flat}");
        assert!(model_for(Shape::SinkKey, &shop).contains("document_key = \"sink\""));
        Ok(())
    }
}
