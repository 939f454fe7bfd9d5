//! Reads TOML tables key by key, gathering mistakes instead of stopping at the first.
//!
//! A key counts as known once it was asked for; [`Table::finish`] reports the others.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, unknown};
use crate::time::{NANOS_PER_SECOND, Nanos, UnixNanos, days_from_civil, parse_duration};

/// The years of TOML's dates that PostgreSQL has too.
const DAYS_YEARS: std::ops::RangeInclusive<u16> = 1..=9_999;

/// One file and what is wrong with it.
pub(super) struct Document<'t> {
    name: &'t str,
    text: &'t str,
    mistakes: RefCell<Vec<(usize, String)>>,
}

/// One table of a document.
pub(super) struct Table<'d, 't> {
    document: &'d Document<'t>,
    table: &'d DeTable<'t>,
    span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
}

/// One value with its place.
#[derive(Clone)]
pub(super) struct Value<'d, 't> {
    document: &'d Document<'t>,
    value: &'d DeValue<'t>,
    pub(super) span: Range<usize>,
}

impl<'t> Document<'t> {
    pub(super) fn new(name: &'t str, text: &'t str) -> Self {
        Self { name, text, mistakes: RefCell::default() }
    }

    /// Parses the text; syntax errors are mistakes like the others.
    pub(super) fn parse(&self) -> Spanned<DeTable<'t>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            self.mistake(error.span().map_or(0, |span| span.start), error.message().replace('\n', ", "));
        }
        table
    }

    pub(super) fn root<'d>(&'d self, table: &'d Spanned<DeTable<'t>>) -> Table<'d, 't> {
        Table { document: self, table: table.get_ref(), span: 0..0, asked: RefCell::default() }
    }

    pub(super) fn mistake(&self, offset: usize, message: impl Into<String>) {
        self.mistakes.borrow_mut().push((offset, message.into()));
    }

    /// Whether nothing wrong was found so far.
    pub(super) fn is_clean(&self) -> bool {
        self.mistakes.borrow().is_empty()
    }

    /// The mistakes with their places, in the order of the file.
    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        let mut found = self.mistakes.into_inner();
        found.sort_by_key(|(offset, _)| *offset);
        found.dedup();
        let place = |(offset, message): (usize, String)| {
            let before = self.text.get(..offset).unwrap_or(self.text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
            Mistake { file: self.name.to_owned(), line, column, message }
        };
        found.into_iter().map(place).collect()
    }
}

impl<'d, 't> Table<'d, 't> {
    /// The value of a key, if it is there. The key becomes a known one.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'d, 't>> {
        self.asked.borrow_mut().push(key);
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Value { document: self.document, value: value.get_ref(), span: value.span() })
    }

    /// The value of a key that must be there; otherwise a mistake that shows an example.
    pub(super) fn require(&self, key: &'static str, example: &str) -> Option<Value<'d, 't>> {
        let value = self.get(key);
        if value.is_none() {
            self.mistake(format!("'{key}' is missing: write for example {key} = {example}"));
        }
        value
    }

    /// Every entry of a table whose keys are names that the user chose, in the file's order.
    pub(super) fn entries(&self) -> Vec<(&'d str, Range<usize>, Value<'d, 't>)> {
        let document = self.document;
        let entry = |(name, value): (&'d Spanned<_>, &'d Spanned<_>)| -> (&'d str, _, _) {
            let key: &'d std::borrow::Cow<'t, str> = name.get_ref();
            (key.as_ref(), name.span(), Value { document, value: value.get_ref(), span: value.span() })
        };
        let mut entries: Vec<_> = self.table.iter().map(entry).collect();
        entries.sort_by_key(|(_, span, _)| span.start);
        entries
    }

    /// Whether a key is there; it does not become a known one.
    pub(super) fn contains(&self, key: &str) -> bool {
        self.table.keys().any(|name| name.get_ref() == key)
    }

    /// A mistake at the head of this table.
    pub(super) fn mistake(&self, message: impl Into<String>) {
        self.document.mistake(self.span.start, message);
    }

    /// The first key that nobody asked for, with its place.
    pub(super) fn first_unknown(&self) -> Option<(&'d str, Value<'d, 't>)> {
        let asked = self.asked.borrow();
        let unknown = self.entries().into_iter().find(|(name, ..)| !asked.contains(name))?;
        let (name, span, value) = unknown;
        Some((name, Value { span, ..value }))
    }

    /// Reports each key that nobody asked for.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        for name in self.table.keys().filter(|name| !asked.contains(&name.get_ref().as_ref())) {
            self.document.mistake(name.span().start, unknown("key", name.get_ref(), &asked));
        }
    }
}

impl<'d, 't> Value<'d, 't> {
    pub(super) fn mistake(&self, message: impl Into<String>) {
        self.document.mistake(self.span.start, message);
    }

    /// Where it begins in the file.
    pub(super) fn start(&self) -> usize {
        self.span.start
    }

    fn wrong(&self, expected: &str) {
        self.mistake(format!("expected {expected}, found {}", self.value.type_str()));
    }

