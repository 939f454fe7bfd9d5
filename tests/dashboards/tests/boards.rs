//! What every board keeps to, read from the files: no server runs.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Result;
use streamgauge_dashboards::{boards, compose};

const CATALOGUE: &str = include_str!("../../../docs/metrics.md");

/// The names in an expression that begin with `streamgauge`.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    let part_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    expression.split(move |letter| !part_of_name(letter)).filter(|word| word.starts_with("streamgauge"))
}

/// A metric's series: a histogram has three.
fn is_series_of(name: &str, metric: &str) -> bool {
    name == metric || ["_bucket", "_count", "_sum"].iter().any(|end| name.strip_suffix(end) == Some(metric))
}

#[test]
fn each_panel_asks_a_question_says_its_unit_and_explains_itself() -> Result<()> {
    let boards = boards()?;
    let uids: BTreeSet<&str> = boards.iter().filter_map(|board| board.json["uid"].as_str()).collect();
    assert_eq!(uids, BTreeSet::from(["streamgauge-run", "streamgauge-sla", "streamgauge-soak"]));
    for board in &boards {
        let titles: BTreeSet<&String> = board.panels.iter().map(|panel| &panel.title).collect();
        assert_eq!(titles.len(), board.panels.len(), "{}: two panels of one title", board.file);
        for panel in &board.panels {
            let place = format!("{}: {}", board.file, panel.title);
            assert!(panel.title.ends_with('?'), "{place}");
            assert!(panel.json["description"].as_str().is_some_and(|text| text.ends_with('.')), "{place}");
            assert!(panel.json["fieldConfig"]["defaults"]["unit"].is_string(), "{place}");
            assert!(!panel.queries.is_empty(), "{place}");
            let ids: BTreeSet<&String> = panel.queries.iter().map(|query| &query.id).collect();
            assert_eq!(ids.len(), panel.queries.len(), "{place}: two queries of one name");
        }
    }
    Ok(())
}

#[test]
fn no_panel_covers_another() -> Result<()> {
    for board in boards()? {
        let mut taken = BTreeSet::new();
        for panel in board.json["panels"].as_array().into_iter().flatten() {
            let at = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
            assert!(at("x") + at("w") <= 24, "{}: {}", board.file, panel["title"]);
            for y in at("y")..at("y") + at("h") {
                for x in at("x")..at("x") + at("w") {
                    assert!(taken.insert((x, y)), "{}: {} covers another", board.file, panel["title"]);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn no_quantile_is_averaged_or_added() -> Result<()> {
    for board in boards()? {
        for panel in &board.panels {
            for query in &panel.queries {
                let Some((before, _)) = query.expression.split_once("histogram_quantile") else { continue };
                let aggregates = ["avg", "sum", "min", "max", "quantile"];
                let found = aggregates.iter().find(|name| before.contains(*name));
                assert_eq!(found, None, "{}: {}: {}", board.file, panel.title, query.expression);
            }
        }
    }
    Ok(())
}

#[test]
fn every_name_is_in_the_catalogue_or_a_rule() -> Result<()> {
    let metrics: Vec<&str> = CATALOGUE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    let recording = fs::read_to_string(compose().join("prometheus/rules/recording.yml"))?;
    let recorded: Vec<&str> =
        recording.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    assert!(metrics.len() > 20 && recorded.len() > 10);
    let known = |name: &str| recorded.contains(&name) || metrics.iter().any(|one| is_series_of(name, one));
    let alerts = fs::read_to_string(compose().join("prometheus/rules/alerts.yml"))?;
    let of_rules = [recording.as_str(), alerts.as_str()].map(|file| {
        let lines = file.lines().filter(|line| !line.contains("name:") && !line.contains("job="));
        lines.collect::<Vec<_>>().join("\n")
    });
    for rules in &of_rules {
        for name in names(rules) {
            assert!(known(name), "the rules ask for {name}");
        }
    }
    for board in boards()? {
        let asked =
            board.panels.iter().flat_map(|panel| &panel.queries).map(|query| query.expression.clone());
        let annotated = board.annotations().into_iter().map(|(_, expression)| expression);
        let chosen = board.variables().into_iter().map(|(series, _)| series);
        for expression in asked.chain(annotated).chain(chosen) {
            for name in names(&expression.replace("job=\"streamgauge\"", "")) {
                assert!(known(name), "{} asks for {name}", board.file);
            }
        }
    }
    Ok(())
}

#[test]
fn thresholds_and_stages_are_drawn_on_the_run_and_the_soak() -> Result<()> {
    let latencies = [
        "cdc_e2e_latency",
        "cdc_e2e_latency_intended",
        "cdc_propagation",
        "pg_write_duration",
        "mongo_visibility",
    ];
    for board in boards()? {
        if board.json["uid"] == "streamgauge-sla" {
            continue;
        }
        assert!(board.annotations().iter().any(|(name, _)| name == "Stages"), "{}", board.file);
        let lines: Vec<&str> = board
            .panels
            .iter()
            .flat_map(|panel| &panel.queries)
            .filter(|query| query.expression.starts_with("streamgauge_threshold_bound"))
            .map(|query| query.expression.as_str())
            .collect();
        assert!(!lines.is_empty(), "{} draws no threshold", board.file);
        if board.json["uid"] == "streamgauge-run" {
            for latency in latencies {
                assert!(
                    lines.iter().any(|line| line.contains(&format!("\"{latency}("))),
                    "{latency}: {lines:?}"
                );
            }
        }
    }
    Ok(())
}
