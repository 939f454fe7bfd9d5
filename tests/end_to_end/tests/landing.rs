//! Where rows land is looked up: a run that sees none of its rows says where they are, and `doctor` says so before.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Client, Database};
use serde_json::Value;
use streamgauge_end_to_end::{Observer, finish, scenario, scenarios, start_run, unbroken};
use streamgauge_testbed::{Program, Testbed, find_program};

const LIMIT: Duration = Duration::from_secs(40);

/// The shop's model with a part of its text replaced, in the testbed's folder.
fn model(bed: &Testbed, from: &str, to: &str) -> Result<PathBuf> {
    let shop = fs::read_to_string(scenarios().join("models/shop.toml"))?;
    anyhow::ensure!(shop.contains(from), "the shop's model has no {from} any more");
    let path = bed.folder().join("model.toml");
    fs::write(&path, shop.replace(from, to))?;
    Ok(path)
}

/// What `doctor --model` says of each entity: grade, what was seen, what to do.
async fn landing(bed: &Testbed, model: &str) -> Result<Vec<(String, String, String)>> {
    static STARTED: AtomicU32 = AtomicU32::new(1);
    let name = format!("doctor-{}", STARTED.fetch_add(1, Ordering::Relaxed));
    let program = Program::new(name, find_program("streamgauge-observer")?);
    let program =
        program.env("STREAMGAUGE_MONGO", bed.mongo_uri()).args(["doctor", "--json", "--model", model]);
    let finished = finish(&bed.run(program).await?, LIMIT).await?;
    let json: Value = serde_json::from_str(&finished.stdout)
        .with_context(|| format!("{}\n{}", finished.stdout, finished.stderr))?;
    let all = ["findings", "passed"].into_iter().filter_map(|list| json[list].as_array()).flatten();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    Ok(all
        .filter(|finding| finding["code"] == "landing")
        .map(|finding| (text(finding, "grade"), text(finding, "seen"), text(finding, "next")))
        .collect())
}

fn stamp(sequence: u64) -> String {
    format!("1.00000000002a.0.{sequence}.1700000000000000000")
}

#[tokio::test]
async fn a_run_that_sees_none_of_its_rows_says_where_they_are() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let wrong = model(&bed, "collection = \"customers\"", "collection = \"clients\"")?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let path = scenario(&bed, 5, 4)?;
    let shipped = scenarios().join("models/shop.toml").display().to_string();
    let text = fs::read_to_string(&path)?
        .replace(&shipped, &wrong.display().to_string())
        .replace("drain = \"60s\"", "drain = \"12s\"")
        .replace("await = \"5s\"", "await = \"500ms\"");
    fs::write(&path, text)?;
    let run = start_run(&bed, &observer, &path, &["--prepare"]).await?;
    let finished = finish(&run, LIMIT).await?;

    assert_eq!(finished.code, 111, "{}\n{}", finished.stdout, finished.stderr);
    let reasons = observer.report()?.validity.reasons;
    let reason = reasons.iter().find(|reason| reason.code == "landed_elsewhere").context("no such reason")?;
    let seen = "stamped rows of 'customer' arrive in `shop.customers`, path `cdc_stamp`; the model says `shop.clients`";
    assert!(reason.seen.starts_with(seen), "{}", reason.seen);
    let next = "set collection = \"customers\" under [entities.customer.mongo] of the model";
    assert!(reason.next.starts_with(next), "{}", reason.next);
    assert!(unbroken(&finished.stdout).contains(next), "{}", finished.stdout);

    // The same is known beforehand, and with the right model there is nothing to say.
    let found = landing(&bed, &wrong.display().to_string()).await?;
    assert_eq!(found[0].0, "error", "{found:?}");
    assert!(found[0].1.starts_with(seen) && found[0].2 == next, "{found:?}");
    let found = landing(&bed, &shipped).await?;
    assert!(found.iter().any(|(grade, seen, _)| grade == "fine" && seen.contains("'customer'")), "{found:?}");
    bed.stop()
}

/// A row of each entity in a place of another kind.
async fn scatter(shop: &Database) -> Result<()> {
    let topic = shop.collection::<Document>("shop.public.customers");
    let after = doc! { "id": "6f1c1b1e-6f4e-4f0e-8f5b-0a6b3e1d2c3b", "email": "e", "status": "active", "cdc_stamp": stamp(1) };
    topic.insert_one(doc! { "payload": { "op": "c", "before": null, "after": after } }).await?;
    let series = doc! { "create": "addresses", "timeseries": { "timeField": "at" } };
    shop.run_command(series).await?;
    let address = doc! { "at": DateTime::now(), "street": "s", "city": "c", "cdc_stamp": stamp(2) };
    shop.collection::<Document>("addresses").insert_one(address).await?;
    let order = doc! { "after.id": "o", "after.status": "pending", "after.cdc_stamp": stamp(3) };
    shop.collection::<Document>("orders").insert_one(order).await?;
    Ok(())
}

#[tokio::test]
async fn doctor_names_each_kind_of_place_and_what_to_do() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    let shop = Client::with_uri_str(bed.mongo_uri()).await?.database(bed.database());
    let shipped = scenarios().join("models/shop.toml").display().to_string();
    let found = landing(&bed, &shipped).await?;
    assert!(found.len() == 3 && found.iter().all(|(grade, ..)| grade == "info"), "nothing yet: {found:?}");

    scatter(&shop).await?;
    let found = landing(&bed, &shipped).await?;
    let expected = [
        (
            "in `shop.shop.public.customers`, path `payload.after.cdc_stamp`",
            "stamp = \"payload.after.cdc_stamp\"",
        ),
        ("in `shop.addresses`, a time-series collection", "ordinary collection `addresses`"),
        (
            "path `\"after.cdc_stamp\"` (one field, whose name holds the dot",
            "stamp = '\"after.cdc_stamp\"' under [entities.order.mongo]",
        ),
    ];
    for ((grade, seen, next), (says, way_out)) in found.iter().zip(expected) {
        assert!(grade == "error" && seen.contains(says) && next.contains(way_out), "{seen}: {next}");
    }

    // A row that lies where the model says and came there by a rename: no event of it was to be seen.
    shop.collection::<Document>("shop.public.customers").drop().await?;
    let id = "6f1c1b1e-6f4e-4f0e-8f5b-0a6b3e1d2c3b";
    let row = doc! { "_id": id, "email": "e", "status": "active", "cdc_stamp": stamp(4) };
    shop.collection::<Document>("customers_new").insert_one(row).await?;
    let rename = doc! { "renameCollection": "shop.customers_new", "to": "shop.customers" };
    shop.client().database("admin").run_command(rename).await?;
    let found = landing(&bed, &shipped).await?;
    let swapped = |seen: &str| seen.contains("`shop.customers_new`, which was then renamed");
    assert!(found.iter().any(|(grade, seen, _)| grade == "error" && swapped(seen)), "{found:?}");
    bed.stop()
}
