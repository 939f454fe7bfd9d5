//! Asks a MongoDB. What it does not tell, for want of a privilege or in an old version, is absent.

use mongodb::Database;
use mongodb::bson::{Bson, Document, Timestamp, doc};
use mongodb::options::ReadConcern;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::Model;
use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::canary::Canary;
use crate::stream::{MongoAddress, StartError};

/// How often the server's clock is read: the reading with the shortest round trip says most.
const CLOCK_READINGS: u32 = 5;

/// What is known of a MongoDB.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Inspected {
    pub(super) version: String,
    pub(super) topology: Topology,
    /// The default write concern's `w`, as text: `majority`, `1`.
    pub(super) default_w: Option<String>,
    /// How long the oplog reaches back.
    pub(super) oplog: Option<Oplog>,
    /// Why a change stream cannot be opened.
    pub(super) stream: Result<(), String>,
    /// Why the canary cannot write.
    pub(super) canary: Result<(), String>,
    /// The server's clock minus ours, and how far that can be off.
    pub(super) clock_offset: Option<(Nanos, Nanos)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Topology {
    Standalone,
    /// With so many nodes that hold data, and so many arbiters.
    ReplicaSet {
        nodes: usize,
        arbiters: usize,
    },
    /// Behind mongos.
    Sharded,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Oplog {
    /// From its first entry to its last, seconds.
    pub(super) window_s: u32,
    /// How much of its size is used, 0 to 1 and a little above.
    pub(super) used: f64,
}

/// Asks for everything.
///
/// # Errors
/// The server cannot be reached or refuses the user: 107.
pub(super) async fn ask(address: &MongoAddress, clock: Clock) -> Result<Inspected, Failure> {
    let failed = |error: &mongodb::error::Error| match address.start_error(error) {
        StartError::Fatal(failure) => failure,
        StartError::NotUp(reason) => Failure::run(reason),
    };
    let database = address.connect().await.map_err(|error| failed(&error))?;
    let info = match database.run_command(doc! { "buildInfo": 1 }).await {
        Ok(info) => info,
        Err(error) => {
            return Err(match address.explain(&error).await {
                StartError::Fatal(failure) => failure,
                StartError::NotUp(reason) => Failure::run(reason),
            });
        }
    };
    let mut hello = Document::new();
    let mut clock_offset: Option<(Nanos, Nanos)> = None;
    for _ in 0..CLOCK_READINGS {
        let before = clock.now();
        hello = database.run_command(doc! { "hello": 1 }).await.map_err(|error| failed(&error))?;
        let after = clock.now();
        if let Ok(local) = hello.get_datetime("localTime") {
            let read = offset(before, after, UnixNanos::from_millis(local.timestamp_millis()));
            clock_offset = clock_offset.into_iter().chain([read]).min_by_key(|(_, bound)| bound.0);
        }
    }
    let topology = topology(&hello);
    let (mut stream, mut canary) = (Ok(()), Ok(()));
    if topology == Topology::Standalone {
        (stream, canary) = (Err("a standalone server has none".to_owned()), Err("it needs one".to_owned()));
    } else {
        let stages: Vec<Document> = vec![doc! { "$changeStream": {} }];
        if let Err(error) = database.aggregate(stages).batch().await {
            stream = Err(failed(&error).sentence);
        }
        let model = Model { entities: Vec::new() };
        match Canary::prepare(address, &model, RunId::from_bits(0), clock).await {
            Ok(probe) => probe.finish().await,
            Err(reason) => canary = Err(reason),
        }
    }
    let admin = database.client().database("admin");
    let inspected = Inspected {
        version: info.get_str("version").unwrap_or("unknown").to_owned(),
        topology,
        default_w: default_w(&admin).await,
        oplog: oplog(&database.client().database("local")).await,
        stream,
        canary,
        clock_offset,
    };
    database.client().clone().shutdown().await;
    Ok(inspected)
}

fn topology(hello: &Document) -> Topology {
    let members = |name: &str| hello.get_array(name).map_or(0, Vec::len);
    if hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid") {
        Topology::Sharded
    } else if hello.contains_key("setName") {
        Topology::ReplicaSet { nodes: members("hosts") + members("passives"), arbiters: members("arbiters") }
    } else {
        Topology::Standalone
    }
}

/// The server's clock minus ours: `localTime`, which is cut to the millisecond, against the middle of the
/// question and its answer. Off by half the round trip and half a millisecond at most.
fn offset(before: UnixNanos, after: UnixNanos, local: UnixNanos) -> (Nanos, Nanos) {
    let half = Nanos((after - before).0 / 2);
    let cut = Nanos(500_000);
    (local + cut - (before + half), half + cut)
}

async fn default_w(admin: &Database) -> Option<String> {
    let answer = admin.run_command(doc! { "getDefaultRWConcern": 1 }).await.ok()?;
    match answer.get_document("defaultWriteConcern").ok()?.get("w")? {
        Bson::String(w) => Some(w.clone()),
        Bson::Int32(w) => Some(w.to_string()),
        Bson::Int64(w) => Some(w.to_string()),
        _ => None,
    }
}

async fn oplog(local: &Database) -> Option<Oplog> {
    let oplog = local.collection::<Document>("oplog.rs");
    let end = async |direction: i32| -> Option<Timestamp> {
        let find = oplog.find_one(doc! {}).sort(doc! { "$natural": direction }).projection(doc! { "ts": 1 });
        find.read_concern(ReadConcern::local()).await.ok()??.get_timestamp("ts").ok()
    };
    let statistics = local.run_command(doc! { "collStats": "oplog.rs" }).await.ok()?;
    let number = |name: &str| match statistics.get(name)? {
        Bson::Int32(value) => Some(f64::from(*value)),
        #[expect(clippy::cast_precision_loss, reason = "a share of a size")]
        Bson::Int64(value) => Some(*value as f64),
        Bson::Double(value) => Some(*value),
        _ => None,
    };
    let (first, last) = (end(1).await?, end(-1).await?);
    let used = number("size")? / number("maxSize").filter(|size| *size > 0.0)?;
    Some(Oplog { window_s: last.time.saturating_sub(first.time), used })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_says_what_stands_behind_the_address() {
        let cases = [
            (doc! { "isWritablePrimary": true }, Topology::Standalone),
            (doc! { "msg": "isdbgrid" }, Topology::Sharded),
            (doc! { "setName": "rs0", "hosts": ["a"] }, Topology::ReplicaSet { nodes: 1, arbiters: 0 }),
            (
                doc! { "setName": "rs0", "hosts": ["a", "b"], "passives": ["c"], "arbiters": ["d"] },
                Topology::ReplicaSet { nodes: 3, arbiters: 1 },
            ),
        ];
        for (hello, expected) in cases {
            assert_eq!(topology(&hello), expected, "{hello}");
        }
    }

    #[test]
    fn an_offset_is_known_to_half_the_round_trip() {
        let at = UnixNanos::from_millis;
        let (offset, bound) = offset(at(1_000), at(1_010), at(1_105));
        assert_eq!((offset, bound), (Nanos(100_500_000), Nanos(5_500_000)));
    }
}
