//! Values as a file writes them: literals, choices, texts with placeholders, and the digits of decimal numbers.

use crate::canonical;
use crate::test_file::reader::Value;
use crate::test_file::{ColumnType, Generator, Literal, Template};
use crate::time::UnixNanos;

/// Digits that every number of 64 bits can have.
const DIGITS_MAX: usize = 18;

/// A text with placeholders, of which a value of the column's type comes.
pub(in crate::test_file::parse) fn template(value: &Value<'_, '_>, column: ColumnType) -> Option<Template> {
    let template = Template::read(value)?;
    if template.uses_number() {
        value.mistake(
            "{number} stands in the template of generate = \"sequence\" only: use {sequence}, which counts operations, or {id}, the key",
        );
        return None;
    }
    let sample = template.sample();
    let wrong = match column {
        ColumnType::Json | ColumnType::Jsonb => {
            let error = serde_json::from_str::<serde_json::Value>(&sample).err();
            error.map(|error| {
                format!(
                    "'{sample}', which this template gives, is not JSON ({error}): double its braces, {{{{ and }}}}, and put quotes around texts"
                )
            })
        }
        ColumnType::Inet => canonical::address(&sample).is_none().then(|| {
            format!("'{sample}', which this template gives, is not an address as in 10.0.{{int(0,255)}}.1 or 2001:db8::1/64")
        }),
        _ => too_long(&sample, column),
    };
    match wrong {
        Some(message) => {
            value.mistake(message);
            None
        }
        None => Some(template),
    }
}

/// Why a text does not fit into a column, if it does not.
fn too_long(text: &str, column: ColumnType) -> Option<String> {
    let (length, found) = (column.length()?, text.chars().count());
    (u64::try_from(found).unwrap_or(u64::MAX) > u64::from(length)).then(|| {
        format!("'{text}' has {found} characters, more than {} takes: write shorter texts", column.declared())
    })
}

/// One of several values of a column's type, each as likely.
pub(in crate::test_file::parse) fn choice(value: &Value<'_, '_>, kind: ColumnType) -> Option<Generator> {
    let literals: Option<Vec<Literal>> = value.array()?.iter().map(|item| literal(item, kind)).collect();
    let literals = literals?;
    if literals.is_empty() {
        value.mistake("there is nothing to choose from: name at least one value");
        return None;
    }
    Some(Generator::Choice(literals))
}

/// A value of a column's type.
pub(in crate::test_file::parse) fn literal(value: &Value<'_, '_>, kind: ColumnType) -> Option<Literal> {
    match kind {
        ColumnType::Text
        | ColumnType::Varchar { .. }
        | ColumnType::Char { .. }
        | ColumnType::Citext
        | ColumnType::Json
        | ColumnType::Jsonb => {
            let text = value.text()?;
            if let Some(message) = too_long(text, kind) {
                value.mistake(message);
                return None;
            }
            Some(Literal::Text(text.to_owned()))
        }
        ColumnType::Uuid => {
            let text = value.text()?.to_ascii_lowercase();
            let groups: Vec<usize> = text.split('-').map(str::len).collect();
            let is_uuid =
                groups == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
            if !is_uuid {
                value.mistake(format!("'{text}' is not a UUID of 36 characters"));
            }
            is_uuid.then_some(Literal::Text(text))
        }
        ColumnType::Inet => {
            let text = value.text()?;
            let is_address = canonical::address(text).is_some();
            if !is_address {
                value.mistake(format!("'{text}' is not an address as in 10.0.0.1 or 2001:db8::1/64"));
            }
            is_address.then(|| Literal::Text(text.to_owned()))
        }
        ColumnType::Bytea => {
            let text = value.text()?;
            let bytes = canonical::bytes_of(text);
            if bytes.is_none() {
                value.mistake(format!(
                    "'{text}' is not bytes: write two hexadecimal digits for each, as in \"00ff\""
                ));
            }
            bytes.map(Literal::Bytes)
        }
        ColumnType::Smallint | ColumnType::Integer | ColumnType::Bigint => {
            value.signed(kind.whole_numbers()?).map(Literal::Int)
        }
        ColumnType::Numeric { .. } | ColumnType::AnyNumeric | ColumnType::Real | ColumnType::Double => {
            let (units, _, scale) = decimals(value, value, kind)?;
            Some(Literal::Decimal { units, scale })
        }
        ColumnType::Boolean => value.flag().map(Literal::Bool),
        ColumnType::Date => value.date().map(Literal::Date),
        ColumnType::Time => value.time_of_day().map(Literal::Time),
        ColumnType::Timestamp | ColumnType::Timestamptz => {
            let moment = value.moment()?;
            Some(Literal::Moment(UnixNanos::from_millis(moment.0.div_euclid(crate::time::NANOS_PER_MILLI))))
        }
    }
}

