//! The figures as tables, each with its place in `report.json`.

use streamgauge_shared::report::{Report, StageClock, per_second};
use streamgauge_shared::timeline::Latency;

use crate::html::figure::{self, STATS_HEAD};

/// The tables. Cells and values are markup.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) head: [&'static str; 8],
    pub(super) latencies: Vec<Row>,
    pub(super) stages: Vec<Row>,
    pub(super) latency_notes: Vec<String>,
    pub(super) sums: Vec<Sum>,
    pub(super) lines: Vec<(String, String)>,
    pub(super) account_notes: Vec<String>,
    pub(super) findings: Vec<String>,
    pub(super) reasons: Vec<Reason>,
}

/// One line of a table of latencies.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) formula: &'static str,
    pub(super) is_part: bool,
    pub(super) is_headline: bool,
    pub(super) cells: Vec<String>,
    pub(super) beside: Option<String>,
}

/// A total and the terms that add up to it.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) name: &'static str,
    pub(super) total: String,
    pub(super) terms: Vec<(&'static str, String)>,
}

/// Why the measurement is in doubt.
#[derive(Debug)]
pub(super) struct Reason {
    pub(super) head: String,
    pub(super) lines: Vec<String>,
    pub(super) tone: &'static str,
}

impl Tables {
    pub(super) fn of(report: &Report) -> Self {
        let mut account_notes = report.events.notes();
        account_notes.extend(report.account.notes());
        account_notes.extend(report.rejections.notes());
        if let Some(content) = &report.content {
            account_notes.push(format!("content: {}", content.line()));
            account_notes.extend(content.notes());
        }
        let written = report.load.written.iter().filter_map(streamgauge_shared::report::WrittenLoad::line);
        account_notes.extend(written);
        Self {
            head: STATS_HEAD,
            latencies: latencies(report),
            stages: stages(report),
            latency_notes: latency_notes(report),
            sums: sums(report),
            lines: lines(report),
            account_notes,
            findings: report.findings.as_ref().map(|findings| findings.lines()).unwrap_or_default(),
            reasons: reasons(report),
        }
    }
}

fn latencies(report: &Report) -> Vec<Row> {
    let mut rows = Vec::new();
    for latency in Latency::ALL {
        let Some(figures) = report.latency.get(latency.name()) else { continue };
        if figures.all.count + figures.all.censored + figures.all.unmeasured == 0 {
            continue;
        }
        let pointer = format!("/latency/{}", latency.name());
        rows.push(Row {
            name: latency.name().to_owned(),
            formula: latency.formula(),
            is_part: false,
            is_headline: latency == Latency::CdcE2eLatency,
            cells: figure::stats(&format!("{pointer}/all"), &figures.all),
            beside: report.clock.beside(latency),
        });
        if figures.by.len() > 1 {
            rows.extend(figures.by.iter().enumerate().map(|(place, by)| Row {
                name: format!("{}, {}", by.entity, by.operation),
                formula: "",
                is_part: true,
                is_headline: false,
                cells: figure::stats(&format!("{pointer}/by/{place}"), &by.stats),
                beside: None,
            }));
        }
    }
    let floor = report.floor.as_ref().map(|floor| Row {
        name: "measurement_floor".to_owned(),
        formula: "what MongoDB and the observer take by themselves",
        is_part: false,
        is_headline: false,
        cells: figure::stats("/floor", floor),
        beside: None,
    });
    rows.extend(floor);
    rows
}

fn stages(report: &Report) -> Vec<Row> {
    let row = |(place, stage): (usize, &streamgauge_shared::report::StageReport)| Row {
        name: format!("{} → {}", stage.from, stage.to),
        formula: match stage.clock {
            StageClock::Compared => "",
            StageClock::NotCompared => "read on clocks that nobody compared",
        },
        is_part: false,
        is_headline: false,
        cells: figure::stats(&format!("/stages/{place}"), &stage.stats),
        beside: Some(stage.beside()),
    };
    report.stages.iter().enumerate().map(row).collect()
}

fn latency_notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(figures) = report.latency.get(Latency::CdcE2eLatency.name()) {
        notes.extend(figures.notes().iter().map(|note| format!("Rows of cdc_e2e_latency: {note}.")));
    }
    if let Some(note) = report.marks.as_ref().and_then(|marks| marks.note()) {
        notes.push(format!("Stages: {note}."));
    }
    notes
}

fn sums(report: &Report) -> Vec<Sum> {
    let sum = |name, of: &str, total_at: &str, total, terms: &[(&'static str, u64)]| {
        let shown = terms.iter().filter(|(_, count)| *count > 0);
        Sum {
            name,
            total: figure::count(&format!("/{of}/{total_at}"), total),
            terms: shown
                .map(|(term, count)| (*term, figure::count(&format!("/{of}/{term}"), *count)))
                .collect(),
        }
    };
    let (account, events) = (&report.account, &report.events);
    vec![
        sum("entries", "account", "entries", account.entries, &account.outcomes()),
        sum("events", "events", "total", events.total, &events.kinds()),
    ]
}

fn lines(report: &Report) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (name, rate) in &report.rates {
        let at = |field: &str| format!("/rates/{name}/{field}");
        let share = figure::share(&at("rate"), rate.rate);
        let (passed, total) =
            (figure::count(&at("passed"), rate.passed), figure::count(&at("total"), rate.total));
        lines.push((name.clone(), format!("{share} <span class=\"muted\">{passed} out of {total}</span>")));
    }
    for (name, count) in &report.counters {
        let counted = figure::count(&format!("/counters/{name}"), *count);
        let per_second = per_second(report, name);
        lines.push((name.clone(), format!("{counted} <span class=\"muted\">{}</span>", per_second.trim())));
    }
    lines.push((
        "vus_active_max".to_owned(),
        figure::count("/load/peak_users", report.load.peak_users.into()),
    ));
    lines
}

fn reasons(report: &Report) -> Vec<Reason> {
    use streamgauge_shared::report::ValidityState;
    let reason = |reason: &streamgauge_shared::report::Reason| {
        let mut lines = reason.lines("").into_iter();
        Reason {
            head: format!("{} ({}): {}", reason.code, reason.grade.name(), lines.next().unwrap_or_default()),
            lines: lines.map(|line| line.trim().to_owned()).collect(),
            tone: if reason.grade == ValidityState::Invalid { "bad" } else { "warn" },
        }
    };
    report.validity.reasons.iter().map(reason).collect()
}

/// `1 target`, `5 targets`.
pub(super) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
