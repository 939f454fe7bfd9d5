//! What fills a column, as a model writes it. Pure.

use streamgauge_shared::canonical;
use streamgauge_shared::test_file::ColumnType;

use super::constraint::Allowed;
use super::toml_text::text;
use crate::postgres::schema::FoundType;

/// Numbers of a range that nothing narrows.
const SPREAD: i128 = 1_000;
/// Characters of a text that is no other row's: a run, a number, and a sign between.
const UNIQUE_LENGTH: u32 = 12 + 1 + 12;
/// Digits of a short text.
const DIGITS_MAX: u32 = 12;

/// A value of each type that no generator makes: it is written as text with a cast.
const SAMPLES: [(&str, &str); 20] = [
    ("interval", "1 day"),
    ("cidr", "10.0.0.0/24"),
    ("macaddr", "08:00:2b:01:02:03"),
    ("macaddr8", "08:00:2b:01:02:03:04:05"),
    ("money", "12.50"),
    ("timetz", "12:30:00+00"),
    ("tsvector", "one row"),
    ("tsquery", "row"),
    ("xml", "<row/>"),
    ("int4range", "[1,10)"),
    ("int8range", "[1,10)"),
    ("numrange", "[1,10)"),
    ("daterange", "[2026-01-01,2026-02-01)"),
    ("tsrange", "[2026-01-01,2026-02-01)"),
    ("tstzrange", "[2026-01-01,2026-02-01)"),
    ("point", "(1,2)"),
    ("box", "(3,4),(1,2)"),
    ("circle", "<(1,2),3>"),
    ("varbit", "101"),
    ("bpchar", "x"),
];

/// The type of a column in a model: `type = "text", cast = "mood"`. Nothing for a type that has no text here.
pub(super) fn type_of(found: &FoundType) -> Option<String> {
    let list = if found.is_list { "[]" } else { "" };
    let own = found.own.as_ref().map(ToString::to_string);
    match (found.kind, own) {
        (Some(kind), None) => Some(format!("type = {}", text(&format!("{}{list}", kind.declared())))),
        (Some(kind), Some(own)) => {
            Some(format!("type = {}, cast = {}", text(&format!("{}{list}", kind.declared())), text(&own)))
        }
        (None, own) => {
            sample(found)?;
            let cast = own.unwrap_or_else(|| found.type_name.clone());
            Some(format!("type = {}, cast = {}", text(&format!("text{list}")), text(&cast)))
        }
    }
}

fn sample(found: &FoundType) -> Option<&'static str> {
    SAMPLES.iter().find(|(name, _)| *name == found.type_name).map(|(_, sample)| *sample)
}

/// The generator of a column, without its braces: `generate = "int", min = 1, max = 5`. Nothing where no generator keeps what
/// the constraints allow, or none makes such a type.
pub(super) fn of(name: &str, found: &FoundType, allowed: &[Allowed], id_is_uuid: bool) -> Option<String> {
    let Some(kind) = found.kind else {
        return sample(found).map(|sample| format!("generate = \"fixed\", value = {}", text(sample)));
    };
    if found.is_enum {
        return choices(found.labels.iter().map(|label| text(label)).collect());
    }
    if let Some(Allowed::Values(values)) =
        allowed.iter().find(|allowed| matches!(allowed, Allowed::Values(_)))
    {
        let is_number = kind.whole_numbers().is_some() || kind.is_decimal();
        let value = |value: &String| match value.parse::<f64>() {
            Ok(_) if is_number => Some(value.clone()),
            _ => kind.is_text().then(|| text(value)),
        };
        return choices(values.iter().map(value).collect::<Option<_>>()?);
    }
    let day = ("2026-01-01", "2026-12-31");
    Some(match kind {
        ColumnType::Uuid => "generate = \"uuid\"".to_owned(),
        ColumnType::Text | ColumnType::Varchar { .. } | ColumnType::Char { .. } | ColumnType::Citext => {
            format!("generate = \"template\", template = {}", text(&template(name, kind, id_is_uuid)))
        }
        ColumnType::Smallint | ColumnType::Integer | ColumnType::Bigint => {
            let range = kind.whole_numbers()?;
            let limits = (i128::from(*range.start()), i128::from(*range.end()));
            let (low, high) = range_of(allowed, 0, 1, limits)?;
            format!("generate = \"int\", min = {low}, max = {high}")
        }
        ColumnType::Numeric { .. } | ColumnType::AnyNumeric | ColumnType::Real | ColumnType::Double => {
            decimal(kind, allowed)?
        }
        ColumnType::Boolean => "generate = \"bool\"".to_owned(),
        ColumnType::Date => format!("generate = \"date\", from = {}, to = {}", day.0, day.1),
        ColumnType::Time => "generate = \"time\", from = 08:00:00, to = 18:00:00".to_owned(),
        ColumnType::Timestamptz | ColumnType::Timestamp => {
            format!("generate = \"timestamp\", from = {}T00:00:00Z, to = {}T00:00:00Z", day.0, day.1)
        }
        ColumnType::Bytea => "generate = \"bytes\", size = 16".to_owned(),
        ColumnType::Inet => {
            "generate = \"template\", template = \"10.{int(0,255)}.{int(0,255)}.{int(1,254)}\"".to_owned()
        }
        ColumnType::Jsonb | ColumnType::Json => {
            "generate = \"template\", template = '{{\"value\": {int(1,1000)}}}'".to_owned()
        }
    })
}