/// A number as the file writes it.
struct Digits {
    text: String,
    /// Without sign and leading zeros; empty for 0.
    whole: String,
    /// Without zeros that add nothing.
    fraction: String,
    /// Digits that the file writes after the point, zeros too.
    written: usize,
}

impl Digits {
    fn read(value: &Value<'_, '_>) -> Option<Self> {
        let text = value.number()?;
        let Some(canonical) = canonical::decimal(&text) else {
            value.mistake(format!("{text} is not a number with digits that can be written out"));
            return None;
        };
        let unsigned = canonical.trim_start_matches('-');
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let written = match text.split_once('.') {
            Some((_, after)) if !text.contains(['e', 'E']) => after.len(),
            _ => fraction.len(),
        };
        let whole = whole.trim_start_matches('0').to_owned();
        Some(Self { text, whole, fraction: fraction.to_owned(), written })
    }

    /// In units of the last of `scale` digits after the point.
    fn units(&self, scale: usize) -> Option<i64> {
        if self.fraction.len() > scale {
            return None;
        }
        let sign = if self.text.starts_with('-') { "-" } else { "" };
        format!("{sign}0{}{:0<scale$}", self.whole, self.fraction).parse().ok()
    }
}

/// Two numbers of a decimal type, in units of the last digit after the point, and how many digits stand there: those of
/// the column, or, where it has no scale, as many as the file writes.
pub(super) fn decimals(
    low: &Value<'_, '_>,
    high: &Value<'_, '_>,
    kind: ColumnType,
) -> Option<(i64, i64, u8)> {
    let ends = [(low, Digits::read(low)?), (high, Digits::read(high)?)];
    let mut fits = true;
    for (place, digits) in &ends {
        if let Some(message) = does_not_fit(digits, kind) {
            place.mistake(message);
            fits = false;
        }
    }
    let whole = ends.iter().map(|(_, digits)| digits.whole.len()).max().unwrap_or(0);
    let written = ends.iter().map(|(_, digits)| digits.written).max().unwrap_or(0);
    let scale = match kind {
        ColumnType::Numeric { scale, .. } => usize::from(scale).min(DIGITS_MAX.saturating_sub(whole)),
        _ => written,
    };
    if !fits {
        return None;
    }
    let units = (ends[0].1.units(scale), ends[1].1.units(scale), u8::try_from(scale));
    let (Some(low_units), Some(high_units), Ok(scale)) = units else {
        low.mistake(format!(
            "a number here has at most {DIGITS_MAX} digits, before and after the point together"
        ));
        return None;
    };
    Some((low_units, high_units, scale))
}

fn does_not_fit(digits: &Digits, kind: ColumnType) -> Option<String> {
    let Digits { text, whole, fraction, written } = digits;
    match kind {
        ColumnType::Numeric { precision, scale } => {
            let before = usize::from(precision - scale);
            (fraction.len() > usize::from(scale) || whole.len() > before).then(|| {
                format!(
                    "{text} does not fit into numeric({precision},{scale}): at most {before} digits before the point and {scale} after it"
                )
            })
        }
        _ => {
            let most = match kind {
                ColumnType::Real => 6,
                ColumnType::Double => 15,
                _ => DIGITS_MAX,
            };
            (whole.len() + written > most)
                .then(|| format!("{text} has more digits than {} keeps: at most {most}", kind.sql()))
        }
    }
}
