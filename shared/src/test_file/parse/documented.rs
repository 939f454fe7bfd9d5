//! The examples of docs/scenario-files.md are correct tests.

use super::parse;
use crate::test_file::{Action, Scale, Source, Test};

const PAGE: &str = include_str!("../../../../docs/scenario-files.md");
const MODEL: &str = include_str!("../../../../scenarios/models/shop.toml");

/// The page's TOML examples, in its order.
fn examples() -> Vec<&'static str> {
    PAGE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn read(text: &str, model: &str) -> Test {
    let source = |text: &str| Source { name: "example.toml".to_owned(), text: text.to_owned() };
    let read = parse(&source(text), Scale::default(), Scale::default(), |_| Ok(source(model)));
    read.unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}")).0
}

#[test]
fn every_example_reads() {
    let [complete, executor, flow, transaction, thresholds, model] = examples()[..] else {
        panic!("six examples")
    };
    assert_eq!(read(complete, MODEL).scenarios[0].name, "readme");
    let together = format!("model = \"shop.toml\"\n{flow}\n{executor}\n{thresholds}");
    let test = read(&together, MODEL);
    assert_eq!((test.scenarios.len(), test.pools.len(), test.thresholds.len()), (2, 1, 4));
    let (head, _) = complete.split_once("flow =").expect("a flow");
    let test = read(&format!("{head}{transaction}"), MODEL);
    assert!(matches!(&test.scenarios[0].flow[0].action, Action::Transaction(steps) if steps.len() == 3));
    let own = complete.replace("\"customer\"", "\"reading\"");
    assert_eq!(read(&own, model).model.entities[0].key, [0, 1]);
}
