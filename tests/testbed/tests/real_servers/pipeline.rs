//! The relay between real servers.

use std::time::Duration;

use anyhow::Result;
use mongodb::bson::{Bson, doc};
use streamgauge_shared::clock::Clock;
use streamgauge_shared::time::Nanos;
use streamgauge_testbed::{Op, Signal, Testbed, wait_for};

use crate::{LIMIT, acks, connect, stamp};

#[tokio::test]
async fn rows_arrive_change_and_go_and_each_is_noted() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let ends = connect(&bed).await?;
    let [s1, s2, s3] = [1, 2, 3].map(stamp);
    let insert = format!("INSERT INTO orders VALUES ('a', 12.30, '{s1}'), ('b', NULL, '{s2}')");
    ends.postgres.batch_execute(&insert).await?;
    let update = format!("UPDATE orders SET total = 5, cdc_stamp = '{s3}' WHERE id = 'b'");
    ends.postgres.batch_execute(&update).await?;
    ends.postgres.batch_execute("DELETE FROM orders WHERE id = 'a'").await?;
    let b = wait_for("a to be gone and b to be 5.00", LIMIT, || async {
        let find = async |id: &str| {
            ends.orders.find_one(doc! { "_id": id }).await.map_err(|error| error.to_string())
        };
        let (a, b) = (find("a").await?, find("b").await?);
        match (a, b) {
            (None, Some(b)) if b.get("cdc_stamp") == Some(&Bson::from(&s3)) => Ok(b),
            other => Err(format!("{other:?}")),
        }
    });
    let total = Bson::Decimal128("5.00".parse()?);
    assert_eq!(b.await?, doc! { "_id": "b", "total": total, "cdc_stamp": &s3 });
    let seen: Vec<_> =
        acks(&bed, 4).await?.into_iter().map(|ack| (ack.op, ack.table, ack.key, ack.stamp)).collect();
    let row = |op, key: &str, stamp: Option<&str>| {
        (op, "orders".to_owned(), key.to_owned(), stamp.map(str::to_owned))
    };
    let expected = [
        row(Op::Insert, "a", Some(&s1)),
        row(Op::Insert, "b", Some(&s2)),
        row(Op::Update, "b", Some(&s3)),
        row(Op::Delete, "a", None),
    ];
    assert_eq!(seen, expected);
    bed.stop()
}

#[tokio::test]
async fn a_delay_is_never_cut_short_and_costs_no_throughput() -> Result<()> {
    const ROWS: usize = 500;
    let delay = Duration::from_millis(250);
    let bed = Testbed::builder().delay(delay).start().await?;
    let ends = connect(&bed).await?;
    let clock = Clock::start();
    let sent = clock.now();
    let burst = format!("INSERT INTO orders SELECT i, i, i FROM generate_series(1, {ROWS}) i");
    ends.postgres.batch_execute(&burst).await?;
    let acks = acks(&bed, ROWS).await?;
    let keys: Vec<usize> = acks.iter().filter_map(|ack| ack.key.parse().ok()).collect();
    assert_eq!(keys, (1..=ROWS).collect::<Vec<_>>(), "each once, in order");
    let (first, last) = (acks[0].acked - sent, acks[ROWS - 1].acked - sent);
    assert!(first >= Nanos::from_millis(250), "the first row took {first}");
    // One after the other they would take two minutes.
    assert!(last < Nanos::from_secs(5), "the last row took {last}");
    bed.stop()
}

#[tokio::test]
async fn a_killed_relay_loses_nothing() -> Result<()> {
    const ROWS: i32 = 2_000;
    let bed = Testbed::builder().start().await?;
    let ends = connect(&bed).await?;
    let insert = ends.postgres.prepare("INSERT INTO orders VALUES ($1, 1, $1)").await?;
    let writing = async {
        for row in 0..ROWS {
            ends.postgres.execute(&insert, &[&row.to_string()]).await?;
        }
        anyhow::Ok(())
    };
    let killing = async {
        for round in 1..=3 {
            acks(&bed, round * 200).await?;
            bed.relay().kill_9().await?;
            assert!(!bed.relay().is_running());
            bed.relay().start_again().await?;
        }
        Ok(())
    };
    tokio::try_join!(writing, killing)?;
    let keys = wait_for("every row to be noted", LIMIT, || async {
        let acks = bed.relay().acks().map_err(|error| error.to_string())?;
        let keys: std::collections::BTreeSet<_> = acks.into_iter().map(|ack| ack.key).collect();
        if keys.len() == 2_000 { Ok(keys) } else { Err(format!("{} of {ROWS} keys", keys.len())) }
    });
    assert_eq!(keys.await?.len(), 2_000);
    assert_eq!(ends.orders.count_documents(doc! {}).await?, 2_000);
    bed.stop()
}

#[tokio::test]
async fn a_relay_that_is_told_to_end_ends_well_and_a_broken_server_ends_it_with_one_sentence() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    // More than once: whether the stop or the end of the source is seen first is a race.
    for _ in 0..6 {
        bed.relay().terminate().await?;
        assert_eq!(bed.relay().process().state().to_string(), "ended with code 0");
        bed.relay().start_again().await?;
    }
    bed.postgres().signal(Signal::Quit)?;
    let relay = bed.relay().process();
    assert_eq!(relay.ended().await.to_string(), "ended with code 1");
    let said = relay.stderr();
    assert!(said.starts_with("relay: ") && said.lines().count() == 1, "{said}");
    bed.stop()
}

#[tokio::test]
async fn servers_come_as_a_test_wants_them() -> Result<()> {
    let wanted = Testbed::builder().postgres_setting("wal_level", "replica").mongo_auth();
    let message = wanted.clone().start().await.unwrap_err().to_string();
    assert!(message.contains("logical decoding requires wal_level >= logical"), "{message}");
    let bed = wanted.without_relay().start().await?;
    let ends = connect(&bed).await?;
    let level: String = ends.postgres.query_one("SHOW wal_level", &[]).await?.get(0);
    assert_eq!(level, "replica");
    ends.orders.insert_one(doc! { "_id": 1 }).await?;
    let (login, rest) = bed.mongo_uri().split_once('@').unwrap_or_default();
    assert!(login.starts_with("mongodb://streamgauge:"), "{login}");
    let stranger = mongodb::Client::with_uri_str(format!("mongodb://streamgauge:wrong@{rest}")).await?;
    assert!(stranger.database("shop").run_command(doc! { "count": "orders" }).await.is_err());
    bed.stop()?;

    let bed = Testbed::builder().mongo_standalone().without_relay().start().await?;
    let mongo = mongodb::Client::with_uri_str(bed.mongo_uri()).await?;
    let hello = mongo.database("admin").run_command(doc! { "hello": 1 }).await?;
    assert!(!hello.contains_key("setName"), "{hello}");
    bed.stop()
}
