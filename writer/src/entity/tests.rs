use std::collections::HashSet;

use proptest::prelude::*;
use streamgauge_shared::content::ColumnDigest;
use streamgauge_shared::test_file::{Action, Deletes, DocumentKey, Landing, Literal, Model, UNAVAILABLE};

use super::*;
use crate::test_source::tests::shop;

fn seeds(seed: u64, run: u64) -> Seeds {
    Seeds { seed, run: RunId::from_bits(run), writer: 0 }
}

const AUTHOR: Author<'static> = Author { scenario: "e2e_latency", vu: 3, iteration: 7 };

fn maker(seed: u64, run: u64, sequence: u64) -> Maker<'static> {
    Maker { seeds: seeds(seed, run), sequence, number: None, author: AUTHOR }
}

pub(crate) fn entity(name: &str, key: &[usize], columns: Vec<Column>) -> Entity {
    Entity {
        name: name.to_owned(),
        table: format!("{name}s").parse().expect("a name"),
        key: key.to_vec(),
        stamp: "cdc_stamp".to_owned(),
        columns,
        landing: Landing {
            collection: format!("{name}s"),
            document_key: DocumentKey::Row,
            key_paths: vec!["_id".to_owned()],
            stamp_path: "cdc_stamp".to_owned(),
            deletes: Deletes::Remove,
            unavailable: UNAVAILABLE.to_owned(),
            marks: Vec::new(),
        },
    }
}

pub(crate) fn column(name: &str, kind: ColumnType, generator: Generator) -> Column {
    let verified = kind.is_verifiable();
    Column {
        name: name.to_owned(),
        kind,
        cast: None,
        list: None,
        generator,
        verified,
        field: name.to_owned(),
    }
}

/// The template of the shipped model's e-mail: templates are made by the file's reader only.
fn email() -> Generator {
    shop().model.entities[0].columns[1].generator.clone()
}