    pub(super) fn table(&self) -> Option<Table<'d, 't>> {
        let table = self.value.as_table();
        if table.is_none() {
            self.wrong("a table");
        }
        Some(Table {
            document: self.document,
            table: table?,
            span: self.span.clone(),
            asked: RefCell::default(),
        })
    }

    pub(super) fn array(&self) -> Option<Vec<Value<'d, 't>>> {
        let array = self.value.as_array();
        if array.is_none() {
            self.wrong("an array");
        }
        let items = array?.iter();
        Some(
            items
                .map(|item| Value { document: self.document, value: item.get_ref(), span: item.span() })
                .collect(),
        )
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    pub(super) fn is_array(&self) -> bool {
        self.value.is_array()
    }

    pub(super) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    /// The digits of a number as the file writes them, without a sign of plus and without underscores.
    pub(super) fn number(&self) -> Option<String> {
        let digits = match self.value {
            DeValue::Integer(integer) if integer.radix() == 10 => Some(integer.as_str().to_owned()),
            DeValue::Float(float) => Some(float.as_str().to_owned()),
            _ => None,
        };
        if digits.is_none() {
            self.wrong("a number");
        }
        Some(digits?.replace('_', ""))
    }

    /// A number within a range, both ends included.
    pub(super) fn float(&self, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
        let text = self.number()?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.mistake(format!("{text} is out of range: from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// A whole number that may be negative.
    pub(super) fn signed(&self, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let Some(digits) = self.value.as_integer() else {
            self.wrong("a whole number");
            return None;
        };
        let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok().filter(|n| range.contains(n));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            self.mistake(format!("{} is out of range: from {least} to {most}", digits.as_str()));
        }
        number
    }

    /// A moment: TOML's own date-time, or one in quotes; UTC where no offset is given.
    pub(super) fn moment(&self) -> Option<UnixNanos> {
        let moment = self.datetime().and_then(moment_of);
        if moment.is_none() {
            self.mistake("expected a date and time as in 2026-01-31T12:00:00Z, between 1970 and 2200");
        }
        moment
    }

    /// A day: TOML's own date, or one in quotes; as days since 1970-01-01.
    pub(super) fn date(&self) -> Option<i64> {
        let day = self.datetime().filter(|read| read.time.is_none()).and_then(|read| read.date);
        let day = day.filter(|date| DAYS_YEARS.contains(&date.year));
        if day.is_none() {
            self.mistake("expected a date as in 2026-01-31, between 1 and 9999");
        }
        day.map(|date| days_from_civil(i64::from(date.year), i64::from(date.month), i64::from(date.day)))
    }

    /// A time of day: TOML's own, or one in quotes; as whole milliseconds since midnight.
    pub(super) fn time_of_day(&self) -> Option<i64> {
        let time = self.datetime().filter(|read| read.date.is_none()).and_then(|read| read.time);
        let millis = time.and_then(|time| crate::canonical::time_of(&time.to_string()));
        if millis.is_none() {
            self.mistake("expected a time of day as in 12:30:00");
        }
        millis
    }

    fn datetime(&self) -> Option<toml_datetime::Datetime> {
        match self.value {
            DeValue::Datetime(moment) => Some(*moment),
            DeValue::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&'d str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.wrong("a text in quotes");
        }
        text
    }

    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            self.wrong("true or false");
        }
        flag
    }

    /// A whole number within a range.
    pub(super) fn whole(&self, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let Some(digits) = self.value.as_integer() else {
            self.wrong("a whole number");
            return None;
        };
        let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok().filter(|n| range.contains(n));
        if number.is_none() {
            self.mistake(format!(
                "{} is out of range: from {} to {}",
                digits.as_str(),
                range.start(),
                range.end()
            ));
        }
        number
    }

    /// A duration as k6 writes it, at least `least`.
    pub(super) fn duration(&self, least: Nanos) -> Option<Nanos> {
        if self.value.is_integer() || self.value.is_float() {
            self.wrong("a duration in quotes with a unit, as in \"30s\"");
            return None;
        }
        match parse_duration(self.text()?) {
            Ok(span) if span >= least => Some(span),
            Ok(span) => {
                self.mistake(format!("{span} is too short: at least {least}"));
                None
            }
            Err(error) => {
                self.mistake(error.to_string());
                None
            }
        }
    }

    /// One word of a closed list.
    pub(super) fn word<T: Copy>(&self, what: &str, allowed: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = allowed.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = allowed.iter().map(|(name, _)| *name).collect();
            self.mistake(unknown(what, text, &names));
        }
        found
    }
}

fn moment_of(moment: toml_datetime::Datetime) -> Option<UnixNanos> {
    let (date, time) = (moment.date?, moment.time?);
    if !(1970..=2200).contains(&date.year) {
        return None;
    }
    let offset_s = match moment.offset {
        None | Some(toml_datetime::Offset::Z) => 0,
        Some(toml_datetime::Offset::Custom { minutes }) => i64::from(minutes) * 60,
    };
    let days = days_from_civil(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let (hour, minute) = (i64::from(time.hour), i64::from(time.minute));
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + i64::from(time.second.unwrap_or(0)) - offset_s;
    let nanos = i64::from(time.nanosecond.unwrap_or(0));
    Some(UnixNanos(seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)?))
}
