//! What a program printed on a terminal, as a document that a browser draws letter by letter.
//!
//! Reads the colours and the few movements that the progress makes: to the beginning of the line, up some lines, and
//! clearing a line. What it leaves on the screen at the end is drawn.

use std::fmt::Write as _;

/// One letter with the codes that stood before it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    letter: char,
    style: String,
}

/// The screen as it was at the end, as an HTML document.
#[must_use]
pub fn as_document(printed: &str, title: &str) -> String {
    let mut body = String::new();
    for line in screen(printed) {
        let mut open = "";
        for cell in &line {
            if cell.style != open {
                if !open.is_empty() {
                    body.push_str("</span>");
                }
                if !cell.style.is_empty() {
                    write!(body, "<span class=\"{}\">", cell.style).expect("writing to a string cannot fail");
                }
                open = &cell.style;
            }
            match cell.letter {
                '<' => body.push_str("&lt;"),
                '&' => body.push_str("&amp;"),
                letter => body.push(letter),
            }
        }
        if !open.is_empty() {
            body.push_str("</span>");
        }
        body.push('\n');
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><style>
html {{ background: #16181d; color: #d7dae0 }} body {{ margin: 12px; width: max-content }}
pre {{ font: 13px/16px monospace; margin: 0 }}
.c31 {{ color: #ff6b6b }} .c32 {{ color: #63d471 }} .c33 {{ color: #ffc857 }} .c34 {{ color: #6ea8fe }}
.c35 {{ color: #d58cff }} .c36 {{ color: #5ad4e6 }} .c90 {{ color: #8a9099 }} .c1 {{ font-weight: bold }} .c2 {{ opacity: .6 }}
</style><pre>{body}</pre></html>"
    )
}

fn screen(printed: &str) -> Vec<Vec<Cell>> {
    let mut lines: Vec<Vec<Cell>> = vec![Vec::new()];
    let (mut row, mut column) = (0_usize, 0_usize);
    let mut codes: Vec<String> = Vec::new();
    let mut letters = printed.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                column = 0;
            }
            '\x1b' => {
                if letters.next_if_eq(&'[').is_none() {
                    continue;
                }
                let mut number = String::new();
                while let Some(digit) = letters.next_if(|letter| !letter.is_ascii_alphabetic()) {
                    number.push(digit);
                }
                let count = number.parse::<usize>().unwrap_or(1).max(1);
                match letters.next() {
                    Some('m') => style(&mut codes, &number),
                    Some('A') => row = row.saturating_sub(count),
                    Some('B') => row += count,
                    Some('G') => column = count - 1,
                    Some('K') if number == "2" => {
                        if let Some(line) = lines.get_mut(row) {
                            line.clear();
                        }
                    }
                    Some('K') => {
                        if let Some(line) = lines.get_mut(row) {
                            line.truncate(column);
                        }
                    }
                    Some('J') => {
                        lines.truncate(row + 1);
                        if let Some(line) = lines.get_mut(row) {
                            line.truncate(column);
                        }
                    }
                    _ => {}
                }
            }
            letter => {
                while lines.len() <= row {
                    lines.push(Vec::new());
                }
                let line = &mut lines[row];
                while line.len() <= column {
                    line.push(Cell { letter: ' ', style: String::new() });
                }
                line[column] = Cell { letter, style: codes.join(" ") };
                column += 1;
            }
        }
    }
    lines
}

/// Sets the codes that hold from here on; nothing, or 0, takes them all away.
fn style(codes: &mut Vec<String>, number: &str) {
    for code in number.split(';') {
        match code {
            "" | "0" => codes.clear(),
            code => codes.push(format!("c{code}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(printed: &str) -> Vec<String> {
        screen(printed).iter().map(|line| line.iter().map(|cell| cell.letter).collect()).collect()
    }

    #[test]
    fn what_is_drawn_again_stands_once() {
        assert_eq!(text("one\n\r\x1b[2K50%\r\x1b[2K100%\nend"), ["one", "100%", "end"]);
        assert_eq!(text("a\nb\n\x1b[2A\x1b[2Kx\n\x1b[2Ky\n"), ["x", "y"]);
    }

    #[test]
    fn colours_are_classes_and_letters_are_no_markup() {
        let document = as_document("\x1b[32m✓\x1b[0m 'p(95)<2 & more'", "t");
        assert!(document.contains("<span class=\"c32\">✓</span> 'p(95)&lt;2 &amp; more'"), "{document}");
    }
}
