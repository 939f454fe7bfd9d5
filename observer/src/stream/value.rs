//! The canonical form of a value as MongoDB holds it, whatever type the sink gave it.

use mongodb::bson::RawBsonRef;
use mongodb::bson::spec::BinarySubtype;
use streamgauge_shared::canonical as form;
use streamgauge_shared::test_file::ColumnType;

/// Debezium's mark for a large value that an update did not touch.
const UNAVAILABLE: &str = "__debezium_unavailable_value";

/// What a value's canonical form is; see [`streamgauge_shared::canonical`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Canonical {
    /// Its text.
    Text(String),
    /// Null has one of its own.
    Null,
    /// Of a type that has no canonical form here: the pipeline replaced it.
    Unknown,
}

/// The canonical form of a value of a column of this type.
pub(super) fn canonical(value: RawBsonRef<'_>, kind: ColumnType) -> Canonical {
    let text = match (kind, value) {
        (_, RawBsonRef::Null) => return Canonical::Null,
        (_, RawBsonRef::String(UNAVAILABLE)) => None,
        (ColumnType::Text, RawBsonRef::String(text)) => Some(text.to_owned()),
        (ColumnType::Uuid, RawBsonRef::String(text)) => Some(uuid(text)),
        (ColumnType::Uuid, RawBsonRef::Binary(binary)) if binary.subtype == BinarySubtype::Uuid => {
            hyphenated(binary.bytes)
        }
        (ColumnType::Integer | ColumnType::Bigint, value) => integer(value),
        (ColumnType::Numeric { scale, .. }, value) => decimal(value, scale > 0),
        (ColumnType::Boolean, RawBsonRef::Boolean(flag)) => Some(flag.to_string()),
        (ColumnType::Boolean, RawBsonRef::String(text @ ("true" | "false"))) => Some(text.to_owned()),
        _ => None,
    };
    text.map_or(Canonical::Unknown, Canonical::Text)
}

fn integer(value: RawBsonRef<'_>) -> Option<String> {
    match value {
        RawBsonRef::Int32(number) => Some(number.to_string()),
        RawBsonRef::Int64(number) => Some(number.to_string()),
        // A float has no exponent in its plain text, and no fraction where it is whole.
        RawBsonRef::Double(number) if number.is_finite() && number.fract() == 0.0 => {
            form::decimal(&number.to_string())
        }
        RawBsonRef::String(text) => text.parse::<i64>().ok().map(|number| number.to_string()),
        _ => None,
    }
}

/// A text without a point in a column with a fraction is no decimal number but, from a converter without schemas,
/// the base64 text of one: `1234` and `12e3` are both.
fn decimal(value: RawBsonRef<'_>, has_fraction: bool) -> Option<String> {
    match value {
        RawBsonRef::Decimal128(number) => form::decimal(&number.to_string()),
        // The shortest text that reads back as the same float: what a sink that went through one had.
        RawBsonRef::Double(number) => form::decimal(&number.to_string()),
        RawBsonRef::Int32(number) => form::decimal(&number.to_string()),
        RawBsonRef::Int64(number) => form::decimal(&number.to_string()),
        RawBsonRef::String(text) if has_fraction && !text.contains('.') => None,
        RawBsonRef::String(text) => form::decimal(text),
        _ => None,
    }
}

/// Of any of the usual ways to write one; what is none stays what it is, and differs from all.
fn uuid(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let digits: String = text.chars().filter(|char| !matches!(char, '-' | '{' | '}')).collect();
    let is_one = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_one { grouped(&digits).unwrap_or(text) } else { text }
}

fn hyphenated(bytes: &[u8]) -> Option<String> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    grouped(&hex)
}

