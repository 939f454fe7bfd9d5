//! Tables of a user's own: created after the relay, with keys of several columns and every column type.

use anyhow::Result;
use mongodb::bson::{Bson, DateTime, Document, doc};
use streamgauge_testbed::{Op, Testbed, wait_for};

use crate::{Ends, LIMIT, acks, connect, stamp};

const ID: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

/// Waits until a collection holds exactly this, in the order of `_id`.
async fn holds(ends: &Ends, collection: &str, expected: &[Document]) -> Result<()> {
    let collection = ends.mongo.collection::<Document>(collection);
    wait_for("the documents", LIMIT, || async {
        let seen = async {
            let mut cursor = collection.find(doc! {}).sort(doc! { "_id": 1 }).await?;
            let mut seen = Vec::new();
            while cursor.advance().await? {
                seen.push(Document::try_from(cursor.current())?);
            }
            anyhow::Ok(seen)
        };
        let seen = seen.await.map_err(|error| error.to_string())?;
        if seen == expected { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await
}

#[tokio::test]
async fn a_later_table_with_a_composite_key_and_every_type_is_relayed() -> Result<()> {
    // Not UTC, so that a timestamptz is printed with an offset.
    let bed = Testbed::builder().postgres_setting("timezone", "Asia/Kolkata").start().await?;
    let ends = connect(&bed).await?;
    let table = "CREATE TABLE lines (
        region text, id uuid, number int4, total int8, price numeric(12,3), paid bool,
        made timestamp, seen timestamptz, tags json, extra jsonb, mark text, PRIMARY KEY (number, id))";
    ends.postgres.batch_execute(table).await?;
    let (s1, s2, s3) = (stamp(1), stamp(2), stamp(3));
    let insert = format!(
        "INSERT INTO lines VALUES ('nord', '{ID}', 1, 9007199254740993, 12.300, true,
            '2026-11-23 04:05:06.789999', '2026-11-23 04:05:06.789999+00', '[1, \"a\", null]',
            '{{\"b\": {{\"c\": [true, 0.5]}}, \"$a\": 3000000000}}', '{s1}');
         INSERT INTO lines (id, number, mark) VALUES ('{ID}', 2, '{s2}')"
    );
    ends.postgres.batch_execute(&insert).await?;
    let at = DateTime::from_millis(1_795_406_706_789);
    let price = Bson::Decimal128("12.300".parse()?);
    let first = doc! {
        "_id": { "id": ID, "number": 1 }, "region": "nord", "total": 9_007_199_254_740_993_i64, "price": price,
        "paid": true, "made": at, "seen": at, "tags": [1, "a", Bson::Null],
        // jsonb keeps its own order: shorter names first.
        "extra": { "b": { "c": [true, 0.5] }, "$a": 3_000_000_000_i64 }, "mark": &s1,
    };
    let second = |region: Bson, mark: &str| {
        let nothing = || Bson::Null;
        doc! {
            "_id": { "id": ID, "number": 2 }, "region": region, "total": nothing(), "price": nothing(),
            "paid": nothing(), "made": nothing(), "seen": nothing(), "tags": nothing(), "extra": nothing(),
            "mark": mark,
        }
    };
    holds(&ends, "lines", &[first, second(Bson::Null, &s2)]).await?;
    let update = format!("UPDATE lines SET region = 's\u{fc}d', mark = '{s3}' WHERE number = 2");
    ends.postgres.batch_execute(&update).await?;
    ends.postgres.batch_execute("DELETE FROM lines WHERE number = 1").await?;
    holds(&ends, "lines", &[second(Bson::from("s\u{fc}d"), &s3)]).await?;
    let seen: Vec<_> = acks(&bed, 4).await?.into_iter().map(|ack| (ack.op, ack.key, ack.stamp)).collect();
    let row = |op, number: u8, stamp: Option<String>| (op, format!("{ID}:{number}"), stamp);
    let expected = [
        row(Op::Insert, 1, Some(s1)),
        row(Op::Insert, 2, Some(s2)),
        row(Op::Update, 2, Some(s3)),
        row(Op::Delete, 1, None),
    ];
    assert_eq!(seen, expected);
    bed.stop()
}

#[tokio::test]
async fn tables_with_foreign_keys_arrive_in_the_order_of_their_commits() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let ends = connect(&bed).await?;
    let tables = "CREATE TABLE customers (id uuid PRIMARY KEY, email text NOT NULL, cdc_stamp text);
        CREATE TABLE addresses (id uuid PRIMARY KEY, customer_id uuid NOT NULL REFERENCES customers,
            is_default boolean, cdc_stamp text);
        CREATE TABLE counters (id int8 PRIMARY KEY, cdc_stamp text)";
    ends.postgres.batch_execute(tables).await?;
    let (s1, s2, s3, s4) = (stamp(1), stamp(2), stamp(3), stamp(4));
    let write = format!(
        "BEGIN; INSERT INTO customers VALUES ('{ID}', 'a@example.org', '{s1}');
         INSERT INTO addresses VALUES ('{ID}', '{ID}', true, '{s2}'); COMMIT;
         UPDATE addresses SET is_default = false, cdc_stamp = '{s3}';
         INSERT INTO counters VALUES (7, '{s4}')"
    );
    ends.postgres.batch_execute(&write).await?;
    holds(&ends, "counters", &[doc! { "_id": 7_i64, "cdc_stamp": &s4 }]).await?;
    let address = doc! { "_id": ID, "customer_id": ID, "is_default": false, "cdc_stamp": &s3 };
    holds(&ends, "addresses", &[address]).await?;
    ends.postgres.batch_execute("DELETE FROM addresses; DELETE FROM customers").await?;
    let seen: Vec<_> = acks(&bed, 6).await?.into_iter().map(|ack| (ack.op, ack.table, ack.stamp)).collect();
    let row = |op, table: &str, stamp: Option<String>| (op, table.to_owned(), stamp);
    let expected = [
        row(Op::Insert, "customers", Some(s1)),
        row(Op::Insert, "addresses", Some(s2)),
        row(Op::Update, "addresses", Some(s3)),
        row(Op::Insert, "counters", Some(s4)),
        row(Op::Delete, "addresses", None),
        row(Op::Delete, "customers", None),
    ];
    assert_eq!(seen, expected);
    for table in ["customers", "addresses"] {
        holds(&ends, table, &[]).await?;
    }
    bed.stop()
}
