use mongodb::bson::{Bson, Decimal128, RawDocumentBuf, doc};
use proptest::prelude::*;

use super::uuid::hyphenated;
use super::*;
use mongodb::bson::spec::BinarySubtype;
use streamgauge_shared::test_file::UNAVAILABLE;

fn of(value: impl Into<Bson>, kind: ColumnType) -> Canonical<'static> {
    let document = RawDocumentBuf::try_from(&doc! { "v": value.into() }).expect("a document");
    match canonical(document.get("v").expect("readable").expect("there"), kind) {
        Canonical::Text(text) => Canonical::Text(text.into_owned().into()),
        Canonical::Null => Canonical::Null,
        Canonical::OneOf(readings) => Canonical::OneOf(readings),
        Canonical::NumberOrBase64 { number, base64 } => Canonical::NumberOrBase64 { number, base64 },
        Canonical::Not(reason) => Canonical::Not(reason),
    }
}

fn text(form: &str) -> Canonical<'static> {
    Canonical::Text(form.to_owned().into())
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
fn what_has_no_form_is_not_compared_and_says_why() {
    use NotCompared::{Base64Decimal, Unreadable};
    let numeric = ColumnType::Numeric { precision: 10, scale: 2 };
    let whole = ColumnType::Numeric { precision: 10, scale: 0 };
    let cases: [(Bson, ColumnType, NotCompared); 15] = [
        // Base64 of a decimal number's bytes that looks like a number.
        ("1234".into(), numeric, Base64Decimal),
        ("12e3".into(), numeric, Base64Decimal),
        ("BOI=".into(), numeric, Base64Decimal),
        ("BOI=".into(), whole, Base64Decimal),
        (1.5.into(), ColumnType::Integer, Unreadable),
        (f64::NAN.into(), ColumnType::Bigint, Unreadable),
        (f64::INFINITY.into(), numeric, Unreadable),
        ("12,5".into(), numeric, Unreadable),
        ("".into(), numeric, Unreadable),
        ("1.0".into(), ColumnType::Bigint, Unreadable),
        (decimal128("NaN"), numeric, Unreadable),
        (true.into(), ColumnType::Integer, Unreadable),
        (1.into(), ColumnType::Boolean, Unreadable),
        ("yes".into(), ColumnType::Boolean, Unreadable),
        ("{}".into(), ColumnType::Jsonb, Unreadable),
    ];
    for (value, kind, reason) in cases {
        assert_eq!(of(value.clone(), kind), Canonical::Not(reason), "{value:?} {kind:?}");
    }
    assert_eq!(of(Bson::Null, numeric), Canonical::Null);
    assert_eq!(of(true, ColumnType::Boolean), text("true"));
    assert_eq!(of("false", ColumnType::Boolean), text("false"));
    assert_eq!(of("125", numeric), text("125"), "three characters are no base64");
}

#[test]
fn a_text_that_is_a_whole_number_and_base64_is_told_apart_by_what_was_written() {
    let whole = ColumnType::Numeric { precision: 9, scale: 0 };
    let is = |sent: &str, written: &str| of(sent, whole).value().is(digest(Some(written)));
    // 0xd76df8 of three bytes is -2658824, and "1234" in base64.
    assert_eq!(is("1234", "1234"), Ok(true), "a number as text");
    assert_eq!(is("1234", "-2658824"), Err(NotCompared::Base64Decimal));
    assert_eq!(is("1234", "1235"), Ok(false), "neither reading was written");
    assert_eq!(is("12345", "12345"), Ok(true));
    assert_eq!(is("12345", "12346"), Ok(false));
}

#[test]
fn a_uuid_in_an_order_of_bytes_that_is_not_known_is_found_in_each() {
    let written = "00112233-4455-6677-8899-aabbccddeeff";
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
    };
    let orders = [
        "00112233445566778899aabbccddeeff",
        "7766554433221100ffeeddccbbaa9988",
        "33221100554477668899aabbccddeeff",
    ];
    let binary = |subtype, hex| mongodb::bson::Binary { subtype, bytes: bytes(hex) };
    let is =
        |binary: mongodb::bson::Binary, other| of(binary, ColumnType::Uuid).value().is(digest(Some(other)));
    for order in orders {
        for subtype in [BinarySubtype::UuidOld, BinarySubtype::Generic] {
            assert_eq!(is(binary(subtype, order), written), Ok(true), "{order}");
            assert_eq!(is(binary(subtype, order), "00112233-4455-6677-8899-aabbccddeefe"), Ok(false));
        }
    }
    assert_eq!(is(binary(BinarySubtype::Uuid, orders[0]), written), Ok(true));
    assert_eq!(is(binary(BinarySubtype::Uuid, orders[1]), written), Ok(false), "subtype 4 has one order");
    assert_eq!(is(binary(BinarySubtype::UuidOld, "0011"), written), Err(NotCompared::Unreadable));
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
        let form = hyphenated(&bytes);
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
            prop_assert_eq!(form, text(&number.to_string()));
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
        let forms = |Value { kind, sent, .. }: &Value| -> Vec<Canonical<'static>> {
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

