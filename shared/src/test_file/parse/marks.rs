//! Reads the marks of a model file: `[entities.customer.mongo.marks]`.

use super::model::path;
use crate::marks::{Mark, MarkName, Unit};
use crate::test_file::reader::Value;

/// The marks of one entity in the order of the way; mistakes go to the document.
pub(super) fn read(value: &Value<'_, '_>) -> Option<Vec<Mark>> {
    let table = value.table()?;
    let named = MarkName::ALL.into_iter().filter_map(|name| Some((name, table.get(name.name())?)));
    let marks: Vec<Option<Mark>> = named.map(|(name, value)| mark(&value, name)).collect();
    if marks.is_empty() {
        table.mistake(
            "no mark is named: write for example committed = { path = \"__source_ts_us\", unit = \"us\" }, or leave the table out",
        );
    }
    table.finish();
    let marks: Vec<Mark> = marks.into_iter().collect::<Option<_>>()?;
    for (index, mark) in marks.iter().enumerate() {
        if let Some(other) = marks[..index].iter().find(|other| other.path == mark.path) {
            value.mistake(format!(
                "marks '{}' and '{}' both stand at '{}': give each its own path",
                other.name.name(),
                mark.name.name(),
                mark.path
            ));
        }
    }
    Some(marks)
}

fn mark(value: &Value<'_, '_>, name: MarkName) -> Option<Mark> {
    let table = value.table()?;
    let path = table.require("path", "\"__source_ts_us\"").and_then(|value| path(&value));
    let unit = table.require("unit", "\"us\"").and_then(|value| value.word("unit", &Unit::ALL));
    table.finish();
    Some(Mark { name, path: path?, unit: unit? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_file::{Scale, Source, Test, parse};

    const SHOP: &str = include_str!("../../../../scenarios/models/shop.toml");

    fn with(marks: &str) -> Result<Test, Vec<String>> {
        let source = |name: &str, text: String| Source { name: name.into(), text };
        let test = source("t.toml", include_str!("../../../../scenarios/e2e-latency.toml").to_owned());
        let soft = "deletes = \"remove\"";
        assert!(SHOP.contains(soft));
        let model = source("m.toml", SHOP.replacen(soft, &format!("{soft}\n{marks}"), 1));
        let read = parse(&test, Scale::default(), Scale::default(), |_| Ok(model));
        read.map(|(test, _)| test).map_err(|mistakes| mistakes.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn any_of_the_marks_are_read_in_the_order_of_the_way() {
        let marks = |text: &str| with(text).expect("a model").model.entities[0].landing.marks.clone();
        let mark = |name, path: &str, unit| Mark { name, path: path.into(), unit };
        let some = marks(
            "[entities.customer.mongo.marks]\nkafka = { path = \"kafka_ts\", unit = \"ms\" }\ncommitted = { path = \"source.ts_us\", unit = \"us\" }",
        );
        let expected = [
            mark(MarkName::Committed, "source.ts_us", Unit::Micros),
            mark(MarkName::Kafka, "kafka_ts", Unit::Millis),
        ];
        assert_eq!(some, expected);
        assert_eq!(marks(""), []);
    }

    #[test]
    fn mistakes_have_their_place_and_the_way_out() {
        let cases = [
            (
                "comitted = { path = \"a\", unit = \"us\" }",
                ":20:1: unknown key 'comitted', did you mean 'committed'? allowed: committed, connector, kafka",
            ),
            ("kafka = { path = \"a\", unit = \"usec\" }", ":20:30: unknown unit 'usec'"),
            ("kafka = { path = \"a\" }", "'unit' is missing: write for example unit = \"us\""),
            ("kafka = { unit = \"ms\" }", "'path' is missing"),
            ("kafka = { path = \"a..b\", unit = \"ms\" }", ":20:18: 'a..b' is no path in a document"),
            ("kafka = { path = \"$a\", unit = \"ms\" }", "'$a' is no path in a document"),
            ("kafka = { pth = \"a\", unit = \"ms\" }", "unknown key 'pth', did you mean 'path'?"),
            ("kafka = \"a\"", "expected a table, found string"),
            (
                "kafka = { path = \"a\", unit = \"ms\" }\nconnector = { path = \"a\", unit = \"ms\" }",
                "marks 'connector' and 'kafka' both stand at 'a'",
            ),
            (
                "kafka = { path = \"a\", unit = \"ms\" }\nkafka = { path = \"b\", unit = \"ms\" }",
                "duplicate key",
            ),
            ("", "no mark is named"),
        ];
        for (marks, expected) in cases {
            let mistakes = with(&format!("[entities.customer.mongo.marks]\n{marks}\n")).expect_err(marks);
            assert!(mistakes.iter().any(|mistake| mistake.contains(expected)), "{marks}: {mistakes:#?}");
        }
    }
}
