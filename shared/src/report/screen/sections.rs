//! What stands on the screen, section by section, each line with its rank.

use super::{Block, Rank, Tone, shortened};
use crate::display::{COLUMNS_DEFAULT, columns_of};
use crate::report::text::{as_share, figure_words, millis, per_second, verdict_words};
use crate::report::{Report, Stats, ValidityState, VerdictState};
use crate::timeline::Latency;

/// Columns of the names that stand before figures.
const NAME_COLUMNS: usize = 28;
/// The same on a display that is narrower than usual: the longest name of a latency still fits.
const NAME_COLUMNS_NARROW: usize = 25;
/// Columns of a figure with the space before it, at least, for a table to have three of them beside what stands behind.
const FIGURE_COLUMNS: usize = 9;

/// Letters of the verdict's sentence at most.
const VERDICT_LETTERS: usize = 600;

/// Every section in the order of the screen.
pub(super) fn all(report: &Report, columns: usize) -> Vec<Vec<Block>> {
    vec![
        thresholds(report),
        latencies(report, columns),
        account(report),
        load(report),
        findings(report),
        doubts(report),
        verdict(report),
    ]
}

/// Failed ones before those that hold.
fn thresholds(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    for passed in [false, true] {
        for result in report.thresholds.iter().filter(|result| result.passed == passed) {
            let (mark, tone) = if passed { ("✓", Tone::Good) } else { ("✗", Tone::Bad) };
            let rank = if passed { Rank::Beside } else { Rank::Fault };
            let said =
                format!("{} '{}' {}", result.metric, result.expression, result.told(report.run.duration_s));
            blocks.push(Block::wrapped(rank, &format!("    {mark} "), &said).toned(mark, tone));
        }
    }
    headed("  █ THRESHOLDS", blocks)
}

/// One row of the table of latencies.
struct Row<'r> {
    rank: Rank,
    name: String,
    stats: &'r Stats,
    beside: Option<String>,
}

fn latencies(report: &Report, columns: usize) -> Vec<Block> {
    let mut rows = Vec::new();
    rows.extend(report.headline.iter().map(|headline| Row {
        rank: Rank::Always,
        name: headline.short_name(),
        stats: &headline.stats,
        beside: headline.beside(&report.clock),
    }));
    // The parts of the headline's latency stand for themselves where one of them leads.
    let parts = if report.headline.is_some() { Rank::Beside } else { Rank::Detail };
    for latency in Latency::ALL {
        let Some(figures) = report.latency.get(latency.name()) else { continue };
        let rank = match latency {
            Latency::CdcE2eLatency => Rank::Always,
            Latency::CdcE2eLatencyIntended | Latency::CdcPropagation | Latency::PgWriteDuration => {
                Rank::Figure
            }
            _ => Rank::Beside,
        };
        let beside = report.clock.beside(latency);
        rows.push(Row { rank, name: latency.name().to_owned(), stats: &figures.all, beside });
        if latency == Latency::CdcE2eLatency && figures.by.len() > 1 {
            rows.extend(figures.by.iter().map(|by| Row {
                rank: parts,
                name: format!("  {}, {}", by.entity, by.operation),
                stats: &by.stats,
                beside: None,
            }));
        }
    }
    let stages = report.stages.iter().map(|stage| Row {
        rank: Rank::Detail,
        name: format!("  {} → {}", stage.from, stage.to),
        stats: &stage.stats,
        beside: None,
    });
    rows.extend(stages);
    let floor = report.floor.iter().map(|stats| Row {
        rank: Rank::Beside,
        name: "measurement_floor".to_owned(),
        stats,
        beside: None,
    });
    rows.extend(floor);
    let mut blocks = table(&rows, columns);
    blocks.extend(notes(report));
    blocks
}

