//! The little of YAML that a document of ours may have: mappings, lists and plain or quoted texts, each with its line.
//!
//! Anchors, aliases and tags are refused, as are keys that come twice: what they mean differs between parsers.

use saphyr_parser::{Event, Parser, Span};

/// How deep a document may be nested.
const DEPTH_MAX: usize = 32;

/// A value with its line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// The one document of a text.
///
/// # Errors
/// It is no YAML, has none or several documents, or something that is refused.
pub(super) fn read(text: &str) -> Result<Node, String> {
    let mut events = Vec::new();
    for event in Parser::new_from_str(text) {
        let event = event.map_err(|error| format!("it is no YAML: {error}"))?;
        match event.0 {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            _ => events.push(event),
        }
    }
    let documents = events.iter().filter(|(event, _)| matches!(event, Event::DocumentStart(_))).count();
    if documents != 1 {
        return Err(format!("it holds {documents} documents: one SLO is read, give it a file of its own"));
    }
    let mut events = events.into_iter().filter(|(event, _)| !matches!(event, Event::DocumentStart(_)));
    match events.next() {
        Some(first) => node(first, &mut events, 0),
        None => Err("it is empty".to_owned()),
    }
}

fn node<'a>(
    (event, span): (Event<'a>, Span),
    rest: &mut impl Iterator<Item = (Event<'a>, Span)>,
    depth: usize,
) -> Result<Node, String> {
    let line = span.start.line();
    let refused =
        |what: &str| Err(format!("line {line} has {what}, which is not read: write the value itself"));
    let ends = || format!("the value of line {line} has no end");
    if depth > DEPTH_MAX {
        return refused("a value nested too deep");
    }
    let value = match event {
        Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
            if anchor > 0 =>
        {
            return refused("an anchor");
        }
        Event::Scalar(_, _, _, Some(_))
        | Event::SequenceStart(_, Some(_))
        | Event::MappingStart(_, Some(_)) => {
            return refused("a tag");
        }
        Event::Scalar(text, ..) => Value::Text(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match rest.next().ok_or_else(ends)? {
                    (Event::SequenceEnd, _) => break Value::List(items),
                    item => items.push(node(item, rest, depth + 1)?),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut entries: Vec<(String, Node)> = Vec::new();
            loop {
                let key = match rest.next().ok_or_else(ends)? {
                    (Event::MappingEnd, _) => break Value::Map(entries),
                    key => node(key, rest, depth + 1)?,
                };
                let Value::Text(name) = key.value else {
                    return Err(format!("line {} has a key that is no text", key.line));
                };
                if entries.iter().any(|(known, _)| *known == name) {
                    return Err(format!(
                        "line {} has the key '{name}' a second time: give it once",
                        key.line
                    ));
                }
                let value = rest.next().ok_or_else(ends)?;
                entries.push((name, node(value, rest, depth + 1)?));
            }
        }
        Event::Alias(_) => return refused("an alias"),
        _ => return refused("something that is no value"),
    };
    Ok(Node { line, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_lines() {
        let node = read("# a comment\na: 1\nb:\n  - x: 'yes'\n  - \"two\"\n").expect("yaml");
        let Value::Map(entries) = node.value else { panic!("a mapping") };
        assert_eq!((entries[0].0.as_str(), entries[0].1.line), ("a", 2));
        assert_eq!(entries[0].1.value, Value::Text("1".to_owned()));
        let Value::List(items) = &entries[1].1.value else { panic!("a list") };
        assert_eq!((items[1].line, &items[1].value), (5, &Value::Text("two".to_owned())));
    }

    #[test]
    fn what_parsers_differ_in_is_refused() {
        for (text, says) in [
            ("a: &x 1\nb: *x\n", "line 1 has an anchor"),
            ("a: !!str 1\n", "line 1 has a tag"),
            ("a: 1\nb: 2\na: 3\n", "line 3 has the key 'a' a second time"),
            ("a: 1\n---\nb: 2\n", "2 documents"),
            ("", "0 documents"),
            ("? [a]\n: 1\n", "a key that is no text"),
            ("a: [1, 2\n", "it is no YAML"),
            ("a: \"unfinished\n", "it is no YAML"),
        ] {
            let said = read(text).expect_err(text);
            assert!(said.contains(says), "{text}: {said}");
        }
        let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
        assert!(read(&deep).expect_err("deep").contains("too deep"));
    }
}
