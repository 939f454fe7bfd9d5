//! The summary on one screen: 50 lines for one scenario, as wide as the display, whatever the run was.
//!
//! Every figure is that of the full summary, in the same words. Lines have a rank; where the screen is too small the
//! least important ones go, and the last line says how many and where they are.

mod sections;

use super::Report;
use crate::display::{Display, Tone, shortened, wrapped};

/// Lines of the screen for one scenario.
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

/// One sentence or figure: lines that stay or go together.
#[derive(Clone, Debug)]
struct Block {
    rank: Rank,
    text: Text,
    /// A piece of it that is coloured: its first occurrence in the first line.
    tone: Option<(String, Tone)>,
}

/// What a block says.
#[derive(Clone, Debug)]
enum Text {
    /// Lines that fit by themselves.
    Lines(Vec<String>),
    /// A sentence that is broken where the display ends, after what it begins with.
    Sentence { first: String, said: String },
}

impl Block {
    fn line(rank: Rank, text: impl Into<String>) -> Self {
        Self::lines(rank, vec![text.into()])
    }

    fn lines(rank: Rank, lines: Vec<String>) -> Self {
        Self { rank, text: Text::Lines(lines), tone: None }
    }

    fn wrapped(rank: Rank, first: &str, said: &str) -> Self {
        Self { rank, text: Text::Sentence { first: first.to_owned(), said: said.to_owned() }, tone: None }
    }

    fn toned(self, piece: impl Into<String>, tone: Tone) -> Self {
        Self { tone: Some((piece.into(), tone)), ..self }
    }

    fn laid_out(self, columns: usize) -> Laid {
        let lines = match self.text {
            Text::Lines(lines) => lines,
            Text::Sentence { first, said } => wrapped(&first, &said, columns),
        };
        Laid { rank: self.rank, lines, tone: self.tone }
    }
}

/// A block as lines of the display.
struct Laid {
    rank: Rank,
    lines: Vec<String>,
    tone: Option<(String, Tone)>,
}

/// The summary on one screen, ending with the verdict and with where the rest is.
#[must_use]
pub fn render_screen(report: &Report, display: Display) -> String {
    let most = SCREEN_LINES + LINES_PER_SCENARIO * report.run.scenarios.len().saturating_sub(1);
    let laid_out = |section: Vec<Block>| -> Vec<Laid> {
        section.into_iter().map(|block| block.laid_out(display.columns)).collect()
    };
    let sections = sections::all(report, display.columns).into_iter().map(laid_out).collect();
    // The last lines say where the rest is; the caller adds one more, the folder of the run.
    let (sections, left_out) = fitted(sections, most - 1 - closing(usize::MAX, display.columns).len());
    let mut text = String::new();
    for block in sections.iter().flatten() {
        for (index, line) in block.lines.iter().enumerate() {
            match &block.tone {
                Some((piece, tone)) if index == 0 => {
                    text.push_str(&line.replacen(piece.as_str(), &display.paint(*tone, piece), 1));
                }
                _ => text.push_str(line),
            }
            text.push('\n');
        }
    }
    for line in closing(left_out, display.columns) {
        text.push_str(&format!("{line}\n"));
    }
    text
}

/// Where the rest is.
fn closing(left_out: usize, columns: usize) -> Vec<String> {
    let lines = match left_out {
        0 => String::new(),
        1 => "1 line is left out; ".to_owned(),
        count => format!("{count} lines are left out; "),
    };
    wrapped("  ", &format!("{lines}everything: --summary full, or summary.txt in the run folder"), columns)
}

/// The sections with a blank line after each, and how many lines had to go.
fn fitted(sections: Vec<Vec<Laid>>, most: usize) -> (Vec<Vec<Laid>>, usize) {
    let mut sections: Vec<Vec<Laid>> = sections.into_iter().filter(|section| !section.is_empty()).collect();
    let count = |sections: &[Vec<Laid>]| -> usize {
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
        section.push(Laid { rank: Rank::Detail, lines: vec![String::new()], tone: None });
    }
    (sections, left_out)
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
