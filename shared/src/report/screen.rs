//! The summary on one screen: 100 columns by 50 lines for one scenario, whatever the run was.
//!
//! Every figure is that of the full summary, in the same words. Lines have a rank; where the screen is too small the
//! least important ones go, and the last line says how many and where they are.

mod sections;

use super::Report;
use super::text::{ANSI, PLAIN};

/// Columns of the screen.
pub const SCREEN_COLUMNS: usize = 100;
/// Its lines for one scenario.
pub const SCREEN_LINES: usize = 50;
/// What each further scenario may add.
const LINES_PER_SCENARIO: usize = 10;

/// How important a line is, most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It is printed whatever else there is.
    Always,
    /// What went wrong.
    Fault,
    /// What a reader looks for first.
    Figure,
    /// What explains it.
    Beside,
    /// What the full summary is for.
    Detail,
}

/// What colour a piece of a line has on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Good,
    Bad,
    Warn,
}

/// One sentence or figure: lines that stay or go together.
#[derive(Clone, Debug)]
struct Block {
    rank: Rank,
    lines: Vec<String>,
    /// A piece of it that is coloured: its first occurrence in the first line.
    tone: Option<(String, Tone)>,
}

impl Block {
    fn line(rank: Rank, text: impl Into<String>) -> Self {
        Self { rank, lines: vec![text.into()], tone: None }
    }

    /// A text cut to the columns of the screen, after what it begins with.
    fn wrapped(rank: Rank, first: &str, text: &str) -> Self {
        Self { rank, lines: wrapped(first, text), tone: None }
    }

    fn toned(self, piece: impl Into<String>, tone: Tone) -> Self {
        Self { tone: Some((piece.into(), tone)), ..self }
    }
}

/// The summary on one screen, ending with the verdict and with where the rest is.
#[must_use]
pub fn render_screen(report: &Report, color: bool) -> String {
    let most = SCREEN_LINES + LINES_PER_SCENARIO * report.run.scenarios.len().saturating_sub(1);
    // The last line says where the rest is; the caller adds one more, the folder of the run.
    let (sections, left_out) = fitted(sections::all(report), most - 2);
    let palette = if color { &ANSI } else { &PLAIN };
    let mut text = String::new();
    for block in sections.iter().flatten() {
        for (index, line) in block.lines.iter().enumerate() {
            match &block.tone {
                Some((piece, tone)) if index == 0 => {
                    let colour = match tone {
                        Tone::Good => palette.good,
                        Tone::Bad => palette.bad,
                        Tone::Warn => palette.warn,
                    };
                    let painted = format!("{colour}{piece}{}", palette.off);
                    text.push_str(&line.replacen(piece.as_str(), &painted, 1));
                }
                _ => text.push_str(line),
            }
            text.push('\n');
        }
    }
    let lines = match left_out {
        0 => String::new(),
        1 => "1 line is left out; ".to_owned(),
        count => format!("{count} lines are left out; "),
    };
    text.push_str(&format!("  {lines}everything: --summary full, or summary.txt in the run folder\n"));
    text
}

/// The sections with a blank line after each, and how many lines had to go.
fn fitted(sections: Vec<Vec<Block>>, most: usize) -> (Vec<Vec<Block>>, usize) {
    let mut sections: Vec<Vec<Block>> = sections.into_iter().filter(|section| !section.is_empty()).collect();
    let count = |sections: &[Vec<Block>]| -> usize {
        sections.iter().flatten().map(|block| block.lines.len()).sum::<usize>() + sections.len()
    };
    let mut left_out = 0;
    while count(&sections) > most {
        let ranked = sections.iter().enumerate().flat_map(|(section, blocks)| {
            blocks.iter().enumerate().map(move |(index, block)| (block.rank, section, index))
        });
        let least = ranked.max().filter(|(rank, ..)| *rank != Rank::Always);
        let Some((_, section, index)) = least else { break };
        left_out += sections[section].remove(index).lines.len();
        // A heading alone says nothing.
        sections.retain(|blocks| blocks.len() > 1 || blocks.iter().any(|block| block.rank == Rank::Always));
    }
    for section in &mut sections {
        section.push(Block::line(Rank::Detail, ""));
    }
    (sections, left_out)
}

/// A text cut at its spaces to lines of the screen; the first begins with `first`, the others with as many spaces.
fn wrapped(first: &str, text: &str) -> Vec<String> {
    let indent = first.chars().count();
    let most = SCREEN_COLUMNS.saturating_sub(indent).max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let has = current.chars().count();
        if has > 0 && has + 1 + word.len() > most {
            lines.push(std::mem::take(&mut current));
        }
        // A word that is longer than the screen.
        while word.len() > most {
            lines.push(word.drain(..most).collect());
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.extend(word);
    }
    lines.push(current);
    let begin = |index: usize| if index == 0 { first.to_owned() } else { " ".repeat(indent) };
    lines.into_iter().enumerate().map(|(index, line)| format!("{}{line}", begin(index))).collect()
}

/// A text of at most so many columns.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