/// The rows under one heading, with as many figures as the display takes. What stands behind them has a line of its own
/// where they would be fewer than three.
fn table(rows: &[Row<'_>], columns: usize) -> Vec<Block> {
    // In the order of the screen, each with its place among those to keep.
    const FIGURES: [(&str, u8); 7] =
        [("avg", 5), ("min", 6), ("med", 0), ("max", 3), ("p(90)", 4), ("p(95)", 1), ("p(99)", 2)];
    let names = if columns < COLUMNS_DEFAULT { NAME_COLUMNS_NARROW } else { NAME_COLUMNS };
    let cells: Vec<[String; 7]> = rows.iter().map(|row| cells(row.stats)).collect();
    let widths: Vec<usize> = (0..FIGURES.len())
        .map(|figure| {
            let widest = cells.iter().map(|cells| columns_of(&cells[figure])).max().unwrap_or(0);
            widest.max(FIGURES[figure].0.len()) + 2
        })
        .collect();
    let beside =
        rows.iter().filter_map(|row| row.beside.as_deref()).map(|beside| columns_of(beside) + 2).max();
    let is_beside = 4 + names + 3 * FIGURE_COLUMNS + beside.unwrap_or(0) <= columns;
    let beside = beside.filter(|_| is_beside).unwrap_or(0);
    let mut kept: Vec<usize> = (0..FIGURES.len()).collect();
    let width = |kept: &[usize]| kept.iter().map(|figure| widths[*figure]).sum::<usize>();
    while 4 + names + width(&kept) + beside > columns && kept.len() > 1 {
        let least = (0..kept.len()).max_by_key(|index| FIGURES[kept[*index]].1).unwrap_or(0);
        kept.remove(least);
    }
    let mut heading = format!("{:<width$}", "  █ LATENCY", width = 4 + names);
    for figure in &kept {
        heading.push_str(&format!("{:>width$}", FIGURES[*figure].0, width = widths[*figure]));
    }
    let mut blocks = vec![Block::line(Rank::Always, heading)];
    for (row, cells) in rows.iter().zip(&cells) {
        let mut lines = vec![format!("    {:<names$}", shortened(&row.name, names))];
        if row.stats.count == 0 && row.stats.censored == 0 {
            lines[0].push_str("  no data");
        } else {
            for figure in &kept {
                lines[0].push_str(&format!("{:>width$}", cells[*figure], width = widths[*figure]));
            }
            match &row.beside {
                Some(beside) if is_beside => lines[0].push_str(&format!("  {beside}")),
                Some(beside) => lines.push(format!("      {beside}")),
                None => {}
            }
        }
        blocks.push(Block::lines(row.rank, lines));
    }
    blocks
}

fn cells(stats: &Stats) -> [String; 7] {
    let plain = |value: Option<f64>| value.map_or("-".to_owned(), millis);
    [
        plain(stats.mean),
        plain(stats.min),
        figure_words(stats.p50),
        figure_words(stats.max),
        figure_words(stats.p90),
        figure_words(stats.p95),
        figure_words(stats.p99),
    ]
}

/// What stands under the table: rows without a time, why there is no floor, and the clocks.
fn notes(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    if let Some(figures) = report.latency.get(Latency::CdcE2eLatency.name()) {
        for note in figures.notes() {
            blocks.push(noted(Rank::Figure, &note));
        }
    }
    if let Some(reason) = &report.no_floor {
        let when = if report.floor.is_some() { "ended early" } else { "not measured" };
        let said = format!("measurement floor {when}: {reason}");
        blocks.push(Block::wrapped(Rank::Detail, "    ", &said));
    }
    for (index, said) in report.clock.lines().iter().enumerate() {
        // A test clock is a fault of its own: no figure is a real one.
        let rank = match index {
            _ if said.starts_with("TEST CLOCK") => Rank::Fault,
            0 => Rank::Beside,
            _ => Rank::Detail,
        };
        blocks.push(Block::wrapped(rank, "    clock: ", said));
    }
    blocks
}

fn account(report: &Report) -> Vec<Block> {
    let (account, events) = (&report.account, &report.events);
    let mut blocks = Vec::new();
    let sum = |rank, name: &str, total: u64, terms: &[(&str, u64)]| {
        let terms = terms.iter().filter(|(_, count)| *count > 0);
        let terms: Vec<String> = terms.map(|(name, count)| format!("{count} {name}")).collect();
        let terms = if terms.is_empty() { String::new() } else { format!(" = {}", terms.join(" + ")) };
        Block::wrapped(rank, &named(name), &format!("{total}{terms}"))
    };
    blocks.push(sum(Rank::Always, "entries", account.entries, &account.outcomes()));
    if events.total != events.first {
        blocks.push(sum(Rank::Figure, "events", events.total, &events.kinds()));
    }
    let rejected = report.rejections.notes();
    for note in events.notes().into_iter().chain(account.notes()).chain(rejected) {
        blocks.push(noted(Rank::Figure, &note));
    }
    if let Some(content) = &report.content {
        blocks.push(Block::wrapped(Rank::Figure, &named("content"), &content.line()));
        blocks.extend(content.notes().iter().map(|note| noted(Rank::Figure, note)));
    }
    for (name, rate) in &report.rates {
        let said = format!("{} {} out of {}", as_share(rate.rate), rate.passed, rate.total);
        blocks.push(Block::wrapped(Rank::Figure, &named(name), &said));
    }
    headed("  █ ACCOUNT OF ROWS", blocks)
}

fn load(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (name, count) in &report.counters {
        if *count == 0 && name != "iterations" {
            continue;
        }
        let rank = if name == "iterations" { Rank::Figure } else { Rank::Beside };
        let said = format!("{count}{}", per_second(report, name));
        blocks.push(Block::wrapped(rank, &named(name), &said));
    }
    for said in report.load.written.iter().filter_map(crate::report::WrittenLoad::line) {
        blocks.push(noted(Rank::Fault, &said));
    }
    let users = format!("{}{}", named("vus_active_max"), report.load.peak_users);
    blocks.push(Block::line(Rank::Beside, users));
    headed("  █ EXECUTION", blocks)
}

fn findings(report: &Report) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut kinds: Vec<String> = vec!["checkpoint".to_owned()];
    for found in report.findings.as_ref().map(crate::report::Findings::lines).unwrap_or_default() {
        // What begins with a space stands in a table under the line before it; of a list the first line is enough.
        let kind = found.split([':', ' ']).next().unwrap_or_default().to_owned();
        let rank = if kinds.contains(&kind) || kind.is_empty() { Rank::Detail } else { Rank::Figure };
        let indent = if kind.is_empty() { "      " } else { "    " };
        kinds.push(kind);
        blocks.push(Block::wrapped(rank, indent, &found));
    }
    headed("  █ FINDINGS", blocks)
}

