//! What every board keeps to, read from the files: no server runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Result;

use serde_json::Value;
use streamgauge_boards::read::{Board, Panel, boards};
use streamgauge_boards::{folder, written};
use streamgauge_shared::account::Outcome;

const CATALOGUE: &str = include_str!("../../../../docs/metrics.md");
const RULES: &str = "../../prometheus/rules";
/// Of which time an answer can be, and the window of the queries: none where they read gauges or recorded shares.
const SCOPES: [(&str, &str); 10] = [
    ("now", ""),
    ("whole run", ""),
    ("at each moment", ""),
    ("last 5 min to 3 days", ""),
    ("last 20 s or more", "$__rate_interval"),
    ("last minute", "1m"),
    ("last 5 min", "5m"),
    ("last 30 min", "30m"),
    ("last hour", "1h"),
    ("last 3 days", "3d"),
];

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
fn the_committed_boards_are_what_their_source_writes() -> Result<()> {
    let written: BTreeMap<&str, String> = written().into_iter().collect();
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let source = written.get(file.as_str()).unwrap_or_else(|| panic!("{file} has no source"));
        assert!(
            fs::read_to_string(&path)? == *source,
            "{file} is not what its source writes: run make boards"
        );
        files.insert(file);
    }
    assert!(files.iter().map(String::as_str).eq(written.keys().copied()), "{files:?}");
    Ok(())
}

/// Question and time of `question? (time)`.
fn question(panel: &Panel) -> Option<(&str, &str)> {
    let (question, time) = panel.title.split_once("? (")?;
    Some((question, time.strip_suffix(')')?))
}

/// The outermost window of an expression: the last in brackets, without the step of a subquery.
fn window(expression: &str) -> &str {
    let last = expression.rsplit_once('[').and_then(|(_, rest)| rest.split_once(']'));
    // A pattern's letters are no window.
    let window = last.map_or("", |(window, _)| window.split(':').next().unwrap_or_default());
    if window.starts_with(|first: char| first.is_ascii_digit() || first == '$') { window } else { "" }
}

#[test]
fn each_panel_asks_a_question_says_its_time_and_unit_and_explains_itself() -> Result<()> {
    let boards = boards()?;
    let uids: BTreeSet<&str> = boards.iter().filter_map(|board| board.json["uid"].as_str()).collect();
    assert_eq!(uids, BTreeSet::from(["streamgauge-run", "streamgauge-sla", "streamgauge-soak"]));
    for board in &boards {
        let titles: BTreeSet<_> = board.panels.iter().map(question).collect();
        assert_eq!(titles.len(), board.panels.len(), "{}: two panels of one title", board.file);
        for panel in &board.panels {
            let place = format!("{}: {}", board.file, panel.title);
            let (_, time) = question(panel).unwrap_or_else(|| panic!("{place}: no question and time"));
            let (_, over) =
                SCOPES.into_iter().find(|(words, _)| *words == time).unwrap_or_else(|| panic!("{place}"));
            let description = panel.json["description"].as_str().unwrap_or_default();
            assert!(description.ends_with('.'), "{place}");
            let (shown, not_counted) = description.split_once("\n\nNot counted: ").expect("both are said");
            assert!(shown.ends_with('.') && not_counted.len() > 10, "{place}: {description}");
            let defaults = &panel.json["fieldConfig"]["defaults"];
            assert!(defaults["unit"].is_string(), "{place}");
            assert!(defaults["noValue"].as_str().is_some_and(|words| words.len() > 3), "{place}");
            assert!(!panel.queries.is_empty(), "{place}");
            let ids: BTreeSet<&String> = panel.queries.iter().map(|query| &query.id).collect();
            assert_eq!(ids.len(), panel.queries.len(), "{place}: two queries of one name");
            for query in panel.queries.iter().filter(|query| !query.id.starts_with("bound")) {
                let recorded = query.expression.contains("streamgauge:slo_");
                let expected = if recorded { "" } else { over };
                assert_eq!(window(&query.expression), expected, "{place}: {}", query.expression);
            }
        }
    }
    Ok(())
}

