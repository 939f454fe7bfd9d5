//! What an output can show: how many columns it has and whether it takes colours, and texts laid out for that. Pure:
//! whoever prints asks the terminal and the environment, and hands the answers in.
//!
//! Every text for people goes through here, so that one meaning has one colour and no line is wider than its output.

use std::ffi::OsString;

/// Columns of an output that is no terminal, or of a terminal that does not say.
pub const COLUMNS_DEFAULT: usize = 100;
/// Columns that a text is laid out for at least: a narrower terminal breaks its lines by itself.
pub const COLUMNS_MIN: usize = 60;
/// And at most: longer lines are hard to read.
pub const COLUMNS_MAX: usize = 200;

/// What colour a piece of text has, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// What holds.
    Good,
    /// What failed.
    Bad,
    /// What a reader should know of.
    Warn,
    /// A figure.
    Value,
    /// What stands beside a figure.
    Faint,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Warn => "\x1b[33m",
            Self::Value => "\x1b[36m",
            Self::Faint => "\x1b[2m",
        }
    }
}

/// How one output is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Display {
    /// Columns of a line at most; texts for people are broken there.
    pub columns: usize,
    /// Whether meanings have colours.
    pub color: bool,
}

/// What was found out about an output.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output {
    /// It is a terminal.
    pub is_terminal: bool,
    /// The terminal's columns, where it says so.
    pub columns: Option<u16>,
    /// The user gave `--no-color`.
    pub no_color: bool,
}

impl Display {
    /// Lines of any length, without colours: what goes into a file.
    pub const FILE: Self = Self { columns: usize::MAX, color: false };

    /// An output as the user and the environment want it; `variable` reads an environment variable.
    ///
    /// Colours by <https://no-color.org> and <https://bixense.com/clicolors>, the first that applies: `--no-color` and a
    /// `NO_COLOR` that is not empty forbid them, a `CLICOLOR_FORCE` other than 0 wants them, a terminal takes them unless
    /// `TERM` is `dumb`.
    #[must_use]
    pub fn of(output: Output, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let color = if output.no_color || set("NO_COLOR").is_some() {
            false
        } else if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
            true
        } else {
            output.is_terminal && set("TERM").is_none_or(|value| value != "dumb")
        };
        let told = output.columns.filter(|columns| output.is_terminal && *columns > 0).map(usize::from);
        Self { columns: told.unwrap_or(COLUMNS_DEFAULT).clamp(COLUMNS_MIN, COLUMNS_MAX), color }
    }

    /// A text in the colour of its meaning.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if self.color && !text.is_empty() { format!("{}{text}{}", tone.code(), OFF) } else { text.to_owned() }
    }

    /// A text of several lines, those that are too long broken at their spaces. What follows stands under the value where
    /// the line has a name before it (`name....: value`), otherwise two columns further in than the line. Colours, which
    /// take no columns, may be in it.
    #[must_use]
    pub fn fold(self, text: &str) -> String {
        let mut folded = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
            if columns_of(content) <= self.columns {
                folded.push_str(content);
            } else {
                folded.push_str(&self.broken(content));
            }
            folded.push_str(end);
        }
        folded
    }

    fn broken(self, line: &str) -> String {
        let spaces = line.chars().take_while(|letter| *letter == ' ').count();
        let named = line.find(": ").map(|at| columns_of(&line[..at]) + 2);
        let indent = named.filter(|columns| *columns <= self.columns / 2).unwrap_or(spaces + 2);
        let mut text = String::new();
        let mut has = 0;
        // A word with the spaces before it.
        let mut rest = line;
        while !rest.is_empty() {
            let gap = rest.len() - rest.trim_start_matches(' ').len();
            let end = rest[gap..].find(' ').map_or(rest.len(), |at| gap + at);
            let (word, after) = rest.split_at(end);
            let columns = columns_of(word);
            if has > indent && has + columns > self.columns {
                text.push('\n');
                text.push_str(&" ".repeat(indent));
                let word = word.trim_start_matches(' ');
                text.push_str(word);
                has = indent + columns_of(word);
            } else {
                text.push_str(word);
                has += columns;
            }
            rest = after;
        }
        text
    }
}

/// Ends a colour.
const OFF: &str = "\x1b[0m";

