//! The values of columns: what is sent to PostgreSQL and the canonical form it is checked by.

use streamgauge_shared::canonical;
use streamgauge_shared::content::ColumnDigest;
use streamgauge_shared::ledger::Made;
use streamgauge_shared::test_file::{Check, ColumnType, Entity, Literal};
use streamgauge_shared::time::{NANOS_PER_MILLI, UnixNanos};
use uuid::Uuid;

/// The value of one column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Of a column of type uuid.
    Uuid(Uuid),
    /// Of a column of type text, varchar, citext, or an enum.
    Text(String),
    /// Of a column of type char(n), which PostgreSQL fills up with spaces.
    Char(String),
    /// Of a column of type smallint.
    Smallint(i16),
    /// Of a column of type integer.
    Integer(i32),
    /// Of a column of type bigint.
    Bigint(i64),
    /// Of a column of type numeric or a float, with all digits of its scale: `12.50`.
    Numeric(String),
    /// Of a column of type boolean.
    Boolean(bool),
    /// Of a column of one of the timestamp types; whole milliseconds.
    Timestamp(UnixNanos),
    /// Of a column of type date: days since 1970-01-01.
    Date(i64),
    /// Of a column of type time: milliseconds since midnight.
    Time(i64),
    /// Of a column of type bytea.
    Bytes(Vec<u8>),
    /// Of a column of type inet.
    Address(String),
    /// Of a column of type json or jsonb.
    Json(String),
    /// Of an array.
    List(Vec<Self>),
    /// Of a column of the key that the database fills, until it has.
    ByDatabase,
}

impl Value {
    /// The value that a file's literal means in a column of this type.
    #[must_use]
    pub fn of(literal: &Literal, kind: ColumnType) -> Self {
        match literal {
            Literal::Text(text) if kind == ColumnType::Uuid => Self::Uuid(
                Uuid::parse_str(text).expect("the file's reader takes only UUIDs for a uuid column"),
            ),
            Literal::Text(text) => Self::text(text.clone(), kind),
            Literal::Int(number) => Self::whole(*number, kind),
            Literal::Decimal { units, scale } => Self::units(*units, *scale),
            Literal::Bool(flag) => Self::Boolean(*flag),
            Literal::Date(days) => Self::Date(*days),
            Literal::Time(millis) => Self::Time(*millis),
            Literal::Moment(moment) => Self::Timestamp(*moment),
            Literal::Bytes(bytes) => Self::Bytes(bytes.clone()),
        }
    }

    /// A text in a column of one of the types that take texts.
    pub(super) fn text(text: String, kind: ColumnType) -> Self {
        match kind {
            ColumnType::Char { .. } => Self::Char(text),
            ColumnType::Json | ColumnType::Jsonb => Self::Json(text),
            ColumnType::Inet => Self::Address(text),
            _ => Self::Text(text),
        }
    }

    /// A whole number in a column of one of the types of whole numbers.
    pub(super) fn whole(number: i64, kind: ColumnType) -> Self {
        const CHECKED: &str = "the file's reader checks the range of whole numbers";
        match kind {
            ColumnType::Smallint => Self::Smallint(i16::try_from(number).expect(CHECKED)),
            ColumnType::Integer => Self::Integer(i32::try_from(number).expect(CHECKED)),
            _ => Self::Bigint(number),
        }
    }

    /// A number in units of the last of `scale` digits after the point.
    pub(super) fn units(units: i64, scale: u8) -> Self {
        Self::Numeric(decimal(units, scale))
    }

    /// The text that the value has on both sides of a pipeline; see [`canonical`]. JSON has none: its text is the one
    /// that is written, which nothing is compared with.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::Uuid(uuid) => uuid.hyphenated().to_string(),
            Self::Text(text) | Self::Json(text) => text.clone(),
            Self::Char(text) => text.trim_end_matches(' ').to_owned(),
            Self::Smallint(number) => number.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Bigint(number) => number.to_string(),
            Self::Numeric(text) => {
                canonical::decimal(text).expect("a number that this program wrote is a decimal number")
            }
            Self::Boolean(flag) => flag.to_string(),
            Self::ByDatabase => unreachable!("nobody asks what a value says that is not there yet"),
            Self::Timestamp(time) => canonical::moment(time.0.div_euclid(NANOS_PER_MILLI)),
            Self::Date(days) => canonical::date(*days),
            Self::Time(millis) => canonical::time(*millis).expect("a day has so many milliseconds"),
            Self::Bytes(bytes) => canonical::bytes(bytes),
            Self::Address(text) => canonical::address(text).unwrap_or_else(|| text.clone()),
            Self::List(elements) => {
                canonical::list(&elements.iter().map(Self::canonical).collect::<Vec<_>>())
            }
        }
    }

    /// The value as PostgreSQL reads it from a text.
    #[must_use]
    pub fn written(&self) -> String {
        match self {
            Self::Numeric(text) | Self::Text(text) | Self::Char(text) | Self::Address(text) => text.clone(),
            Self::Bytes(bytes) => format!("\\x{}", canonical::bytes(bytes)),
            Self::List(elements) => {
                // Quotes around each: an element may be empty, or read `null`, or hold what parts elements.
                let quoted = |element: &Self| {
                    format!("\"{}\"", element.written().replace('\\', "\\\\").replace('"', "\\\""))
                };
                format!("{{{}}}", elements.iter().map(quoted).collect::<Vec<_>>().join(","))
            }
            other => other.canonical(),
        }
    }

    /// Whether it is there.
    #[must_use]
    pub fn is_known(&self) -> bool {
        *self != Self::ByDatabase
    }
}

