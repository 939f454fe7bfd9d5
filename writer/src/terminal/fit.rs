//! Pieces of one line, cut to what a terminal is wide: the least important ones get shorter, and then go. Pure.

use streamgauge_shared::display::{Display, Tone, columns_of, shortened};

/// What stands between two pieces.
const GAP: &str = "  ";

/// One piece of a line.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// What it says, from its longest form to its shortest.
    forms: Vec<String>,
    /// How important it is: 0 is there whatever happens, the greatest number goes first.
    rank: u8,
    tone: Option<Tone>,
}

impl Piece {
    /// A piece that is there or not.
    pub(super) fn new(rank: u8, text: impl Into<String>) -> Self {
        Self { forms: vec![text.into()], rank, tone: None }
    }

    /// A shorter form of it, for when there is no room for those before.
    pub(super) fn or(mut self, shorter: impl Into<String>) -> Self {
        self.forms.push(shorter.into());
        self
    }

    /// In the colour of its meaning.
    pub(super) fn toned(self, tone: Option<Tone>) -> Self {
        Self { tone, ..self }
    }
}

/// The pieces as one line that is at most so wide. As many of them as have room in their shortest forms, the important
/// ones first; then the same with their longer forms.
pub(super) fn fitted(pieces: &[Piece], display: Display) -> String {
    let mut by_rank: Vec<usize> = (0..pieces.len()).collect();
    by_rank.sort_by_key(|index| pieces[*index].rank);
    let mut chosen: Vec<Option<&str>> = vec![None; pieces.len()];
    let fits = |chosen: &[Option<&str>]| {
        let columns: usize = chosen.iter().flatten().map(|text| columns_of(text) + GAP.len()).sum();
        columns.saturating_sub(GAP.len()) <= display.columns
    };
    for index in &by_rank {
        let before = chosen[*index].replace(pieces[*index].forms.last().map_or("", String::as_str));
        if pieces[*index].rank > 0 && !fits(&chosen) {
            chosen[*index] = before;
        }
    }
    for index in by_rank {
        let Some(shortest) = chosen[index] else { continue };
        for form in &pieces[index].forms {
            chosen[index] = Some(form);
            if fits(&chosen) {
                break;
            }
            chosen[index] = Some(shortest);
        }
    }
    // What has to be there may still be too long: its end is cut.
    let mut room = display.columns;
    let mut line = String::new();
    for (piece, text) in pieces.iter().zip(chosen).filter_map(|(piece, text)| Some((piece, text?))) {
        let gap = if line.is_empty() { "" } else { GAP };
        if room <= gap.len() {
            break;
        }
        let text = shortened(text, room - gap.len());
        room -= gap.len() + columns_of(&text);
        line.push_str(gap);
        line.push_str(&piece.tone.map_or_else(|| text.clone(), |tone| display.paint(tone, &text)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_important_pieces_get_shorter_and_go_and_colours_take_no_room() {
        let pieces = [
            Piece::new(0, "name"),
            Piece::new(2, "a long form").or("short"),
            Piece::new(1, "figure").toned(Some(Tone::Good)),
        ];
        let line = |columns| fitted(&pieces, Display { columns, color: false });
        assert_eq!(line(40), "name  a long form  figure");
        assert_eq!(line(24), "name  short  figure");
        assert_eq!(line(18), "name  figure");
        assert_eq!(line(11), "name  short", "there is room for it alone");
        assert_eq!(line(10), "name");
        assert_eq!(line(3), "na…");
        let painted = fitted(&pieces, Display { columns: 24, color: true });
        assert_eq!(painted, "name  short  \x1b[32mfigure\x1b[0m");
    }
}