/// Guests, and their bookings with a composite key and a column of every type.
pub(crate) fn bookings() -> Model {
    use ColumnType::{Bigint, Boolean, Integer, Jsonb, Numeric, Text, Timestamp, Timestamptz, Uuid};
    let words = |words: &[&str]| {
        Generator::Choice(words.iter().map(|word| Literal::Text((*word).to_owned())).collect())
    };
    let (from, to) = (UnixNanos::from_millis(1_700_000_000_000), UnixNanos::from_millis(1_700_000_001_000));
    let guest = vec![column("id", Uuid, Generator::Uuid), column("email", Text, email())];
    let booking = vec![
        column("region", Text, words(&["eu", "us"])),
        column("number", Bigint, Generator::Int { min: 1, max: i64::MAX }),
        column("guest_id", Uuid, Generator::Reference { entity: 0 }),
        column(
            "price",
            Numeric { precision: 10, scale: 2 },
            Generator::Decimal { min: 1_000, max: 51_000, scale: 2 },
        ),
        column("nights", Integer, Generator::Int { min: 1, max: 14 }),
        column("paid", Boolean, Generator::Bool { probability: 0.5 }),
        column("made_at", Timestamptz, Generator::Timestamp { from, to }),
        column("arrival", Timestamp, Generator::Timestamp { from, to }),
        column("wishes", Jsonb, Generator::Fixed(Literal::Text(r#"{"quiet": true}"#.to_owned()))),
        column("label", Text, email()),
    ];
    Model { entities: vec![entity("guest", &[0], guest), entity("booking", &[0, 1], booking)] }
}

#[test]
fn the_same_seed_and_sequence_give_the_same_row() {
    let test = shop();
    let entity = &test.model.entities[0];
    let make = |seed, run, sequence| maker(seed, run, sequence).create(entity, &[], &[]);
    assert_eq!(make(1, 2, 3), make(1, 2, 3));
    let keys: HashSet<Value> = [(1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3)]
        .map(|(seed, run, sequence)| make(seed, run, sequence)[0].clone())
        .into_iter()
        .collect();
    assert_eq!(keys.len(), 4, "seed, run and sequence each matter");
    assert!(matches!(make(1, 2, 3)[0], Value::Uuid(key) if key.get_version_num() == 4));
}

#[test]
fn set_overrides_the_model_and_the_content_is_what_is_written() {
    let test = shop();
    let entity = &test.model.entities[0];
    let Action::Create { set, .. } = &test.scenarios[0].flow[0].action else {
        panic!("the first step creates")
    };
    let values = maker(1, 2, 3).create(entity, set, &[]);
    let key = canonical_key(entity, &values).expect("known");
    let email = format!("e2e-{key}@latency.test");
    assert_eq!(values[1..], [Value::Text(email.clone()), Value::Text("active".into())]);
    assert_eq!(content(entity, &values), [ColumnDigest::of(1, &email), ColumnDigest::of(2, "active")]);
    assert_eq!(key, key.to_lowercase());
    assert_eq!(key.len(), 36);
}

#[test]
fn a_column_does_not_depend_on_what_a_step_sets_in_others() {
    let model = bookings();
    let entity = &model.entities[1];
    let guest = [(2, Value::Uuid(Uuid::nil()))];
    let plain = maker(1, 2, 3).create(entity, &[], &guest);
    let set = [Setting { column: 4, value: Generator::Int { min: 100, max: 200 } }];
    let mut other = maker(1, 2, 3).create(entity, &set, &guest);
    assert!(matches!(other[4], Value::Integer(100..=200)));
    other[4] = plain[4].clone();
    assert_eq!(plain, other);
    assert_eq!(plain[2], guest[0].1);
}

#[test]
fn an_update_changes_what_it_sets_and_keeps_the_rest() {
    let model = bookings();
    let entity = &model.entities[1];
    let before = maker(1, 2, 3).create(entity, &[], &[(2, Value::Uuid(Uuid::nil()))]);
    let set = [
        Setting { column: 4, value: Generator::Fixed(Literal::Int(21)) },
        Setting { column: 9, value: email() },
    ];
    let after = maker(1, 2, 8).update(entity, &set, &before);
    let mut expected = before.clone();
    expected[4] = Value::Integer(21);
    let key = canonical_key(entity, &before).expect("known");
    expected[9] = Value::Text(format!("e2e_latency-{key}@shop.test"));
    assert_eq!(after, expected);
    assert!(key.starts_with("eu:") || key.starts_with("us:"), "{key}");
    assert_ne!(content(entity, &before), content(entity, &after));
}

#[test]
fn what_steps_draw_depends_on_seed_part_user_and_iteration_only() {
    let first = |seed, run, part, user, iteration| {
        of_steps(seeds(seed, run), part, user, iteration).random_range(0..u64::MAX)
    };
    let parts = [Domain::Setup, Domain::Teardown, Domain::Scenario(0), Domain::Scenario(1)];
    let mut draws: HashSet<u64> = parts.map(|part| first(1, 2, part, 3, 4)).into_iter().collect();
    draws.extend([first(2, 2, parts[2], 3, 4), first(1, 2, parts[2], 4, 4), first(1, 2, parts[2], 3, 5)]);
    assert_eq!(draws.len(), 7);
    assert_eq!(
        first(1, 2, parts[2], 3, 4),
        first(1, 99, parts[2], 3, 4),
        "every run of a seed does the same"
    );
}

proptest! {
    #[test]
    fn values_stay_in_their_ranges_and_have_their_columns_type(seed in any::<u64>(), sequence in any::<u64>()) {
        let model = bookings();
        let values = maker(seed, 1, sequence).create(&model.entities[1], &[], &[(2, Value::Uuid(Uuid::nil()))]);
        let Value::Numeric(price) = &values[3] else { panic!("{:?}", values[3]) };
        let (euros, cents) = price.split_once('.').expect("two digits after the point");
        let units: i64 = format!("{euros}{cents}").parse().expect("digits");
        prop_assert!(cents.len() == 2 && (1_000..=51_000).contains(&units), "{}", price);
        prop_assert!(matches!(values[4], Value::Integer(1..=14)));
        prop_assert!(matches!(values[5], Value::Boolean(_)));
        for index in [6, 7] {
            let Value::Timestamp(time) = values[index] else { panic!("{:?}", values[index]) };
            prop_assert!((1_700_000_000_000..=1_700_000_001_000).contains(&(time.0 / NANOS_PER_MILLI)));
            prop_assert_eq!(time.0 % NANOS_PER_MILLI, 0);
        }
        prop_assert_eq!(&values[8], &Value::Json(r#"{"quiet": true}"#.into()));
    }
}
