//! `clean` deletes what runs left behind and nothing else, counts what remains, and says what keeps it.

use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::databases::{execute, stamps_in_postgres};
use streamgauge_end_to_end::{Finished, finish, scenarios, writer};
use streamgauge_shared::clock::Clock;
use streamgauge_shared::time::Nanos;
use streamgauge_testbed::{Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(60);
const RUN: &str = "00c0ffee0042";
const OTHER: &str = "00c0ffee0043";

/// A testbed with the shop's tables.
async fn shop() -> Result<Testbed> {
    let bed = Testbed::builder().without_relay().start().await?;
    let prepared = call(&bed, bed.postgres_url(), &["prepare"]).await?;
    assert_eq!(prepared.code, 0, "{}", prepared.stderr);
    Ok(bed)
}

/// A command of the writer's with the shop's scenario.
async fn call(bed: &Testbed, url: &str, args: &[&str]) -> Result<Finished> {
    let (command, rest) = args.split_first().expect("a command");
    let shop = scenarios().join("e2e-latency.toml").display().to_string();
    let args: Vec<&str> = [command, shop.as_str()].into_iter().chain(rest.iter().copied()).collect();
    finish(&bed.run(writer(url, &args)?).await?, LIMIT).await
}

/// So many customers of a run, whose stamps were sent so long ago.
async fn customers(bed: &Testbed, run: &str, count: u32, age: Nanos) -> Result<()> {
    let sent = (Clock::start().now() - age).0;
    execute(
        bed,
        &format!(
            "INSERT INTO customers SELECT gen_random_uuid(), 'a@b.c', 'new', '1.{run}.0.' || i || '.{sent}' FROM generate_series(1, {count}) AS i"
        ),
    )
    .await
}

/// The address of a role that may do everything with the tables, and is not their owner.
async fn limited(bed: &Testbed) -> Result<String> {
    execute(
        bed,
        "CREATE ROLE limited LOGIN PASSWORD 's3cret'; GRANT ALL ON ALL TABLES IN SCHEMA public TO limited",
    )
    .await?;
    let host = bed.postgres_url().rsplit('@').next().unwrap_or_default();
    Ok(format!("postgresql://limited:s3cret@{host}"))
}

fn refused(finished: &Finished, parts: &[&str]) {
    assert_eq!(finished.code, 107, "{}\n{}", finished.stdout, finished.stderr);
    for part in parts {
        assert!(finished.stderr.contains(part), "'{part}' is missing: {}", finished.stderr);
    }
}

#[tokio::test]
async fn older_rows_of_any_run_are_deleted_and_no_others() -> Result<()> {
    let bed = shop().await?;
    customers(&bed, RUN, 3, Nanos::from_secs(2 * 86_400)).await?;
    customers(&bed, OTHER, 2, Nanos::from_secs(60)).await?;
    execute(
        &bed,
        "INSERT INTO customers SELECT gen_random_uuid(), 'a@b.c', 'new', stamp FROM unnest(ARRAY['1.2', '1.x.0.1.5', '1.00c0ffee0042.0.1.five', 'mine', '']) AS t(stamp)",
    )
    .await?;
    let Finished { code, stdout, stderr } =
        call(&bed, bed.postgres_url(), &["clean", "--older-than", "1d"]).await?;
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    assert!(stdout.contains("customers: 3 rows older than 24h00m00s deleted"), "{stdout}");
    let stays = stamps_in_postgres(&bed, "customers").await?;
    assert_eq!(stays.len(), 7, "{stays:?}");
    assert_eq!(stays.iter().filter(|stamp| stamp.contains(OTHER)).count(), 2, "{stays:?}");
    let of_run = call(&bed, bed.postgres_url(), &["clean", "--run", OTHER]).await?;
    assert!(of_run.stdout.contains("customers: 2 rows of run"), "{}", of_run.stdout);
    assert_eq!(stamps_in_postgres(&bed, "customers").await?.len(), 5);
    let neither = call(&bed, bed.postgres_url(), &["clean"]).await?;
    assert_eq!(neither.code, 104, "{}", neither.stderr);
    assert!(neither.stderr.contains("--older-than"), "{}", neither.stderr);
    bed.stop()
}

#[tokio::test]
async fn a_large_table_is_read_in_parts_or_found_by_its_index() -> Result<()> {
    let bed = shop().await?;
    customers(&bed, OTHER, 30_000, Nanos::ZERO).await?;
    customers(&bed, RUN, 30_000, Nanos::ZERO).await?;
    // As if it were a thousand times as large: what is said comes from the catalogue.
    execute(&bed, "ANALYZE customers; UPDATE pg_class SET reltuples = 60000000 WHERE relname = 'customers'")
        .await?;
    let cleaned = call(&bed, bed.postgres_url(), &["clean", "--run", RUN]).await?;
    assert_eq!(cleaned.code, 0, "{}", cleaned.stderr);
    assert!(cleaned.stdout.contains("customers: 30000 rows"), "{}", cleaned.stdout);
    for part in ["'customers' has about 60000000 rows", "about 120 s", "text_pattern_ops"] {
        assert!(cleaned.stderr.contains(part), "'{part}' is missing: {}", cleaned.stderr);
    }
    assert_eq!(stamps_in_postgres(&bed, "customers").await?.len(), 30_000);

    customers(&bed, RUN, 2_500, Nanos::ZERO).await?;
    execute(&bed, "CREATE INDEX ON customers (cdc_stamp text_pattern_ops); ANALYZE customers").await?;
    let cleaned = call(&bed, bed.postgres_url(), &["clean", "--run", RUN]).await?;
    assert_eq!(cleaned.code, 0, "{}", cleaned.stderr);
    assert!(cleaned.stdout.contains("customers: 2500 rows"), "{}", cleaned.stdout);
    assert!(!cleaned.stderr.contains("reads all"), "{}", cleaned.stderr);
    // PostgreSQL counts when a session ends.
    let (client, connection) = tokio_postgres::connect(bed.postgres_url(), tokio_postgres::NoTls).await?;
    let _driver = tokio::spawn(connection);
    let asked = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname LIKE '%cdc_stamp%'";
    wait_for("the index to be read", LIMIT, || async {
        match client.query_one(asked, &[]).await {
            Ok(row) if row.get::<_, i64>(0) > 0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    bed.stop()
}

#[tokio::test]
async fn a_trigger_that_keeps_rows_is_named() -> Result<()> {
    let bed = shop().await?;
    customers(&bed, RUN, 3, Nanos::ZERO).await?;
    execute(
        &bed,
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER archive BEFORE DELETE ON customers FOR EACH ROW EXECUTE FUNCTION keep()",
    )
    .await?;
    let finished = call(&bed, bed.postgres_url(), &["clean", "--run", RUN]).await?;
    refused(&finished, &["3 rows stay in table 'customers': trigger 'archive' keeps them"]);
    assert!(finished.stdout.contains("customers: 0 rows"), "{}", finished.stdout);
    bed.stop()
}

#[tokio::test]
async fn a_foreign_key_of_a_table_that_the_model_lacks_is_named() -> Result<()> {
    let bed = shop().await?;
    customers(&bed, RUN, 3, Nanos::ZERO).await?;
    execute(
        &bed,
        "CREATE TABLE invoices (customer uuid CONSTRAINT owed_by REFERENCES customers); INSERT INTO invoices SELECT id FROM customers LIMIT 1",
    )
    .await?;
    let finished = call(&bed, bed.postgres_url(), &["clean", "--run", RUN]).await?;
    refused(&finished, &["rows stay in table 'customers': rows of table 'invoices'", "'owed_by'"]);
    execute(&bed, "DELETE FROM invoices").await?;
    assert_eq!(call(&bed, bed.postgres_url(), &["clean", "--run", RUN]).await?.code, 0);
    assert_eq!(stamps_in_postgres(&bed, "customers").await?.len(), 0);
    bed.stop()
}

#[tokio::test]
async fn row_level_security_that_keeps_or_hides_rows_is_named() -> Result<()> {
    let bed = shop().await?;
    customers(&bed, RUN, 3, Nanos::ZERO).await?;
    let limited = limited(&bed).await?;
    execute(
        &bed,
        "ALTER TABLE customers ENABLE ROW LEVEL SECURITY; CREATE POLICY seen ON customers FOR SELECT USING (true)",
    )
    .await?;
    let keeps = call(&bed, &limited, &["clean", "--run", RUN]).await?;
    refused(&keeps, &["3 rows stay in table 'customers': row-level security does not let role 'limited'"]);
    execute(&bed, "DROP POLICY seen ON customers; CREATE POLICY own ON customers USING (status = 'mine')")
        .await?;
    let hides = call(&bed, &limited, &["clean", "--run", RUN]).await?;
    refused(&hides, &["whether rows stay in table 'customers' cannot be told", "BYPASSRLS"]);
    // Policies that show and give everything are nobody's trouble.
    execute(&bed, "DROP POLICY own ON customers; CREATE POLICY open ON customers USING (true)").await?;
    let open = call(&bed, &limited, &["clean", "--run", RUN]).await?;
    assert_eq!(open.code, 0, "{}", open.stderr);
    assert_eq!(stamps_in_postgres(&bed, "customers").await?.len(), 0);
    bed.stop()
}
