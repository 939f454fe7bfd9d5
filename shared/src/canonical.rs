//! Canonical forms: the text that a value has on both sides of a pipeline, whatever type the sink gave it.
//!
//! | column type | canonical form | accepted from MongoDB |
//! | --- | --- | --- |
//! | `uuid` | 36 lower-case characters with hyphens | string of any case, with or without hyphens and braces, binary of subtype 4; of subtype 3 and 0 in each of the three orders of bytes that drivers write |
//! | `text` | the text itself | string |
//! | `integer`, `bigint` | decimal, without leading zeros | Int32, Int64, a Double that is whole, string |
//! | `numeric` | decimal without exponent, without zeros that add nothing: `12.5`, `-0.01`, `0` | Decimal128, Double, Int32, Int64, string; where the column has a fraction, a string without a point that may be base64 is the base64 text of a converter without schemas |
//! | `boolean` | `true` or `false` | bool, string |
//!
//! Timestamps and JSON have none: a pipeline may round, shift, reorder or re-encode them and still be right.

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
}