fn binary(bytes: &[u8]) -> Bson {
    mongodb::bson::Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }.into()
}

fn date_time(millis: i64) -> Bson {
    mongodb::bson::DateTime::from_millis(millis).into()
}

/// Whether a value that a sink holds is found to be the one with this form.
fn is(value: Bson, kind: ColumnType, form: &str) -> Result<bool, NotCompared> {
    of(value, kind).value().is(digest(Some(form)))
}

#[test]
fn numbers_of_every_type_are_read_from_every_decimal_mode() {
    let scaled = |scale: i32, value: Bson| Bson::from(doc! { "scale": scale, "value": value });
    // 1234500 is 0x12d644.
    let free = [
        scaled(5, binary(&[0x12, 0xd6, 0x44])),
        scaled(5, "EtZE".into()),
        "12.345".into(),
        12.345.into(),
        decimal128("12.34500"),
    ];
    for value in free {
        assert_eq!(is(value.clone(), ColumnType::AnyNumeric, "12.345"), Ok(true), "{value:?}");
        assert_eq!(is(value.clone(), ColumnType::AnyNumeric, "12.346"), Ok(false), "{value:?}");
    }
    assert_eq!(is(scaled(-2, binary(&[0xff])), ColumnType::AnyNumeric, "-100"), Ok(true));
    assert_eq!(is(scaled(2, 7.into()), ColumnType::AnyNumeric, "0.07"), Err(NotCompared::Unreadable));
    assert_eq!(is((-7).into(), ColumnType::Smallint, "-7"), Ok(true));
    // What a float of four bytes is as one of eight.
    for value in [Bson::from(f64::from(0.1_f32)), 0.1.into(), "0.1".into(), decimal128("0.1")] {
        assert_eq!(is(value.clone(), ColumnType::Real, "0.1"), Ok(true), "{value:?}");
    }
    assert_eq!(is(f64::from(0.1_f32).into(), ColumnType::Double, "0.1"), Ok(false), "another float");
    assert_eq!(is(1e21.into(), ColumnType::Double, "1000000000000000000000"), Ok(true));
    assert_eq!(is("NaN".into(), ColumnType::Real, "0"), Err(NotCompared::Unreadable));
}

#[test]
fn days_and_moments_are_read_from_every_time_mode() {
    // 2026-01-31.
    let days = 20_484;
    for value in [
        Bson::from(days),
        i64::from(days).into(),
        date_time(i64::from(days) * 86_400_000),
        "2026-01-31".into(),
        "2026-01-31Z".into(),
    ] {
        assert_eq!(is(value.clone(), ColumnType::Date, "2026-01-31"), Ok(true), "{value:?}");
        assert_eq!(is(value.clone(), ColumnType::Date, "2026-02-01"), Ok(false), "{value:?}");
    }
    assert_eq!(is(date_time(1), ColumnType::Date, "1970-01-01"), Err(NotCompared::Unreadable), "no midnight");
    let millis = 1_795_406_706_789_i64;
    let form = "2026-11-23T04:05:06.789Z";
    for kind in [ColumnType::Timestamp, ColumnType::Timestamptz] {
        for value in [
            date_time(millis),
            millis.into(),
            (millis * 1_000).into(),
            (millis * 1_000_000).into(),
            form.into(),
            "2026-11-23T04:05:06.789000Z".into(),
            "2026-11-23T09:35:06.789+05:30".into(),
        ] {
            assert_eq!(is(value.clone(), kind, form), Ok(true), "{value:?}");
            assert_eq!(is(value.clone(), kind, "2026-11-23T04:05:06.788Z"), Ok(false), "{value:?}");
        }
        assert_eq!(is("soon".into(), kind, form), Err(NotCompared::Unreadable));
    }
}

#[test]
fn a_time_of_day_is_read_in_each_unit() {
    let (millis, form) = (45_000_123_i32, "12:30:00.123");
    for value in [
        date_time(millis.into()),
        millis.into(),
        (i64::from(millis) * 1_000).into(),
        (i64::from(millis) * 1_000_000).into(),
        "12:30:00.123".into(),
        "12:30:00.123456Z".into(),
    ] {
        assert_eq!(is(value.clone(), ColumnType::Time, form), Ok(true), "{value:?}");
        assert_eq!(is(value.clone(), ColumnType::Time, "12:30:00.124"), Ok(false), "{value:?}");
    }
    for bad in [Bson::from(-1), i64::MAX.into(), "noon".into(), date_time(86_400_000)] {
        assert_eq!(is(bad.clone(), ColumnType::Time, form), Err(NotCompared::Unreadable), "{bad:?}");
    }
}

