//! `prepare` on tables that others use: it waits a little, tries again, and says who is in the way.

use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::{Finished, finish, scenarios, writer};
use streamgauge_testbed::{Testbed, wait_for};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Error, NoTls};

const LIMIT: Duration = Duration::from_secs(40);
/// A table of a user's, without the stamp.
const CUSTOMERS: &str =
    "CREATE TABLE customers (id uuid PRIMARY KEY, email text NOT NULL, status text NOT NULL)";

/// Somebody else's session, which ends when its client is dropped.
async fn somebody(bed: &Testbed) -> Result<(Client, JoinHandle<Result<(), Error>>)> {
    let url = format!("{}?application_name=backoffice", bed.postgres_url());
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    Ok((client, tokio::spawn(connection)))
}

/// Waits until somebody holds a lock on the customers.
async fn is_locked(bed: &Testbed) -> Result<()> {
    let (client, _driver) = somebody(bed).await?;
    let asked = "SELECT count(*) FROM pg_locks WHERE relation = 'customers'::regclass AND granted";
    wait_for("a lock", LIMIT, || async {
        match client.query_one(asked, &[]).await {
            Ok(row) if row.get::<_, i64>(0) > 0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

async fn has_stamp(bed: &Testbed) -> Result<bool> {
    let (client, _driver) = somebody(bed).await?;
    let asked = "SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_name = 'customers' AND column_name = 'cdc_stamp')";
    Ok(client.query_one(asked, &[]).await?.get(0))
}

async fn prepare(bed: &Testbed, lock_timeout: &str) -> Result<Finished> {
    let shop = scenarios().join("e2e-latency.toml").display().to_string();
    let args = ["prepare", &shop, "--lock-timeout", lock_timeout];
    finish(&bed.run(writer(bed.postgres_url(), &args)?).await?, LIMIT).await
}

#[tokio::test]
async fn a_lock_that_is_held_for_a_second_is_waited_for() -> Result<()> {
    for (lock_timeout, asks_again) in [("5s", false), ("50ms", true)] {
        let bed = Testbed::builder().without_relay().start().await?;
        execute(&bed, CUSTOMERS).await?;
        let (client, _driver) = somebody(&bed).await?;
        // A reader is enough to keep a column from being added.
        let holding = tokio::spawn(async move {
            let hold = "BEGIN; LOCK TABLE customers IN ACCESS SHARE MODE; SELECT pg_sleep(1); COMMIT";
            client.batch_execute(hold).await
        });
        is_locked(&bed).await?;
        let Finished { code, stdout, stderr } = prepare(&bed, lock_timeout).await?;
        assert_eq!(code, 0, "{stdout}\n{stderr}");
        assert!(stdout.contains("added column 'cdc_stamp' to table 'customers'"), "{stdout}");
        assert_eq!(stderr.contains("asking again in 0.5 s"), asks_again, "{stderr}");
        assert!(has_stamp(&bed).await?);
        holding.await??;
        bed.stop()?;
    }
    Ok(())
}

#[tokio::test]
async fn a_lock_that_is_held_for_ever_is_given_up_with_who_holds_it() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    execute(&bed, CUSTOMERS).await?;
    let (client, _driver) = somebody(&bed).await?;
    client.batch_execute("BEGIN; LOCK TABLE customers IN ROW EXCLUSIVE MODE").await?;
    let process: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    // Five times 50 ms, and the pauses between of 7.5 s: far within the limit.
    let Finished { code, stderr, .. } = prepare(&bed, "50ms").await?;
    assert_eq!(code, 107, "{stderr}");
    for part in [
        "table 'customers' is in use",
        "5 times 50ms (--lock-timeout)",
        &format!("held by process {process} of role 'streamgauge' (backoffice, idle in transaction, "),
        &format!("SELECT pg_terminate_backend({process})"),
    ] {
        assert!(stderr.contains(part), "'{part}' is missing: {stderr}");
    }
    assert!(!has_stamp(&bed).await?);
    // Nothing of the attempt is left: neither its lock nor its place in the queue.
    let left = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' OR (relation = 'customers'::regclass AND pid <> $1)";
    assert_eq!(client.query_one(left, &[&process]).await?.get::<_, i64>(0), 0);
    drop(client);
    assert_eq!(prepare(&bed, "2s").await?.code, 0, "once it is free");
    bed.stop()
}

#[tokio::test]
async fn a_new_table_waits_for_the_table_that_it_refers_to() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    execute(&bed, &CUSTOMERS.replace(")", ", cdc_stamp text)")).await?;
    let (client, _driver) = somebody(&bed).await?;
    client.batch_execute("BEGIN; LOCK TABLE customers IN ROW EXCLUSIVE MODE").await?;
    let Finished { code, stderr, .. } = prepare(&bed, "50ms").await?;
    assert_eq!(code, 107, "{stderr}");
    for part in ["table 'addresses' cannot be made", "(backoffice, idle in transaction, "] {
        assert!(stderr.contains(part), "'{part}' is missing: {stderr}");
    }
    bed.stop()
}
