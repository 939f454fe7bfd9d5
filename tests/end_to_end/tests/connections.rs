//! More users than PostgreSQL takes connections.

use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::{Finished, Observer, finish, scenarios, start_run};
use streamgauge_testbed::Testbed;

#[tokio::test]
async fn five_hundred_users_hold_on_a_postgresql_of_a_hundred_connections() -> Result<()> {
    let bed = Testbed::builder().postgres_setting("max_connections", "100").start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = scenarios().join("spike.toml");
    let run = start_run(&bed, &observer, &path, &["--prepare", "--time-scale", "0.05"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, Duration::from_secs(120)).await?;
    assert!(matches!(code, 0 | 99), "{stdout}\n{stderr}");
    let report = observer.report()?;
    assert_eq!(report.load.peak_users, 500, "{stdout}");
    assert_eq!(report.counters["pg_write_errors"], 0, "{stdout}");
    assert_eq!(report.account.rejected + report.account.unknown, 0, "{stdout}");
    assert_eq!(report.account.delivered + report.account.late, report.account.entries, "{stdout}");
    bed.stop()
}