/// The canonical text of a row's key; nothing while the database has not said all of it.
#[must_use]
pub fn canonical_key(entity: &Entity, values: &[Value]) -> Option<String> {
    let part = |index: &usize| values[*index].is_known().then(|| values[*index].canonical());
    let parts: Vec<String> = entity.key.iter().map(part).collect::<Option<_>>()?;
    Some(canonical::key(&parts))
}

/// What the verified columns of a row with these values say, as far as they are known.
#[must_use]
pub fn content(entity: &Entity, values: &[Value]) -> Vec<ColumnDigest> {
    let known = entity.verified().filter(|(index, _)| values[*index].is_known());
    known.map(|(index, _)| ColumnDigest::of(index, &values[index].canonical())).collect()
}

/// What a check expects of a row that was written with these values, as far as they are known.
#[must_use]
pub fn expected(check: &Check, entity: &Entity, values: &[Value]) -> Vec<ColumnDigest> {
    let digest = |(index, literal): &(usize, Option<Literal>)| {
        let text = match literal {
            Some(literal) => Value::of(literal, entity.columns[*index].kind).canonical(),
            None if values[*index].is_known() => values[*index].canonical(),
            None => return None,
        };
        Some(ColumnDigest::of(*index, &text))
    };
    check.columns.iter().filter_map(digest).collect()
}

/// What could not be said of a row before the database had filled these columns of it.
#[must_use]
pub fn made(check: Option<&Check>, entity: &Entity, values: &[Value], filled: &[usize]) -> Option<Made> {
    let is_new = |digest: &ColumnDigest| filled.iter().any(|index| usize::from(digest.column) == *index);
    let mut content = content(entity, values);
    content.retain(is_new);
    let mut expected = check.map(|check| expected(check, entity, values)).unwrap_or_default();
    // One that the step itself says was known before.
    let is_said = |digest: &ColumnDigest| {
        let mut columns = check.iter().flat_map(|check| &check.columns);
        columns.any(|(index, literal)| usize::from(digest.column) == *index && literal.is_some())
    };
    expected.retain(|digest| is_new(digest) && !is_said(digest));
    Some(Made { key: canonical_key(entity, values)?, content, check: expected })
}

/// `units` of the last of `scale` digits after the point: 1250 of two is `12.50`.
fn decimal(units: i64, scale: u8) -> String {
    let (sign, digits) = (if units < 0 { "-" } else { "" }, units.unsigned_abs().to_string());
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let scale = usize::from(scale);
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::tests::bookings;

    #[test]
    fn units_become_digits_with_a_point() {
        let cases = [
            (1_250, 2, "12.50", "12.5"),
            (-1, 2, "-0.01", "-0.01"),
            (0, 3, "0.000", "0"),
            (7, 0, "7", "7"),
            (-1_000, 1, "-100.0", "-100"),
        ];
        for (units, scale, written, canonical) in cases {
            let kind = ColumnType::Numeric { precision: 18, scale: scale.into() };
            let value = Value::of(&Literal::Decimal { units, scale }, kind);
            assert_eq!(value, Value::Numeric(written.to_owned()));
            assert_eq!(value.canonical(), canonical);
        }
    }

    #[test]
    fn each_type_is_written_as_postgresql_reads_it_and_compared_by_its_form() {
        let moment = UnixNanos::from_millis(1_795_406_706_789);
        let texts =
            |texts: &[&str]| Value::List(texts.iter().map(|text| Value::Text((*text).to_owned())).collect());
        let cases = [
            (Value::Char("ab ".into()), "ab ", "ab"),
            (Value::Smallint(-7), "-7", "-7"),
            (Value::Timestamp(moment), "2026-11-23T04:05:06.789Z", "2026-11-23T04:05:06.789Z"),
            (Value::Date(20_484), "2026-01-31", "2026-01-31"),
            (Value::Time(45_000_123), "12:30:00.123", "12:30:00.123"),
            (Value::Bytes(vec![0, 255]), r"\x00ff", "00ff"),
            (Value::Address("10.0.0.1/32".into()), "10.0.0.1/32", "10.0.0.1"),
            (texts(&[]), "{}", "[]"),
            (texts(&["a,b", "", r#"say "\hi""#]), r#"{"a,b","","say \"\\hi\""}"#, r#"[a\,b,,say "\\hi"]"#),
            (Value::List(vec![Value::Bigint(1), Value::Bigint(-2)]), r#"{"1","-2"}"#, "[1,-2]"),
        ];
        for (value, written, canonical) in cases {
            assert_eq!(
                (value.written().as_str(), value.canonical().as_str()),
                (written, canonical),
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_check_expects_its_literals_and_otherwise_the_row() {
        let entity = &bookings().entities[1];
        let mut values = vec![Value::Boolean(false); entity.columns.len()];
        let (region, price) = (0, 3);
        values[region] = Value::Text("eu".into());
        values[price] = Value::Numeric("12.50".into());
        let check =
            Check { entity: 1, columns: vec![(price, None), (region, Some(Literal::Text("us".into())))] };
        let says = [ColumnDigest::of(price, "12.5"), ColumnDigest::of(region, "us")];
        assert_eq!(expected(&check, entity, &values), says);
    }
}
