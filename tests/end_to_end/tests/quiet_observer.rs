//! The observer watches without asking: besides its change stream, and the canary where it has one, it sends
//! MongoDB no query of any kind.

use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::bson::{Document, doc};
use mongodb::{Client, Database};
use streamgauge_end_to_end::{Observer, finish, scenario, start_run};
use streamgauge_testbed::Testbed;

/// Commands that would be a way of polling.
const QUESTIONS: [&str; 5] = ["find", "count", "distinct", "findAndModify", "mapReduce"];

#[tokio::test]
async fn a_run_costs_mongodb_one_aggregate_and_its_get_mores() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once", "--no-canary"]).await?;
    let admin = Client::with_uri_str(bed.mongo_uri()).await?.database("admin");
    let shop = Client::with_uri_str(bed.mongo_uri()).await?.database(bed.database());
    shop.run_command(doc! { "profile": 2, "slowms": 0 }).await?;

    let before = Counters::read(&admin).await?;
    let run = start_run(&bed, &observer, &scenario(&bed, 20, 3)?, &["--prepare"]).await?;
    let finished = finish(&run, Duration::from_secs(60)).await?;
    assert_eq!(observer.report()?.account.delivered, 120, "{}", finished.stdout);
    let after = Counters::read(&admin).await?;

    for (question, (before, after)) in QUESTIONS.iter().zip(before.questions.iter().zip(&after.questions)) {
        assert_eq!(before, after, "{question}");
    }
    assert_eq!(after.queries, before.queries, "opcounters.query counts finds");
    assert_eq!(after.aggregates - before.aggregates, 1, "the change stream itself");
    assert!(after.get_mores > before.get_mores, "and its replies");

    // The profiler names each operation on the database: the relay's writes, the stream, and nothing else.
    shop.run_command(doc! { "profile": 0 }).await?;
    let (mut writes, mut others) = (0, Vec::new());
    for entry in profiled(&shop).await? {
        let command = entry.get_document("command")?;
        let is_stream = command.contains_key("getMore") || is_change_stream(command);
        match entry.get_str("op")? {
            "update" | "remove" => writes += 1,
            _ if is_stream || command.contains_key("profile") => {}
            // The relay's commands, which hold the writes counted above.
            _ if command.contains_key("update") || command.contains_key("delete") => {}
            _ => others.push(entry.to_string()),
        }
    }
    assert_eq!(others, Vec::<String>::new(), "nobody asked anything");
    assert!(writes >= 120, "the profiler was on: {writes} writes");
    bed.stop()
}

fn is_change_stream(command: &Document) -> bool {
    let stages = command.get_array("pipeline").ok();
    stages
        .and_then(|stages| stages.first()?.as_document())
        .is_some_and(|first| first.contains_key("$changeStream"))
}

struct Counters {
    queries: i64,
    get_mores: i64,
    aggregates: i64,
    questions: Vec<i64>,
}

impl Counters {
    async fn read(admin: &Database) -> Result<Self> {
        let status = admin.run_command(doc! { "serverStatus": 1 }).await?;
        let operations = status.get_document("opcounters")?;
        let commands = status.get_document("metrics")?.get_document("commands")?;
        let total = |name: &str| commands.get_document(name).map_or(0, |command| number(command, "total"));
        Ok(Self {
            queries: number(operations, "query"),
            get_mores: number(operations, "getmore"),
            aggregates: total("aggregate"),
            questions: QUESTIONS.iter().map(|question| total(question)).collect(),
        })
    }
}

fn number(document: &Document, name: &str) -> i64 {
    document.get_i64(name).or_else(|_| document.get_i32(name).map(i64::from)).unwrap_or(0)
}

async fn profiled(shop: &Database) -> Result<Vec<Document>> {
    let profile = shop.collection::<Document>("system.profile");
    let mut found = Vec::new();
    let mut cursor = profile.find(doc! {}).await.context("no profile")?;
    while cursor.advance().await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}