#[test]
fn bytes_are_read_from_every_binary_mode() {
    let bytes = [0xfb, 0xff, 0x00, 0x61];
    for value in
        [binary(&bytes), "fbff0061".into(), "+/8AYQ==".into(), "-_8AYQ==".into(), r"\xfbff0061".into()]
    {
        assert_eq!(is(value.clone(), ColumnType::Bytea, "fbff0061"), Ok(true), "{value:?}");
        assert_eq!(is(value.clone(), ColumnType::Bytea, "fbff0062"), Ok(false), "{value:?}");
    }
    assert_eq!(is("no bytes".into(), ColumnType::Bytea, "00"), Err(NotCompared::Unreadable));
}

#[test]
fn spaces_and_prefixes_that_add_nothing_are_no_difference() {
    assert_eq!(is("ab    ".into(), ColumnType::Char { length: 6 }, "ab"), Ok(true));
    assert_eq!(is("ab    ".into(), ColumnType::Text, "ab"), Ok(false));
    assert_eq!(is("10.0.0.1/32".into(), ColumnType::Inet, "10.0.0.1"), Ok(true));
}

/// A value of a column as a connector with this placeholder leaves it.
fn of_column(value: Bson, kind: ColumnType, is_list: bool, unavailable: &str) -> ColumnValue {
    let document = RawDocumentBuf::try_from(&doc! { "v": value }).expect("a document");
    let value = document.get("v").expect("readable").expect("there");
    canonical_of_column(value, kind, is_list, unavailable).value()
}

#[test]
fn the_connectors_placeholder_is_no_value_in_whatever_form_it_comes() {
    let placeholder = "~gone~";
    let is = |value: Bson, kind, is_list| of_column(value, kind, is_list, placeholder).is(0);
    let left_out = Err(NotCompared::LeftOut);
    let numeric = ColumnType::Numeric { precision: 10, scale: 2 };
    for kind in [ColumnType::Text, numeric, ColumnType::Bytea, ColumnType::Integer] {
        assert_eq!(is(placeholder.into(), kind, false), left_out, "{kind:?}");
        assert!(is(mongodb::bson::bson!(["a", placeholder]), kind, true).is_err(), "{kind:?}");
    }
    assert_eq!(is(mongodb::bson::bson!([placeholder]), ColumnType::Text, true), left_out);
    assert_eq!(is(placeholder.into(), ColumnType::Text, true), left_out);
    // Bytes: as they are, as hexadecimal digits, as base64.
    let bytes = placeholder.as_bytes().to_vec();
    let binary = Bson::Binary(mongodb::bson::Binary { subtype: BinarySubtype::Generic, bytes });
    for bytes in [binary.clone(), "7e676f6e657e".into(), "fmdvbmV+".into()] {
        assert_eq!(is(bytes.clone(), ColumnType::Bytea, false), left_out, "{bytes}");
        assert_ne!(of_column(bytes, ColumnType::Bytea, false, UNAVAILABLE).is(0), left_out);
    }
    assert_ne!(is("fmdvbmV+".into(), ColumnType::Text, false), left_out, "of a text it is a value");
    // Another connector's placeholder is a value like any other.
    assert_eq!(of_column(UNAVAILABLE.into(), ColumnType::Text, false, UNAVAILABLE).is(0), left_out);
    let value = of_column(UNAVAILABLE.into(), ColumnType::Text, false, placeholder);
    assert_eq!(value.is(digest(Some(UNAVAILABLE))), Ok(true));
}

#[test]
fn an_array_is_its_elements_in_their_order() {
    let of_list = |value: Bson, kind: ColumnType| of_column(value, kind, true, UNAVAILABLE);
    let numbers = of_list(mongodb::bson::bson!([1, 2_i64, "3"]), ColumnType::Integer);
    assert_eq!(numbers.is(digest(Some("[1,2,3]"))), Ok(true));
    assert_eq!(numbers.is(digest(Some("[1,3,2]"))), Ok(false));
    let texts = of_list(mongodb::bson::bson!(["a,b", ""]), ColumnType::Text);
    assert_eq!(texts.is(digest(Some(r"[a\,b,]"))), Ok(true));
    let null = of_list(Bson::Null, ColumnType::Text);
    assert_eq!(null.is(digest(None)), Ok(true));
    for unreadable in [Bson::from("{a}"), mongodb::bson::bson!([1.5]), mongodb::bson::bson!([Bson::Null])] {
        assert_eq!(of_list(unreadable, ColumnType::Integer).is(0), Err(NotCompared::Unreadable));
    }
}