fn choices(values: Vec<String>) -> Option<String> {
    (!values.is_empty()).then(|| format!("generate = \"choice\", choices = [{}]", values.join(", ")))
}

/// A text that is no other row's, as far as it fits.
fn template(name: &str, kind: ColumnType, id_is_uuid: bool) -> String {
    let name: String = name.chars().filter(|letter| !matches!(letter, '{' | '}')).collect();
    let unique = if id_is_uuid { ("{id}", 36) } else { ("{run}-{sequence}", UNIQUE_LENGTH) };
    let label = u32::try_from(name.chars().count()).unwrap_or(u32::MAX).saturating_add(1);
    match kind.length() {
        None => format!("{name}-{}", unique.0),
        Some(length) if length >= unique.1.saturating_add(label) => format!("{name}-{}", unique.0),
        Some(length) if length >= unique.1 => unique.0.to_owned(),
        Some(length) => format!("{{digits({})}}", length.min(DIGITS_MAX)),
    }
}

fn decimal(kind: ColumnType, allowed: &[Allowed]) -> Option<String> {
    let (usual, after_max) = match kind {
        ColumnType::Numeric { scale, .. } => (u32::from(scale.min(2)), u32::from(scale)),
        ColumnType::Real => (1, 2),
        ColumnType::Double => (3, 6),
        _ => (2, 6),
    };
    let needed = allowed.iter().flat_map(bounds).map(|(number, _)| fraction(&number)).max().unwrap_or(0);
    let scale = usual.max(needed);
    if scale > after_max {
        return None;
    }
    let limit = match kind {
        ColumnType::Numeric { precision, scale: all } => {
            10_i128.checked_pow((u32::from(precision) - u32::from(all)).min(15) + scale)? - 1
        }
        ColumnType::Real => 10_i128.pow(4 + scale) - 1,
        _ => 10_i128.pow(9 + scale) - 1,
    };
    let (low, high) = range_of(allowed, scale, 0, (-limit, limit))?;
    Some(format!("generate = \"decimal\", min = {}, max = {}", written(low, scale), written(high, scale)))
}

fn bounds(allowed: &Allowed) -> Vec<(String, bool)> {
    match allowed {
        Allowed::Range { low, high } => low.iter().chain(high).cloned().collect(),
        Allowed::Values(_) => Vec::new(),
    }
}

fn fraction(number: &str) -> u32 {
    let canonical = canonical::decimal(number).unwrap_or_default();
    canonical.split_once('.').map_or(0, |(_, fraction)| u32::try_from(fraction.len()).unwrap_or(u32::MAX))
}

/// The range that all constraints leave, in units of the last of `scale` digits; `usual` is where it begins if it may.
fn range_of(
    allowed: &[Allowed],
    scale: u32,
    usual: i128,
    (least, most): (i128, i128),
) -> Option<(i128, i128)> {
    let (mut low, mut high) = (None::<i128>, None::<i128>);
    for allowed in allowed {
        let Allowed::Range { low: from, high: to } = allowed else { continue };
        if let Some((number, included)) = from {
            let bound = units(number, scale)? + i128::from(!included);
            low = Some(low.map_or(bound, |low| low.max(bound)));
        }
        if let Some((number, included)) = to {
            let bound = units(number, scale)? - i128::from(!included);
            high = Some(high.map_or(bound, |high| high.min(bound)));
        }
    }
    let spread = SPREAD * 10_i128.checked_pow(scale)? - 1;
    let low = low.unwrap_or_else(|| high.map_or(usual, |high| usual.min(high - spread))).max(least);
    let high = high.unwrap_or(low + spread).min(most);
    (low <= high).then_some((low, high))
}