/// The columns that a text takes: its letters, without the codes of colours.
#[must_use]
pub fn columns_of(text: &str) -> usize {
    let (mut columns, mut is_code) = (0, false);
    for letter in text.chars() {
        match letter {
            '\x1b' => is_code = true,
            'm' if is_code => is_code = false,
            _ if is_code => {}
            _ => columns += 1,
        }
    }
    columns
}

/// A text cut at its spaces to lines of so many columns; the first begins with `first`, the others with as many spaces. A
/// word that is longer than a line is cut at its end.
#[must_use]
pub fn wrapped(first: &str, text: &str, columns: usize) -> Vec<String> {
    let indent = first.chars().count();
    let most = columns.saturating_sub(indent).max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let has = current.chars().count();
        if has > 0 && has + 1 + word.len() > most {
            lines.push(std::mem::take(&mut current));
        }
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

/// A text of at most so many columns; what is cut off is an `…`.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display(output: Output, variables: &[(&str, &str)]) -> Display {
        let value =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Display::of(output, value)
    }

    #[test]
    fn colours_are_for_terminals_unless_somebody_says_otherwise() {
        let terminal = Output { is_terminal: true, columns: Some(120), no_color: false };
        let file = Output::default();
        type Variables<'a> = &'a [(&'a str, &'a str)];
        let cases: [(Output, Variables<'_>, bool); 10] = [
            (terminal, &[], true),
            (file, &[], false),
            (terminal, &[("NO_COLOR", "1")], false),
            (terminal, &[("NO_COLOR", "0")], false),
            (terminal, &[("NO_COLOR", "")], true),
            (Output { no_color: true, ..terminal }, &[("CLICOLOR_FORCE", "1")], false),
            (file, &[("CLICOLOR_FORCE", "1")], true),
            (file, &[("CLICOLOR_FORCE", "0")], false),
            (file, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
            (terminal, &[("TERM", "dumb")], false),
        ];
        for (output, variables, color) in cases {
            assert_eq!(display(output, variables).color, color, "{output:?} {variables:?}");
        }
    }

    #[test]
    fn a_terminal_says_how_wide_it_is_within_reason() {
        let wide =
            |is_terminal, columns| display(Output { is_terminal, columns, no_color: false }, &[]).columns;
        assert_eq!(wide(true, Some(120)), 120);
        assert_eq!([wide(true, Some(20)), wide(true, Some(500))], [COLUMNS_MIN, COLUMNS_MAX]);
        assert_eq!([wide(true, None), wide(true, Some(0)), wide(false, Some(120))], [COLUMNS_DEFAULT; 3]);
    }

    #[test]
    fn texts_are_cut_at_spaces_and_long_words_at_the_edge() {
        let lines = wrapped("  a: ", &format!("{} {}", "x".repeat(60), "y".repeat(150)), 100);
        let widths: Vec<usize> = lines.iter().map(|line| line.chars().count()).collect();
        assert_eq!(widths, [65, 100, 60]);
        assert!(lines[1].starts_with("     y") && lines[0].starts_with("  a: x"), "{lines:#?}");
        assert_eq!(wrapped("  ", "", 100), ["  "]);
        assert_eq!(shortened("abcdef", 4), "abc…");
    }

    #[test]
    fn long_lines_are_folded_under_their_values_and_colours_take_no_columns() {
        let (plain, colours) = (Display { columns: 60, color: false }, Display { columns: 60, color: true });
        let value = "avg=2.85ms   min=1.07ms   med=2.69ms   max=55.91ms";
        let line = format!("    cdc_e2e_latency: {value}\n  short\n");
        let folded = plain.fold(&line);
        assert_eq!(
            folded,
            "    cdc_e2e_latency: avg=2.85ms   min=1.07ms   med=2.69ms\n                     max=55.91ms\n  short\n"
        );
        let painted: String = value
            .split_inclusive(' ')
            .map(|piece| {
                if piece.trim().is_empty() {
                    piece.to_owned()
                } else {
                    colours.paint(Tone::Value, piece.trim_end()) + " "
                }
            })
            .collect();
        let folded = colours.fold(&format!("    cdc_e2e_latency: {painted}"));
        assert!(folded.lines().count() == 2 && folded.lines().all(|line| columns_of(line) <= 60), "{folded}");
        assert_eq!(Display::FILE.fold(&line), line);
        let sentence = plain.fold(&format!("    {}", "word ".repeat(20).trim_end()));
        assert!(sentence.lines().nth(1).is_some_and(|line| line.starts_with("      word")), "{sentence}");
    }
}