#[test]
fn panels_fill_the_grid_and_none_covers_another() -> Result<()> {
    for board in boards()? {
        let (mut taken, mut lines) = (BTreeSet::new(), 0);
        let (mut ids, mut last) = (BTreeSet::new(), (0, 0));
        for panel in board.json["panels"].as_array().into_iter().flatten() {
            let at = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
            assert!(at("x") + at("w") <= 24, "{}: {}", board.file, panel["title"]);
            for y in at("y")..at("y") + at("h") {
                for x in at("x")..at("x") + at("w") {
                    assert!(taken.insert((x, y)), "{}: {} covers another", board.file, panel["title"]);
                }
            }
            assert!((at("y"), at("x")) >= last, "{}: {} is out of order", board.file, panel["title"]);
            last = (at("y"), at("x"));
            lines = lines.max(at("y") + at("h"));
            assert!(ids.insert(panel["id"].as_u64()), "{}: an id twice", board.file);
        }
        assert_eq!(taken.len() as u64, lines * 24, "{}: a hole", board.file);
    }
    Ok(())
}

/// A window of 1440 pixels has 58 for a column; a title is 14 pixels high, about half as much a letter, and has its mark of
/// an explanation beside it.
#[test]
fn no_title_is_cut() -> Result<()> {
    for board in boards()? {
        for panel in &board.panels {
            let width = panel.json["gridPos"]["w"].as_u64().expect("a width");
            let letters = panel.title.chars().count() as u64;
            assert!(letters <= 8 * width - 5, "{}: {} has {letters} letters", board.file, panel.title);
        }
    }
    Ok(())
}

#[test]
fn each_board_begins_with_whether_to_believe_it_and_ends_with_how_to_read_it() -> Result<()> {
    for board in boards()? {
        let panels = board.json["panels"].as_array().expect("panels");
        let rows: Vec<usize> = (0..panels.len()).filter(|index| panels[*index]["type"] == "row").collect();
        assert!(rows.len() > 3 && rows[0] == 0, "{}", board.file);
        let first = &panels[..rows[1]];
        let about_validity = |panel: &&Value| {
            panel["title"].as_str().is_some_and(|title| title.starts_with("Can the figures be believed?"))
        };
        assert_eq!(first.iter().filter(about_validity).count(), 1, "{}", board.file);
        let last = panels.last().expect("a panel");
        let prose = last["options"]["content"].as_str().expect("prose");
        for page in ["dashboards", "metrics", "measurement"] {
            assert!(prose.contains(&format!("`docs/{page}.md`")), "{}: {prose}", board.file);
            assert!(folder().join(format!("../../../docs/{page}.md")).is_file(), "{page}");
        }
    }
    Ok(())
}

#[test]
fn boards_lead_to_each_other_and_to_the_live_page() -> Result<()> {
    let boards = boards()?;
    let uids: Vec<String> =
        boards.iter().filter_map(|board| Some(board.json["uid"].as_str()?.to_owned())).collect();
    for board in &boards {
        let links = board.json["links"].as_array().expect("links");
        let tags: Vec<&Value> =
            links.iter().filter(|link| link["type"] == "dashboards").map(|link| &link["tags"]).collect();
        assert!(tags == [&board.json["tags"]], "{}: {links:?}", board.file);
        assert!(links.iter().any(|link| link["url"] == "${page}"), "{}: {links:?}", board.file);
        let variables = board.json["templating"]["list"].as_array().expect("variables");
        assert!(
            variables.iter().any(|one| one["name"] == "page" && one["type"] == "textbox"),
            "{}",
            board.file
        );
        for panel in &board.panels {
            let leads = panel.json["fieldConfig"]["defaults"]["links"].as_array().into_iter().flatten();
            for url in leads.filter_map(|link| link["url"].as_str()) {
                let board_of = url.strip_prefix("/d/").and_then(|rest| rest.split('?').next());
                let known = board_of.is_none_or(|uid| uids.iter().any(|one| one == uid));
                assert!(known && (board_of.is_some() || url == "${page}"), "{}: {url}", panel.title);
            }
        }
    }
    Ok(())
}

/// The colour that a panel gives a query.
fn colour(panel: &Panel, id: &str) -> Option<String> {
    let overrides = panel.json["fieldConfig"]["overrides"].as_array()?;
    let of_query = overrides
        .iter()
        .find(|one| one["matcher"]["id"] == "byFrameRefID" && one["matcher"]["options"] == id)?;
    let mut properties = of_query["properties"].as_array()?.iter();
    let colour = properties.find(|property| property["id"] == "color")?;
    Some(colour["value"]["fixedColor"].as_str()?.to_owned())
}

