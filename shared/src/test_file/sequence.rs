//! Keys that are numbers of ours: how a number becomes a key, and which numbers the writers of a run take.
//!
//! The writers of a run never ask each other. They share one first number, which the observer gives all of them, and
//! then take turns as with everything that is dealt out: the n-th row of an entity that the writer with an index makes
//! has the number `first + n · writers + index`, n from 0. Numbers that no row took (an operation that was never sent,
//! a writer that makes fewer rows) stay unused, as those of PostgreSQL's sequences do.

use super::column_type::ColumnType;
use super::template::Template;

/// Digits of a number within a text: all that fit into 64 bits whatever they are.
const TEXT_DIGITS_MAX: u32 = 18;

/// The numbers of one key column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The first number, unless table or collection have a greater one: from 1 to the greatest of the type.
    pub start: i64,
    /// How a text holds the number; absent in columns of whole numbers.
    pub text: Option<NumberText>,
}

/// A text with a number in it and nothing else that varies: `C-000042`; by default the number alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberText {
    before: String,
    /// Digits at least; shorter numbers have zeros before them.
    digits: u8,
    after: String,
}

impl Sequence {
    /// The greatest number that a column of this type can take; 0 where a text has no room for any.
    #[must_use]
    pub fn greatest(&self, kind: ColumnType) -> i64 {
        match &self.text {
            Some(text) => text.greatest(kind.length()),
            None => kind.whole_numbers().map_or(i64::MAX, |range| *range.end()),
        }
    }

    /// The number that a run starts with, where the greatest that table and collection hold is this one. Above the
    /// column's range where they have used it up.
    #[must_use]
    pub fn first(&self, greatest_used: Option<i64>) -> i64 {
        greatest_used.map_or(self.start, |used| used.saturating_add(1).max(self.start))
    }
}

impl NumberText {
    /// Of a template that holds `{number}` once, and otherwise fixed text.
    pub(super) fn of(template: &Template) -> Option<Self> {
        let (before, digits, after) = template.around_number()?;
        Some(Self { before, digits, after })
    }

    /// The greatest number that leaves the text within so many characters; 0 where they are too few.
    fn greatest(&self, length: Option<u32>) -> i64 {
        let Self { before, digits, after } = self;
        let around = before.chars().count() + after.chars().count();
        let room = length.map_or(TEXT_DIGITS_MAX, |length| {
            length.saturating_sub(u32::try_from(around).unwrap_or(u32::MAX)).min(TEXT_DIGITS_MAX)
        });
        if room < u32::from(*digits) { 0 } else { 10_i64.pow(room) - 1 }
    }

    /// The text of a number from 0.
    #[must_use]
    pub fn text(&self, number: i64) -> String {
        let Self { before, digits, after } = self;
        format!("{before}{number:0width$}{after}", width = usize::from(*digits))
    }

    /// A regular expression that PostgreSQL and MongoDB read the same: it takes all texts of this kind whose number fits,
    /// and its one group is the number's digits.
    #[must_use]
    pub fn pattern(&self) -> String {
        let Self { before, after, .. } = self;
        format!("^{}0*([0-9]{{1,{TEXT_DIGITS_MAX}}}){}$", escaped(before), escaped(after))
    }
}

/// A text that a regular expression takes for itself.
fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for char in text.chars() {
        // A letter or digit with a backslash before it would mean something; a line's end is taken as it is.
        if char.is_ascii_punctuation() || char == ' ' {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(before: &str, digits: u8, after: &str) -> NumberText {
        NumberText { before: before.into(), digits, after: after.into() }
    }

    #[test]
    fn a_run_starts_above_what_is_there_and_never_below_its_start() {
        let sequence = Sequence { start: 100, text: None };
        let first = |used| sequence.first(used);
        assert_eq!(
            [None, Some(7), Some(99), Some(100), Some(i64::MAX)].map(first),
            [100, 100, 100, 101, i64::MAX]
        );
    }

    #[test]
    fn a_type_has_so_many_numbers() {
        let numbers = |kind| Sequence { start: 1, text: None }.greatest(kind);
        let kinds = [ColumnType::Smallint, ColumnType::Integer, ColumnType::Bigint];
        assert_eq!(kinds.map(numbers), [32_767, 2_147_483_647, i64::MAX]);
        let within = |text: NumberText, kind| Sequence { start: 1, text: Some(text) }.greatest(kind);
        let varchar = |length| ColumnType::Varchar { length: Some(length) };
        assert_eq!(within(text("", 0, ""), ColumnType::Text), 999_999_999_999_999_999);
        assert_eq!(within(text("", 0, ""), varchar(40)), 999_999_999_999_999_999);
        assert_eq!(within(text("C-", 2, ""), varchar(5)), 999);
        assert_eq!(within(text("", 5, ""), ColumnType::Char { length: 5 }), 99_999);
        assert_eq!(within(text("C-", 4, ""), varchar(5)), 0, "its four digits do not fit");
        assert_eq!(within(text("long-", 0, ""), varchar(5)), 0);
    }

    #[test]
    fn a_number_stands_in_its_text_with_zeros_before_it() {
        assert_eq!(text("C-", 6, "").text(42), "C-000042");
        assert_eq!(text("", 0, "/eu").text(42), "42/eu");
        assert_eq!(text("C-", 2, "").text(1_234), "C-1234", "one that is longer is not cut");
        assert_eq!(text("a.b (", 3, ")").pattern(), r"^a\.b\ \(0*([0-9]{1,18})\)$");
    }
}