fn doubts(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    let tone = match report.validity.state {
        ValidityState::Valid => return blocks,
        ValidityState::Degraded => Tone::Warn,
        ValidityState::Invalid => Tone::Bad,
    };
    for reason in &report.validity.reasons {
        let head = format!("{} ({})", reason.code, reason.grade.name());
        let all = reason.lines(&format!("{head}: "));
        for (index, said) in all.iter().enumerate() {
            // What was seen, why, and what to do; the last of these matters more than the one before it.
            let (rank, indent) = match index {
                0 => (Rank::Fault, "    "),
                _ if index + 1 == all.len() => (Rank::Beside, "      "),
                _ => (Rank::Detail, "      "),
            };
            let block = Block::wrapped(rank, indent, said);
            blocks.push(if index == 0 { block.toned(head.as_str(), tone) } else { block });
        }
    }
    headed("  █ WHY THE MEASUREMENT IS IN DOUBT", blocks)
}

fn verdict(report: &Report) -> Vec<Block> {
    let tone = match report.verdict.state {
        VerdictState::Passed => Tone::Good,
        VerdictState::Interrupted => Tone::Warn,
        _ => Tone::Bad,
    };
    let (word, rest) = verdict_words(report);
    // What ended a run may be told by a server, at any length.
    let said = shortened(&format!("{word}{rest}"), VERDICT_LETTERS);
    vec![Block::wrapped(Rank::Always, "  ", &said).toned(word, tone)]
}

/// A section under its heading; nothing where it is empty.
fn headed(heading: &str, mut blocks: Vec<Block>) -> Vec<Block> {
    // The heading goes with the last of its lines.
    if let Some(rank) = blocks.iter().map(|block| block.rank).min() {
        blocks.insert(0, Block::line(rank, heading));
    }
    blocks
}

fn named(name: &str) -> String {
    let name = shortened(name, NAME_COLUMNS - 2);
    let dots = ".".repeat(NAME_COLUMNS - 2 - name.chars().count());
    format!("    {name}{dots}: ")
}

fn noted(rank: Rank, note: &str) -> Block {
    Block::wrapped(rank, "      ↳ ", note).toned("↳", Tone::Warn)
}
