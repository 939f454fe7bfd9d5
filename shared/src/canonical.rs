//! Canonical forms: the text that a value has on both sides of a pipeline, whatever type the sink gave it.
//!
//! | column type | canonical form | accepted from MongoDB |
//! | --- | --- | --- |
//! | `uuid` | 36 lower-case characters with hyphens | string of any case, with or without hyphens and braces, binary of subtype 4; of subtype 3 and 0 in each of the three orders of bytes that drivers write |
//! | `text`, `varchar`, `citext`, enums | the text itself | string |
//! | `char(n)` | the text without the spaces at its end | string |
//! | `smallint`, `integer`, `bigint` | decimal, without leading zeros | Int32, Int64, a Double that is whole, string |
//! | `numeric` | decimal without exponent, without zeros that add nothing: `12.5`, `-0.01`, `0` | Decimal128, Double, Int32, Int64, string, Debezium's struct of scale and bytes; where the column has a fraction, a string without a point that may be base64 is the base64 text of a converter without schemas |
//! | `boolean` | `true` or `false` | bool, string |
//! | `real`, `double precision` | decimal, of the shortest text that reads back as the same float | Double, Decimal128, Int32, Int64, string |
//! | `date` | `2026-01-31` | date at midnight, Int32 and Int64 of days, string with or without a time and zone |
//! | `time` | `12:30:00.000`, to the millisecond | date, Int32 and Int64 of milliseconds, microseconds or nanoseconds, string |
//! | `timestamp`, `timestamptz` | `2026-01-31T12:30:00.000Z`, to the millisecond | date, Int64 of milliseconds, microseconds or nanoseconds, string with any zone; without one it is UTC |
//! | `bytea` | two hexadecimal digits a byte, in lower case | binary, string of hexadecimal digits or of either base64 |
//! | `inet` | the address, in lower case, with the length of its prefix where that is not all of it | string |
//! | arrays of these | the elements' forms in brackets | array of what is accepted for each |
//!
//! JSON has none: a pipeline may reorder or re-encode it and still be right. What is written has whole milliseconds, so
//! that a pipeline which has no finer time is not taken for wrong.

mod address;
mod moment;

pub use address::address;
pub use moment::{date, date_of, moment, moment_of, time, time_of};

/// The canonical form of a decimal number: `12.50`, `+12.5`, `1.25E+1` and `012.5` are all `12.5`.
/// Nothing for what is not a finite decimal number, or one with more than 64 zeros to write out.
#[must_use]
pub fn decimal(text: &str) -> Option<String> {
    /// An exponent beyond this is no column of ours, and would only fill memory.
    const EXPONENT_MAX: i32 = 64;
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    if exponent.abs() > EXPONENT_MAX {
        return None;
    }
    let (negative, digits) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Where the point stands among all digits, after the exponent has moved it.
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let length = i32::try_from(all.len()).ok()?;
    let padded = format!("{}{all}{}", zeros(-point), zeros(point - length));
    let (whole, fraction) = padded.split_at(usize::try_from(point.max(0)).ok()?);
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative && (whole != "0" || !fraction.is_empty()) { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// The canonical form of a key: of one column its canonical form; of several these joined by `:`, a `:` or `\`
/// within one escaped with `\`.
#[must_use]
pub fn key<S: AsRef<str>>(parts: &[S]) -> String {
    match parts {
        [single] => single.as_ref().to_owned(),
        several => {
            let escaped = several.iter().map(|part| part.as_ref().replace('\\', r"\\").replace(':', r"\:"));
            escaped.collect::<Vec<_>>().join(":")
        }
    }
}

/// The canonical form of an array: its elements' forms, joined by `,` in brackets, a `,` or `\` within one escaped with
/// `\`.
#[must_use]
pub fn list<S: AsRef<str>>(elements: &[S]) -> String {
    let escaped = elements.iter().map(|element| element.as_ref().replace('\\', r"\\").replace(',', r"\,"));
    format!("[{}]", escaped.collect::<Vec<_>>().join(","))
}

/// The canonical form of bytes.
#[must_use]
pub fn bytes(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes that a text of hexadecimal digits stands for, with or without PostgreSQL's `\x` before it.
#[must_use]
pub fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix(r"\x").unwrap_or(text).as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_that_are_equal_have_one_form() {
        for text in ["12.50", "12.5", "+12.5", "1.25E+1", "012.500", "1250e-2"] {
            assert_eq!(decimal(text).as_deref(), Some("12.5"), "{text}");
        }
        let cases = [
            ("-0.01", "-0.01"),
            ("-0.00", "0"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1E3", "1000"),
            ("1e-3", "0.001"),
            ("100", "100"),
        ];
        for (text, expected) in cases {
            assert_eq!(decimal(text).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", "-", ".", "NaN", "Infinity", "1e999", "0x10", "1_000", "1e"] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_of_several_columns_do_not_run_into_each_other() {
        assert_eq!(key(&["a:b"]), "a:b");
        assert_ne!(key(&["a:b", "c"]), key(&["a", "b:c"]));
        assert_ne!(key(&[r"a\", "b"]), key(&["a", r"\b"]));
        assert_eq!(key(&["eu", "7"]), "eu:7");
    }

    #[test]
    fn arrays_of_other_elements_have_other_forms() {
        assert_eq!(list(&["a", "b"]), "[a,b]");
        assert_ne!(list(&["a,b"]), list(&["a", "b"]));
        assert_ne!(list(&[r"a\", "b"]), list(&["a", r"\b"]));
        assert_ne!(list::<&str>(&[]), list(&["[]"]));
    }

    #[test]
    fn bytes_are_two_digits_each() {
        assert_eq!(bytes(&[0, 255, 16]), "00ff10");
        for text in ["00ff10", "00FF10", r"\x00ff10"] {
            assert_eq!(bytes_of(text), Some(vec![0, 255, 16]), "{text}");
        }
        assert_eq!([bytes_of("0"), bytes_of("zz"), bytes_of("é0")], [None, None, None]);
    }
}