fn grouped(hex: &str) -> Option<String> {
    let part = |range| hex.get(range);
    Some(format!("{}-{}-{}-{}-{}", part(0..8)?, part(8..12)?, part(12..16)?, part(16..20)?, part(20..32)?))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, Decimal128, RawDocumentBuf, doc};
    use proptest::prelude::*;

    use super::*;

    fn of(value: impl Into<Bson>, kind: ColumnType) -> Canonical {
        let document = RawDocumentBuf::try_from(&doc! { "v": value.into() }).expect("a document");
        canonical(document.get("v").expect("readable").expect("there"), kind)
    }

    fn text(form: &str) -> Canonical {
        Canonical::Text(form.into())
    }

    fn decimal128(number: &str) -> Bson {
        Bson::Decimal128(number.parse::<Decimal128>().expect("a decimal"))
    }

    #[test]
    fn a_number_has_one_form_whatever_the_sink_made_of_it() {
        let numeric = ColumnType::Numeric { precision: 10, scale: 2 };
        for value in
            [Bson::from(12.5), "12.50".into(), decimal128("12.50"), decimal128("1.25E+1"), "+12.5".into()]
        {
            assert_eq!(of(value.clone(), numeric), text("12.5"), "{value:?}");
        }
        for value in [Bson::from(7), 7_i64.into(), 7.0.into(), "007.0".into(), decimal128("7.00")] {
            assert_eq!(of(value.clone(), numeric), text("7"), "{value:?}");
        }
        for kind in [ColumnType::Integer, ColumnType::Bigint] {
            for value in [Bson::from(-7), (-7_i64).into(), (-7.0).into(), "-7".into()] {
                assert_eq!(of(value.clone(), kind), text("-7"), "{value:?}");
            }
        }
        assert_eq!(of(i64::MAX, ColumnType::Bigint), text("9223372036854775807"));
        assert_eq!(of(-0.0, ColumnType::Bigint), text("0"));
    }

    #[test]
    fn a_uuid_has_one_form_however_it_is_written() {
        let form = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let simple = form.replace('-', "");
        for written in [form.to_owned(), form.to_uppercase(), format!("{{{form}}}"), simple] {
            assert_eq!(of(written.as_str(), ColumnType::Uuid), text(form), "{written}");
        }
        for other in ["67e55044-10b1-426f-9247-bb680e5fe0c9", "67e55044", "no uuid"] {
            assert_eq!(of(other, ColumnType::Uuid), text(other), "what differs is found to differ");
        }
    }

    #[test]
    fn what_has_no_form_is_unknown_and_not_different() {
        let numeric = ColumnType::Numeric { precision: 10, scale: 2 };
        let cases: [(Bson, ColumnType); 13] = [
            // Base64 of a decimal number's bytes that looks like a number.
            ("1234".into(), numeric),
            ("12e3".into(), numeric),
            (1.5.into(), ColumnType::Integer),
            (f64::NAN.into(), ColumnType::Bigint),
            (f64::INFINITY.into(), numeric),
            ("12,5".into(), numeric),
            ("1.0".into(), ColumnType::Bigint),
            (decimal128("NaN"), numeric),
            (true.into(), ColumnType::Integer),
            (1.into(), ColumnType::Boolean),
            ("yes".into(), ColumnType::Boolean),
            (UNAVAILABLE.into(), ColumnType::Text),
            ("{}".into(), ColumnType::Jsonb),
        ];
        for (value, kind) in cases {
            assert_eq!(of(value.clone(), kind), Canonical::Unknown, "{value:?} {kind:?}");
        }
        assert_eq!(of(Bson::Null, numeric), Canonical::Null);
        assert_eq!(of(true, ColumnType::Boolean), text("true"));
        assert_eq!(of("false", ColumnType::Boolean), text("false"));
    }

    /// A value of a column: its canonical form, and what sinks make of it.
    #[derive(Clone, Debug)]
    struct Value {
        kind: ColumnType,
        form: String,
        sent: Vec<Bson>,
    }

    /// Whole numbers are within what a float holds exactly, amounts within its 15 digits: beyond them a sink that
    /// goes through a float does change the value.
    fn value() -> impl Strategy<Value = Value> {
        const EXACT: i64 = 1 << 53;
        let integer = (-20_i64..20).prop_union(-EXACT..EXACT).prop_map(|number| {
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let float = number as f64;
            let small = i32::try_from(number).ok().map(Bson::from);
            let sent = [number.into(), float.into(), number.to_string().into()].into_iter().chain(small);
            Value { kind: ColumnType::Bigint, form: number.to_string(), sent: sent.collect() }
        });
        let amount =
            (-2_000_i64..2_000).prop_union(-999_999_999_999_999..999_999_999_999_999).prop_map(|cents| {
                let (sign, size) = (if cents < 0 { "-" } else { "" }, cents.unsigned_abs());
                let written = format!("{sign}{}.{:02}", size / 100, size % 100);
                let form = written.trim_end_matches('0').trim_end_matches('.').to_owned();
                let float = written.parse::<f64>().expect("a number");
                let whole = (cents % 100 == 0).then(|| Bson::from(cents / 100));
                let sent = [decimal128(&written), decimal128(&form), float.into(), written.into()];
                let kind = ColumnType::Numeric { precision: 17, scale: 2 };
                Value { kind, form, sent: sent.into_iter().chain(whole).collect() }
            });
        let flag = any::<bool>().prop_map(|flag| {
            let sent = vec![flag.into(), flag.to_string().into()];
            Value { kind: ColumnType::Boolean, form: flag.to_string(), sent }
        });
        let uuid = any::<[u8; 16]>().prop_map(|bytes| {
            let form = hyphenated(&bytes).expect("16 bytes");
            let binary = mongodb::bson::Binary { subtype: BinarySubtype::Uuid, bytes: bytes.to_vec() };
            let sent = vec![form.clone().into(), form.to_uppercase().into(), binary.into()];
            Value { kind: ColumnType::Uuid, form, sent }
        });
        let word = ".{0,8}".prop_map(|word: String| Value {
            kind: ColumnType::Text,
            form: word.clone(),
            sent: vec![word.into()],
        });
        prop_oneof![integer, amount, flag, uuid, word]
    }

    proptest! {
        #[test]
        fn whole_numbers_survive_every_type_that_can_hold_them(number in -(1_i64 << 53)..(1_i64 << 53)) {
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let float = number as f64;
            let forms = [Bson::from(number), float.into(), number.to_string().into()].map(|value| of(value, ColumnType::Bigint));
            for form in forms {
                prop_assert_eq!(form, Canonical::Text(number.to_string()));
            }
        }

        #[test]
        fn amounts_survive_a_float(cents in -9_999_999_999_i64..9_999_999_999) {
            let sign = if cents < 0 { "-" } else { "" };
            let written = format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100);
            let numeric = ColumnType::Numeric { precision: 12, scale: 2 };
            let expected = of(written.clone(), numeric);
            prop_assert_eq!(&of(written.parse::<f64>().expect("a number"), numeric), &expected);
            prop_assert_eq!(&of(decimal128(&written), numeric), &expected);
        }

        #[test]
        fn a_value_is_equal_through_every_type_a_sink_makes_of_it_and_differs_from_every_other(
            (first, second) in (value(), value())
        ) {
            let forms = |Value { kind, sent, .. }: &Value| -> Vec<Canonical> {
                sent.iter().map(|bson| of(bson.clone(), *kind)).collect()
            };
            for form in forms(&first) {
                prop_assert_eq!(&form, &text(&first.form));
            }
            let is_equal = first.kind == second.kind && first.form == second.form;
            for (left, right) in forms(&first).iter().flat_map(|left| forms(&second).into_iter().map(move |right| (left, right))) {
                prop_assert!(first.kind != second.kind || (*left == right) == is_equal);
            }
        }
    }
}
