//! The values of columns: what is sent to PostgreSQL and the canonical form it is checked by.

use streamgauge_shared::canonical;
use streamgauge_shared::content::ColumnDigest;
use streamgauge_shared::test_file::{Check, ColumnType, Entity, Literal};
use streamgauge_shared::time::UnixNanos;
use uuid::Uuid;

/// The value of one column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Of a column of type uuid.
    Uuid(Uuid),
    /// Of a column of type text.
    Text(String),
    /// Of a column of type integer.
    Integer(i32),
    /// Of a column of type bigint.
    Bigint(i64),
    /// Of a column of type numeric, with all digits of its scale: `12.50`.
    Numeric(String),
    /// Of a column of type boolean.
    Boolean(bool),
    /// Of a column of one of the timestamp types; whole milliseconds.
    Timestamp(UnixNanos),
    /// Of a column of type jsonb.
    Json(String),
}

impl Value {
    /// The value that a file's literal means in a column of this type.
    #[must_use]
    pub fn of(literal: &Literal, kind: ColumnType) -> Self {
        match (literal, kind) {
            (Literal::Text(text), ColumnType::Uuid) => Self::Uuid(
                Uuid::parse_str(text).expect("the file's reader takes only UUIDs for a uuid column"),
            ),
            (Literal::Text(text), ColumnType::Jsonb) => Self::Json(text.clone()),
            (Literal::Text(text), _) => Self::Text(text.clone()),
            (Literal::Int(number), ColumnType::Numeric { scale, .. }) => {
                Self::Numeric(decimal(i128::from(*number) * 10_i128.pow(u32::from(scale)), scale))
            }
            (Literal::Int(number), kind) => Self::whole(*number, kind),
            (Literal::Decimal(units), ColumnType::Numeric { scale, .. }) => {
                Self::Numeric(decimal(i128::from(*units), scale))
            }
            (Literal::Decimal(_), _) => {
                unreachable!("the file's reader takes decimals for numeric columns only")
            }
            (Literal::Bool(flag), _) => Self::Boolean(*flag),
        }
    }

    /// A whole number in a column of type integer or bigint.
    pub(super) fn whole(number: i64, kind: ColumnType) -> Self {
        match kind {
            ColumnType::Integer => Self::Integer(
                i32::try_from(number).expect("the file's reader checks the range of an integer"),
            ),
            ColumnType::Numeric { scale, .. } => {
                Self::Numeric(decimal(i128::from(number) * 10_i128.pow(u32::from(scale)), scale))
            }
            _ => Self::Bigint(number),
        }
    }

    /// A number in units of a numeric column's last digit.
    pub(super) fn units(units: i64, kind: ColumnType) -> Self {
        let ColumnType::Numeric { scale, .. } = kind else {
            unreachable!("the file's reader takes decimals for numeric columns only")
        };
        Self::Numeric(decimal(i128::from(units), scale))
    }

    /// The text that the value has on both sides of a pipeline; see [`canonical`]. Timestamps and JSON have
    /// none: theirs is the text that is written, which nothing is compared with.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::Uuid(uuid) => uuid.hyphenated().to_string(),
            Self::Text(text) | Self::Json(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Bigint(number) => number.to_string(),
            Self::Numeric(text) => {
                canonical::decimal(text).expect("a number that this program wrote is a decimal number")
            }
            Self::Boolean(flag) => flag.to_string(),
            Self::Timestamp(time) => time.to_rfc3339(),
        }
    }
}

/// The canonical text of a row's key.
#[must_use]
pub fn canonical_key(entity: &Entity, values: &[Value]) -> String {
    let parts: Vec<String> = entity.key.iter().map(|index| values[*index].canonical()).collect();
    canonical::key(&parts)
}

/// What the verified columns of a row with these values say.
#[must_use]
pub fn content(entity: &Entity, values: &[Value]) -> Vec<ColumnDigest> {
    entity.verified().map(|(index, _)| ColumnDigest::of(index, &values[index].canonical())).collect()
}

/// What a check expects of a row that was written with these values.
#[must_use]
pub fn expected(check: &Check, entity: &Entity, values: &[Value]) -> Vec<ColumnDigest> {
    let digest = |(index, literal): &(usize, Option<Literal>)| {
        let text = literal.as_ref().map_or_else(
            || values[*index].canonical(),
            |literal| Value::of(literal, entity.columns[*index].kind).canonical(),
        );
        ColumnDigest::of(*index, &text)
    };
    check.columns.iter().map(digest).collect()
}

/// `units` of the last of `scale` digits after the point: 1250 of two is `12.50`.
fn decimal(units: i128, scale: u8) -> String {
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
            let value = Value::of(&Literal::Decimal(units), ColumnType::Numeric { precision: 18, scale });
            assert_eq!(value, Value::Numeric(written.to_owned()));
            assert_eq!(value.canonical(), canonical);
        }
        let whole = Value::of(&Literal::Int(3), ColumnType::Numeric { precision: 5, scale: 2 });
        assert_eq!(whole.canonical(), "3");
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