#[test]
fn a_percentile_a_bound_and_an_outcome_have_one_colour_on_all_boards() -> Result<()> {
    let boards = boards()?;
    let mut colours: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut charts = 0;
    for panel in boards.iter().flat_map(|board: &Board| &board.panels) {
        let mut of_panel = Vec::new();
        for target in panel.json["targets"].as_array().into_iter().flatten() {
            let (id, legend) = (target["refId"].as_str().unwrap_or_default(), &target["legendFormat"]);
            let last = legend.as_str().and_then(|text| text.rsplit(' ').next()).unwrap_or_default();
            if let Some(name) = ["p50", "p95", "p99", "max"].into_iter().find(|name| *name == last) {
                of_panel.push((name, colour(panel, id)));
            } else if id.starts_with("bound") {
                let colour = colour(panel, id).unwrap_or_else(|| panic!("{}: {id}", panel.title));
                colours.entry("bound").or_default().insert(colour);
            }
        }
        // A panel of one percentile tells other things apart: operations, or parts of the way.
        if of_panel.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len() < 2 {
            continue;
        }
        charts += 1;
        for (name, colour) in of_panel {
            colours
                .entry(name)
                .or_default()
                .insert(colour.unwrap_or_else(|| panic!("{}: {name}", panel.title)));
        }
    }
    assert!(charts >= 8, "{charts} charts of percentiles");
    assert_eq!(colours.len(), 5);
    let different: BTreeSet<&String> = colours.values().flatten().collect();
    assert!(colours.values().all(|one| one.len() == 1) && different.len() == 5, "{colours:?}");

    let mut by_name: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for panel in boards.iter().flat_map(|board| &board.panels) {
        for one in panel.json["fieldConfig"]["overrides"].as_array().into_iter().flatten() {
            if one["matcher"]["id"] == "byName" {
                let name = one["matcher"]["options"].as_str().unwrap_or_default().to_owned();
                by_name.entry(name).or_default().insert(one["properties"][0]["value"].to_string());
            }
        }
    }
    let outcomes: BTreeSet<String> = Outcome::ALL.iter().map(|outcome| outcome.name().to_owned()).collect();
    assert_eq!(by_name.keys().cloned().collect::<BTreeSet<_>>(), outcomes);
    assert!(by_name.values().all(|one| one.len() == 1), "{by_name:?}");
    Ok(())
}

#[test]
fn no_legend_has_a_mean() -> Result<()> {
    for panel in boards()?.iter().flat_map(|board| &board.panels) {
        let options = &panel.json["options"];
        let calcs = [&options["legend"]["calcs"], &options["reduceOptions"]["calcs"]];
        for calc in calcs.into_iter().filter_map(Value::as_array).flatten() {
            assert!(calc == "lastNotNull" || calc == "max", "{}: {calc}", panel.title);
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

/// All files of Prometheus' rules.
fn rules() -> Result<String> {
    let mut rules = String::new();
    for entry in fs::read_dir(folder().join(RULES))? {
        rules += &fs::read_to_string(entry?.path())?;
    }
    Ok(rules)
}

#[test]
fn a_dashed_line_of_an_alert_lies_where_the_alert_fires() -> Result<()> {
    let rules = rules()?;
    let mut found = 0;
    for board in boards()? {
        for panel in &board.panels {
            let steps = panel.json["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array();
            for step in steps.into_iter().flatten().filter_map(|step| step["value"].as_f64()) {
                // A burn rate times the budget, or the bound itself.
                let written = match question(panel) {
                    Some(("How fast is the error budget spent", _)) => {
                        [format!("> {step} * "), format!(">= {step} * ")]
                    }
                    Some(("How long has the oldest row been waiting" | "When did it stall", _)) => {
                        let age = "streamgauge_oldest_pending_age_seconds";
                        [format!("{age} > {step}\n"), format!("{age} >= {step}\n")]
                    }
                    _ => continue,
                };
                found += 1;
                assert!(
                    written.iter().any(|text| rules.contains(text)),
                    "{}: {}: no alert at {step}",
                    board.file,
                    panel.title
                );
            }
        }
    }
    assert_eq!(found, 5, "three burn rates and the oldest row on two boards");
    Ok(())
}

#[test]
fn every_name_is_in_the_catalogue_or_a_rule() -> Result<()> {
    let metrics: Vec<&str> = CATALOGUE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    let rules = rules()?;
    let recorded: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    assert!(metrics.len() > 20 && recorded.len() > 10);
    let known = |name: &str| recorded.contains(&name) || metrics.iter().any(|one| is_series_of(name, one));
    // Comments, the names of groups and of the scrape job are no series.
    let asking = rules.lines().filter(|line| {
        !line.trim_start().starts_with('#') && !line.contains("name:") && !line.contains("job=")
    });
    for name in asking.flat_map(names) {
        assert!(known(name), "the rules ask for {name}");
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