fn units(number: &str, scale: u32) -> Option<i128> {
    let canonical = canonical::decimal(number)?;
    let (whole, fraction) = canonical.split_once('.').unwrap_or((&canonical, ""));
    let missing = usize::try_from(scale).ok()?.checked_sub(fraction.len())?;
    format!("{whole}{fraction}{}", "0".repeat(missing)).parse().ok()
}

fn written(units: i128, scale: u32) -> String {
    let (sign, digits) = (if units < 0 { "-" } else { "" }, units.unsigned_abs().to_string());
    let scale = usize::try_from(scale).unwrap_or(0);
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(declared: &str) -> FoundType {
        let kind = ColumnType::parse(declared).ok();
        FoundType {
            declared: declared.to_owned(),
            type_name: declared.to_owned(),
            kind,
            ..FoundType::default()
        }
    }

    fn range(low: Option<(&str, bool)>, high: Option<(&str, bool)>) -> [Allowed; 1] {
        let end = |end: Option<(&str, bool)>| end.map(|(number, included)| (number.to_owned(), included));
        [Allowed::Range { low: end(low), high: end(high) }]
    }

    #[test]
    fn ranges_are_those_of_the_constraints_and_of_the_type() {
        let cases = [
            ("integer", None, None, "generate = \"int\", min = 1, max = 1000"),
            ("smallint", Some(("32000", true)), None, "generate = \"int\", min = 32000, max = 32767"),
            ("integer", Some(("0", false)), Some(("10", false)), "generate = \"int\", min = 1, max = 9"),
            ("bigint", None, Some(("-5", true)), "generate = \"int\", min = -1004, max = -5"),
            ("numeric(4,2)", None, None, "generate = \"decimal\", min = 0.00, max = 99.99"),
            ("numeric(10,2)", Some(("0", false)), None, "generate = \"decimal\", min = 0.01, max = 1000.00"),
            (
                "numeric(3,0)",
                Some(("1", true)),
                Some(("5", true)),
                "generate = \"decimal\", min = 1, max = 5",
            ),
            ("real", None, Some(("0.25", true)), "generate = \"decimal\", min = -999.74, max = 0.25"),
        ];
        for (kind, low, high, expected) in cases {
            assert_eq!(of("c", &found(kind), &range(low, high), true).as_deref(), Some(expected), "{kind}");
        }
        assert_eq!(of("c", &found("numeric(4,1)"), &range(Some(("0.25", true)), None), true), None);
        assert_eq!(
            of("c", &found("integer"), &range(Some(("5", false)), Some(("6", false))), true),
            None,
            "nothing is left"
        );
    }

    #[test]
    fn lists_and_labels_are_choices() {
        let values = [Allowed::Values(vec!["new".into(), "\"paid\"".into()])];
        assert_eq!(
            of("status", &found("varchar(10)"), &values, true).as_deref(),
            Some(r#"generate = "choice", choices = ["new", "\"paid\""]"#)
        );
        let numbers = [Allowed::Values(vec!["1".into(), "-3".into()])];
        assert_eq!(
            of("n", &found("smallint"), &numbers, true).as_deref(),
            Some("generate = \"choice\", choices = [1, -3]")
        );
        let labels = vec!["sad".to_owned(), "ok".to_owned()];
        let own = "mood".parse().ok();
        let mood = FoundType {
            is_enum: true,
            labels,
            own,
            kind: Some(ColumnType::Text),
            is_list: true,
            ..found("mood")
        };
        assert_eq!(
            of("m", &mood, &[], true).as_deref(),
            Some(r#"generate = "choice", choices = ["sad", "ok"]"#)
        );
        assert_eq!(type_of(&mood).as_deref(), Some(r#"type = "text[]", cast = "mood""#));
    }

    #[test]
    fn texts_are_as_long_as_fits() {
        let template = |kind: &str, id| template("name", ColumnType::parse(kind).expect(kind), id);
        assert_eq!(template("text", true), "name-{id}");
        assert_eq!(template("varchar(38)", true), "{id}");
        assert_eq!(template("varchar(40)", false), "name-{run}-{sequence}");
        assert_eq!(template("varchar(20)", true), "{digits(12)}");
        assert_eq!(template("char(3)", true), "{digits(3)}");
    }

    #[test]
    fn a_type_without_a_generator_has_a_value_or_is_left_to_a_person() {
        assert_eq!(type_of(&found("interval")).as_deref(), Some(r#"type = "text", cast = "interval""#));
        assert_eq!(
            of("i", &found("interval"), &[], true).as_deref(),
            Some(r#"generate = "fixed", value = "1 day""#)
        );
        assert_eq!((type_of(&found("pg_lsn")), of("p", &found("pg_lsn"), &[], true)), (None, None));
    }
}
