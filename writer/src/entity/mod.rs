//! What a row says: a pure function of the run, its seed and the operation's sequence.
//!
//! The same (seed, run, writer, sequence) always gives the same key and the same content, whatever the timing
//! was. The run is mixed in because rows that another run with the same seed left behind must not collide.
//! Keys are reproducible with one version of the random generator's crate, not across its versions.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use streamgauge_shared::digest::Digest;
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::{Column, Entity, Generator, Literal, Placeholder, Setting, Template};
use uuid::Uuid;

/// Where all of a writer's content comes from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The seed of everything random.
    pub seed: u64,
    /// The run.
    pub run: RunId,
    /// The writer's index within the run.
    pub writer: u16,
}

/// Who makes a row, as far as a template may ask.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// The virtual user, from 1.
    pub vu: u32,
    /// Its iteration, from 0.
    pub iteration: u64,
}

/// The value of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of a column of type uuid.
    Uuid(Uuid),
    /// Of a column of type text.
    Text(String),
}

/// A row to be inserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its primary key.
    pub key: Uuid,
    /// One for each column of the entity, in the model's order; the stamp is not among them.
    pub values: Vec<Value>,
    /// Over the verified columns; absent where nothing is verified.
    pub digest: Option<u64>,
}

impl Value {
    /// The text that the value has on both sides of a pipeline.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::Uuid(uuid) => canonical_key(uuid),
            Self::Text(text) => text.clone(),
        }
    }
}

/// The canonical text of a key: 36 lower-case characters with hyphens.
#[must_use]
pub fn canonical_key(key: &Uuid) -> String {
    key.hyphenated().to_string()
}

/// The row that the operation with this sequence creates. `set` takes precedence over the model's generators.
#[must_use]
pub fn row(source: Source, sequence: u64, entity: &Entity, set: &[Setting], author: Author<'_>) -> Row {
    let mut random = generator(source, sequence);
    let key = random_uuid(&mut random);
    let text = |template: &Template| {
        template.render(|placeholder| match placeholder {
            Placeholder::Id => canonical_key(&key),
            Placeholder::Sequence => sequence.to_string(),
            Placeholder::Run => source.run.to_string(),
            Placeholder::Scenario => author.scenario.to_owned(),
            Placeholder::Vu => author.vu.to_string(),
            Placeholder::Iteration => author.iteration.to_string(),
            Placeholder::Int { .. } | Placeholder::Digits(_) => String::new(),
        })
    };
    let value = |(index, column): (usize, &Column)| {
        // A value is drawn whether or not it is used, so that `set` on one column leaves the others as they were.
        let drawn = match &column.generator {
            Generator::Uuid if entity.key.contains(&index) => Value::Uuid(key),
            Generator::Uuid => Value::Uuid(random_uuid(&mut random)),
            Generator::Template(template) => Value::Text(text(template)),
            Generator::Choice(choices) => match &choices[random.random_range(0..choices.len())] {
                Literal::Text(text) => Value::Text(text.clone()),
                _ => unreachable!("the file's reader takes no other type yet"),
            },
            _ => unreachable!("the file's reader takes no other generator yet"),
        };
        set.iter()
            .find_map(|setting| match &setting.value {
                Generator::Template(template) if setting.column == index => Some(Value::Text(text(template))),
                _ => None,
            })
            .unwrap_or(drawn)
    };
    let values: Vec<Value> = entity.columns.iter().enumerate().map(value).collect();
    let digest = digest(entity, &values);
    Row { key, values, digest }
}

fn digest(entity: &Entity, values: &[Value]) -> Option<u64> {
    let mut digest = None;
    for (index, _) in entity.verified() {
        digest.get_or_insert_with(Digest::default).push(Some(&values[index].canonical()));
    }
    digest.map(|digest| digest.finish())
}

/// A generator of its own for each operation: no state is shared between users.
fn generator(source: Source, sequence: u64) -> StdRng {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&source.seed.to_le_bytes());
    seed[8..20].copy_from_slice(&run_digits(source.run));
    seed[20..22].copy_from_slice(&source.writer.to_le_bytes());
    seed[24..].copy_from_slice(&sequence.to_le_bytes());
    StdRng::from_seed(seed)
}

/// The twelve digits of a run's text form.
fn run_digits(run: RunId) -> [u8; 12] {
    run.to_string().into_bytes().try_into().expect("a run id has twelve digits")
}

fn random_uuid(random: &mut StdRng) -> Uuid {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::test_source::tests::shop;

    fn source(seed: u64, run: u64) -> Source {
        Source { seed, run: RunId::from_bits(run), writer: 0 }
    }

    const AUTHOR: Author<'static> = Author { scenario: "e2e_latency", vu: 3, iteration: 7 };

    #[test]
    fn the_same_seed_and_sequence_give_the_same_row() {
        let test = shop();
        let entity = &test.model.entities[0];
        let make = |seed, run, sequence| row(source(seed, run), sequence, entity, &[], AUTHOR);
        assert_eq!(make(1, 2, 3), make(1, 2, 3));
        let keys: HashSet<Uuid> = [(1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3)]
            .map(|(seed, run, sequence)| make(seed, run, sequence).key)
            .into_iter()
            .collect();
        assert_eq!(keys.len(), 4, "seed, run and sequence each matter");
        assert_eq!(make(1, 2, 3).key.get_version_num(), 4);
    }

    #[test]
    fn set_overrides_the_model_and_the_digest_is_over_what_is_written() {
        let test = shop();
        let entity = &test.model.entities[0];
        let streamgauge_shared::test_file::Action::Create { set, .. } = &test.scenarios[0].flow[0].action
        else {
            panic!("the first step creates")
        };
        let row = row(source(1, 2), 3, entity, set, AUTHOR);
        let key = canonical_key(&row.key);
        let email = format!("e2e-{key}@latency.test");
        assert_eq!(
            row.values,
            [Value::Uuid(row.key), Value::Text(email.clone()), Value::Text("active".into())]
        );
        let expected = streamgauge_shared::digest::of([Some(email.as_str()), Some("active")]);
        assert_eq!(row.digest, Some(expected));
        assert_eq!(key, key.to_lowercase());
        assert_eq!(key.len(), 36);
    }
}
