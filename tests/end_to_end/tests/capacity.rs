//! A pipeline with a known limit: the search finds it.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::{Finished, Observer, finish, scenarios, start_run};
use streamgauge_testbed::Testbed;

/// Rows per second that the relay carries.
const LIMIT_PER_S: f64 = 40.0;

const TEST: &str = r#"
model = "MODEL"
[defaults]
drain = "60s"
[scenarios.capacity]
executor = "capacity-search"
start_rate = 10
max_rate = 500
probe = "6s"
settle = "2s"
resolution = "5%"
pre_allocated_vus = 20
max_vus = 100
flow = [ { create = "customer" } ]
[thresholds]
cdc_e2e_latency = ["p(95)<1000"]
"#;

#[tokio::test]
async fn the_search_finds_the_limit_of_the_pipeline_within_a_tenth() -> Result<()> {
    let bed = Testbed::builder().rate_limit(LIMIT_PER_S).start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = bed.folder().join("capacity.toml");
    let model = scenarios().join("models/shop.toml").display().to_string();
    fs::write(&path, TEST.replace("MODEL", &model))?;
    let run = start_run(&bed, &observer, &path, &["--prepare"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, Duration::from_secs(400)).await?;
    println!("{stdout}");
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    let capacity = observer.report()?.findings.and_then(|findings| findings.capacity).expect("a result");
    assert!(capacity.complete, "{capacity:?}");
    let rate = capacity.rate_per_s.expect("a rate holds");
    assert!((rate / LIMIT_PER_S - 1.0).abs() <= 0.1, "{rate} for a limit of {LIMIT_PER_S}: {capacity:?}");
    let fails = capacity.fails_at_per_s.expect("a bracket");
    assert!(fails > rate && fails / rate <= 1.06, "{capacity:?}");
    assert!(capacity.reason.is_some_and(|reason| reason.contains("backlog") || reason.contains("p(95)")));
    Ok(())
}
