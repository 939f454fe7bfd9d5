//! What fills a column, as a model writes it. Pure.

use streamgauge_shared::canonical;
use streamgauge_shared::test_file::ColumnType;

use super::constraint::Allowed;
use super::filling::Filling;
use super::toml_text::text;
use crate::postgres::schema::FoundType;

/// Numbers of a range that nothing narrows.
const SPREAD: i128 = 1_000;
/// Characters of a text that is no other row's: a run, a number, and a sign between.
const UNIQUE_LENGTH: u32 = 12 + 1 + 12;
/// Digits of a short text, and how many make it one that hardly comes twice.
const DIGITS_MAX: u32 = 12;
const DIGITS_UNIQUE: u32 = 9;
/// Where days and moments begin that nothing narrows.
const FIRST_DAY: &str = "2026-01-01 00:00:00";
/// From the first to the last day of a year.
const YEAR_DAYS: i64 = 364;
const DAY_MILLIS: i64 = 86_400_000;

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

/// What fills a column whose name, type and constraints are these. Nothing where nothing keeps what the constraints allow, or
/// makes such a type. `id_is_uuid`: the row's key is a UUID of ours. `is_unique`: no two rows may have the same value.
pub(super) fn of(
    name: &str,
    found: &FoundType,
    allowed: &[Allowed],
    id_is_uuid: bool,
    is_unique: bool,
) -> Option<Filling> {
    let Some(kind) = found.kind else {
        return sample(found).map(|sample| Filling::Fixed(sample.to_owned()));
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
    let is_ranged = allowed.iter().any(|allowed| matches!(allowed, Allowed::Range { .. }));
    let template = |template: &str| Filling::Template { template: template.to_owned(), is_unique: false };
    Some(match kind {
        ColumnType::Smallint | ColumnType::Integer | ColumnType::Bigint => {
            let range = kind.whole_numbers()?;
            let limits = (i128::from(*range.start()), i128::from(*range.end()));
            let spread = if is_unique { limits.1 } else { SPREAD };
            let (min, max) = range_of(allowed, 0, 1, spread, limits)?;
            Filling::Int { min, max }
        }
        ColumnType::Numeric { .. } | ColumnType::AnyNumeric | ColumnType::Real | ColumnType::Double => {
            decimal(kind, allowed)?
        }
        ColumnType::Date | ColumnType::Timestamptz | ColumnType::Timestamp => moments(kind, allowed)?,
        // Which text lies between two others is a question of their order, which is the server's.
        _ if is_ranged => return None,
        ColumnType::Uuid => Filling::Uuid,
        ColumnType::Text | ColumnType::Varchar { .. } | ColumnType::Char { .. } | ColumnType::Citext => {
            texts(name, kind, id_is_uuid)
        }
        ColumnType::Boolean => Filling::Bool,
        ColumnType::Time => {
            Filling::Between { generator: "time", from: "08:00:00".to_owned(), to: "18:00:00".to_owned() }
        }
        ColumnType::Bytea => Filling::Bytes,
        ColumnType::Inet => template("10.{int(0,255)}.{int(0,255)}.{int(1,254)}"),
        ColumnType::Jsonb | ColumnType::Json => template(r#"{{"value": {int(1,1000)}}}"#),
    })
}

fn choices(values: Vec<String>) -> Option<Filling> {
    (!values.is_empty()).then_some(Filling::Choice(values))
}

/// Days or moments of the range that partitions leave, else of one year.
fn moments(kind: ColumnType, allowed: &[Allowed]) -> Option<Filling> {
    let is_date = kind == ColumnType::Date;
    let read =
        |text: &str| if is_date { canonical::date_of(text) } else { canonical::moment_of(&zoned(text)) };
    let (mut low, mut high) = (None::<i64>, None::<i64>);
    for allowed in allowed {
        let Allowed::Range { low: from, high: to } = allowed else { continue };
        if let Some((text, included)) = from {
            low = Some(read(text)? + i64::from(!included));
        }
        if let Some((text, included)) = to {
            high = Some(read(text)? - i64::from(!included));
        }
    }
    let a_year = if is_date { YEAR_DAYS } else { YEAR_DAYS * DAY_MILLIS };
    let low = match (low, high) {
        (Some(low), _) => low,
        (None, Some(high)) => high - a_year,
        (None, None) => read(FIRST_DAY)?,
    };
    let high = high.unwrap_or(low + a_year);
    let said = |value: i64| if is_date { canonical::date(value) } else { canonical::moment(value) };
    let generator = if is_date { "date" } else { "timestamp" };
    (low <= high).then(|| Filling::Between { generator, from: said(low), to: said(high) })
}

/// A moment as PostgreSQL prints it, with minutes in its zone: `+00` is `+00:00`.
fn zoned(text: &str) -> String {
    let (_, time) = text.split_once(' ').unwrap_or_default();
    match time.find(['+', '-']) {
        Some(at) if time.len() - at == "+00".len() => format!("{text}:00"),
        _ => text.to_owned(),
    }
}

/// A text that is no other row's, as far as it fits.
fn texts(name: &str, kind: ColumnType, id_is_uuid: bool) -> Filling {
    let name: String = name.chars().filter(|letter| !matches!(letter, '{' | '}')).collect();
    let unique = if id_is_uuid { ("{id}", 36) } else { ("{run}-{sequence}", UNIQUE_LENGTH) };
    let label = u32::try_from(name.chars().count()).unwrap_or(u32::MAX).saturating_add(1);
    let (template, is_unique) = match kind.length() {
        Some(length) if length < unique.1 => {
            let digits = length.min(DIGITS_MAX);
            (format!("{{digits({digits})}}"), digits >= DIGITS_UNIQUE)
        }
        Some(length) if length < unique.1.saturating_add(label) => (unique.0.to_owned(), true),
        _ => (format!("{name}-{}", unique.0), true),
    };
    Filling::Template { template, is_unique }
}

fn decimal(kind: ColumnType, allowed: &[Allowed]) -> Option<Filling> {
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
    let spread = SPREAD * 10_i128.checked_pow(scale)?;
    let (low, high) = range_of(allowed, scale, 0, spread, (-limit, limit))?;
    Some(Filling::Decimal { min: written(low, scale), max: written(high, scale) })
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

/// The range that all constraints leave, in units of the last of `scale` digits; `usual` is where it begins if it may, `spread`
/// how many values it then has.
fn range_of(
    allowed: &[Allowed],
    scale: u32,
    usual: i128,
    spread: i128,
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
    let low = low.unwrap_or_else(|| high.map_or(usual, |high| usual.min(high - (spread - 1)))).max(least);
    let high = high.unwrap_or(low + (spread - 1)).min(most);
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

    fn filled(name: &str, found: &FoundType, allowed: &[Allowed]) -> Option<String> {
        of(name, found, allowed, true, false).map(|filling| filling.to_string())
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
            assert_eq!(filled("c", &found(kind), &range(low, high)).as_deref(), Some(expected), "{kind}");
        }
        assert_eq!(filled("c", &found("numeric(4,1)"), &range(Some(("0.25", true)), None)), None);
        assert_eq!(
            filled("c", &found("integer"), &range(Some(("5", false)), Some(("6", false)))),
            None,
            "nothing is left"
        );
        assert_eq!(filled("c", &found("text"), &range(Some(("a", true)), Some(("m", false)))), None);
        let of_all = of("c", &found("integer"), &[], true, true);
        assert_eq!(of_all, Some(Filling::Int { min: 1, max: i128::from(i32::MAX) }), "no two the same");
    }

    #[test]
    fn days_and_moments_are_those_that_a_partition_takes() {
        let cases = [
            ("date", None, None, "date\", from = 2026-01-01, to = 2026-12-31"),
            (
                "date",
                Some(("2025-05-01", true)),
                Some(("2025-06-01", false)),
                "date\", from = 2025-05-01, to = 2025-05-31",
            ),
            ("date", None, Some(("2020-01-01", false)), "date\", from = 2019-01-01, to = 2019-12-31"),
            (
                "timestamptz",
                Some(("2026-03-01 00:00:00+00", true)),
                Some(("2026-04-01 02:00:00+02", false)),
                "timestamp\", from = 2026-03-01T00:00:00.000Z, to = 2026-03-31T23:59:59.999Z",
            ),
            (
                "timestamp",
                Some(("2026-03-01 00:00:00", true)),
                Some(("2026-03-02 00:00:00", false)),
                "timestamp\", from = 2026-03-01T00:00:00.000Z, to = 2026-03-01T23:59:59.999Z",
            ),
        ];
        for (kind, low, high, expected) in cases {
            let allowed = range(low, high);
            let expected = format!("generate = \"{expected}");
            assert_eq!(filled("c", &found(kind), &allowed), Some(expected), "{kind} {allowed:?}");
        }
        assert_eq!(filled("c", &found("date"), &range(Some(("1st of May", true)), None)), None);
    }

    #[test]
    fn lists_and_labels_are_choices() {
        let values = [Allowed::Values(vec!["new".into(), "\"paid\"".into()])];
        assert_eq!(
            filled("status", &found("varchar(10)"), &values).as_deref(),
            Some(r#"generate = "choice", choices = ["new", "\"paid\""]"#)
        );
        let numbers = [Allowed::Values(vec!["1".into(), "-3".into()])];
        assert_eq!(
            filled("n", &found("smallint"), &numbers).as_deref(),
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
            filled("m", &mood, &[]).as_deref(),
            Some(r#"generate = "choice", choices = ["sad", "ok"]"#)
        );
        assert_eq!(type_of(&mood).as_deref(), Some(r#"type = "text[]", cast = "mood""#));
    }

    #[test]
    fn texts_are_as_long_as_fits() {
        let cases = [
            ("text", true, "name-{id}", true),
            ("varchar(38)", true, "{id}", true),
            ("varchar(40)", false, "name-{run}-{sequence}", true),
            ("varchar(20)", true, "{digits(12)}", true),
            ("char(3)", true, "{digits(3)}", false),
        ];
        for (kind, id_is_uuid, template, is_unique) in cases {
            let template = template.to_owned();
            let expected = Filling::Template { template, is_unique };
            assert_eq!(texts("name", ColumnType::parse(kind).expect(kind), id_is_uuid), expected, "{kind}");
        }
    }

    #[test]
    fn a_type_without_a_generator_has_a_value_or_is_left_to_a_person() {
        assert_eq!(type_of(&found("interval")).as_deref(), Some(r#"type = "text", cast = "interval""#));
        assert_eq!(
            filled("i", &found("interval"), &[]).as_deref(),
            Some(r#"generate = "fixed", value = "1 day""#)
        );
        assert_eq!((type_of(&found("pg_lsn")), filled("p", &found("pg_lsn"), &[])), (None, None));
    }
}
