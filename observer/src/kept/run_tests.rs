//! What a folder has and what it lacks.

use super::*;
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::histogram::interval_log::{append, header};

fn report() -> Value {
    serde_json::json!({
        "schema": SCHEMA,
        "run": { "id": "00c0ffee0042", "test": "t", "scenarios": ["s"], "seed": 1, "writers": 1,
                 "started_at": "2026-11-30T10:00:00Z", "duration_s": 3.0, "time_scale": 1.0, "load_scale": 1.0,
                 "complete": true, "versions": {} },
        "verdict": { "state": "passed", "exit_code": 0 },
        "validity": { "state": "valid", "reasons": [] },
        "thresholds": [],
        "account": { "entries": 3, "delivered": 3, "superseded": 0, "late": 0, "lost": 0, "rejected": 0, "unknown": 0, "pending": 0 },
        "events": { "total": 3, "first": 3, "duplicate": 0, "out_of_order": 0, "early": 0, "foreign": 0, "undecodable": 0 },
        "latency": {}, "rates": {}, "counters": {},
        "load": { "peak_users": 1, "peak_rate_per_s": 1.0, "seconds": [] },
        "clock": { "domain": "same_kernel" }, "process": {}
    })
}

fn folder(runs: &Path, name: &str, report: &Value) -> PathBuf {
    let folder = runs.join(name);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("report.json"), report.to_string()).expect("a file");
    folder
}

#[test]
fn a_run_is_found_by_path_name_and_the_beginning_of_its_id() {
    let runs = tempfile::tempdir().expect("a folder");
    let path = folder(runs.path(), "20261130T100000Z-t-00c0ffee0042", &report());
    folder(runs.path(), "20261130T110000Z-t-00c0ffee0043.partial", &report());
    let open = |named: &str| KeptRun::open(runs.path(), named);
    for named in [path.to_str().expect("text"), "20261130T100000Z-t-00c0ffee0042", "00c0ffee0042"] {
        assert_eq!(open(named).expect(named).folder, path, "{named}");
    }
    assert!(open("00c0ffee0043").expect("one that died").name().ends_with(PARTIAL));
    for (named, says) in [("00c0", "2 runs begin so"), ("ffff", "streamgauge-observer runs"), ("", "no run")]
    {
        let failure = open(named).expect_err(named);
        assert!(failure.sentence.contains(says), "{failure}");
    }
}

#[test]
fn what_an_older_folder_lacks_is_said_and_another_schema_is_refused() {
    let runs = tempfile::tempdir().expect("a folder");
    let mut died = report();
    died["run"]["complete"] = false.into();
    let run = KeptRun::read(folder(runs.path(), "a-t-1", &died)).expect("a report");
    let lacks = run.lacks.join("\n");
    for said in ["did not end", "latency.hlog", "rows.jsonl", "test.toml"] {
        assert!(lacks.contains(said), "{lacks}");
    }
    assert!(run.intervals().expect("none").is_empty() && run.rows().expect("none").is_empty());
    let mut later = report();
    later["schema"] = "streamgauge.report/2".into();
    let refused = KeptRun::read(folder(runs.path(), "b-t-2", &later)).expect_err("another schema");
    assert!(refused.sentence.contains("'streamgauge.report/2'"), "{refused}");
    let listed = super::super::list(runs.path()).expect("a list");
    assert_eq!(listed.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["b-t-2", "a-t-1"]);
    assert!(listed[0].head.is_err() && listed[1].head.is_ok());
}

#[test]
fn the_intervals_are_those_of_the_log_with_both_signs_together() {
    let runs = tempfile::tempdir().expect("a folder");
    let path = folder(runs.path(), "a-t-1", &report());
    let (mut log, mut histogram) =
        (header(UnixNanos::from_millis(5_000)).into_bytes(), SignedHistogram::default());
    [-3, 25, 30].iter().for_each(|millis| histogram.record(Nanos::from_millis(*millis)));
    for second in 0..2 {
        append(&mut log, "cdc_propagation.create", &histogram, Nanos::from_secs(second), Nanos::from_secs(1));
        append(&mut log, "not_ours.create", &histogram, Nanos::from_secs(second), Nanos::from_secs(1));
    }
    fs::write(path.join("latency.hlog"), log).expect("a file");
    fs::write(path.join("rows.jsonl"), "{\"writer\":0}\n").expect("a file");
    let run = KeptRun::read(path).expect("a report");
    let intervals = run.intervals().expect("a log");
    assert_eq!(intervals.len(), 2);
    let second = &intervals[1];
    assert_eq!((second.start, second.length), (UnixNanos::from_millis(6_000), Nanos::from_secs(1)));
    assert_eq!((second.latency, second.operation), (Latency::CdcPropagation, Operation::Create));
    let least = second.histogram.min().expect("three values").as_millis_f64();
    assert!(second.histogram.count() == 3 && (-3.003..=-3.0).contains(&least), "{least}");
    assert_eq!(run.rows().expect("a line")[0]["writer"], 0);
    let mut streamed = Vec::new();
    let wanted = |latency| latency == Latency::CdcPropagation;
    run.each_interval(&wanted, &mut |interval| {
        let below_zero = interval.histogram.min().is_some_and(|least| least < Nanos::ZERO);
        streamed.push((interval.start, interval.histogram.count(), below_zero));
        streamed.len() < 3
    })
    .expect("a log");
    let at = UnixNanos::from_millis;
    assert_eq!(
        streamed,
        [(at(5_000), 2, false), (at(5_000), 1, true), (at(6_000), 2, false)],
        "until it is enough"
    );
    run.each_interval(&|latency| latency == Latency::CdcE2eLatency, &mut |_| panic!("not wanted"))
        .expect("a log");
}
