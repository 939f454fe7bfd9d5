//! What a row says: a pure function of the run, its seed and the operation's sequence.
//!
//! The same (seed, run, writer, sequence) always gives the same key and the same content, whatever the timing
//! was; only a column that refers to another row depends on which row that is, and a key that is made of a sequence
//! on how many rows were made before. The run is mixed in because
//! rows that another run with the same seed left behind must not collide.
//! Keys are reproducible with one version of the random generator's crate, not across its versions.

mod numbers;
mod seeded;
mod value;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use streamgauge_shared::canonical;
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::{Column, ColumnType, Entity, Generator, Placeholder, Setting, Template};
use streamgauge_shared::time::{NANOS_PER_MILLI, UnixNanos};
use uuid::Uuid;

pub use numbers::{Number, Numbers};
pub use seeded::{Domain, of_steps};
pub use value::{Value, canonical_key, content, expected, made};

/// Where all of a writer's content comes from.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// The seed of everything random.
    pub seed: u64,
    /// The run.
    pub run: RunId,
    /// The writer's index within the run.
    pub writer: u16,
}

/// Who writes a row, as far as a template may ask.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The scenario's name, or `setup` or `teardown`.
    pub scenario: &'a str,
    /// The virtual user, from 1.
    pub vu: u32,
    /// Its iteration, from 0.
    pub iteration: u64,
}

/// What the values of one operation are made of.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    /// The writer's.
    pub seeds: Seeds,
    /// The operation's.
    pub sequence: u64,
    /// The new row's, where its key is made of a sequence; see [`Numbers`].
    pub number: Option<i64>,
    /// The operation's.
    pub author: Author<'a>,
}

impl Maker<'_> {
    /// The values of a new row, one for each column in the model's order. `set` takes precedence over the
    /// model's generators; `parents` holds the value of each column that refers to another row.
    #[must_use]
    pub fn create(&self, entity: &Entity, set: &[Setting], parents: &[(usize, Value)]) -> Vec<Value> {
        let value = |index: usize, id: &str| {
            let column = &entity.columns[index];
            let refers_to = parents.iter().find(|(parent, _)| *parent == index);
            refers_to.map_or_else(
                || self.draw(index, column, find(set, index).unwrap_or(&column.generator), id),
                |(_, value)| value.clone(),
            )
        };
        // The key comes first: a template of any other column may name it.
        let mut id = String::new();
        let mut values: Vec<Option<Value>> = vec![None; entity.columns.len()];
        for index in &entity.key {
            values[*index] = Some(value(*index, &id));
        }
        let key =
            entity.key.iter().filter_map(|index| values[*index].as_ref()).filter(|value| value.is_known());
        id.push_str(&canonical::key(&key.map(Value::canonical).collect::<Vec<_>>()));
        let all = values.into_iter().enumerate();
        all.map(|(index, made)| made.unwrap_or_else(|| value(index, &id))).collect()
    }

    /// The values of a row after an update that changes what `set` names; the others are kept.
    #[must_use]
    pub fn update(&self, entity: &Entity, set: &[Setting], before: &[Value]) -> Vec<Value> {
        // A row that can be changed has its key.
        let id = canonical_key(entity, before).unwrap_or_default();
        let columns = entity.columns.iter().zip(before).enumerate();
        let value = |(index, (column, before)): (usize, (&Column, &Value))| {
            find(set, index)
                .map_or_else(|| before.clone(), |generator| self.draw(index, column, generator, &id))
        };
        columns.map(value).collect()
    }

    fn draw(&self, index: usize, column: &Column, generator: &Generator, id: &str) -> Value {
        let mut random = seeded::of_column(self.seeds, self.sequence, index);
        let Some(length) = column.list else { return self.one(column.kind, generator, id, &mut random) };
        let count = random.random_range(length.min..=length.max);
        Value::List((0..count).map(|_| self.one(column.kind, generator, id, &mut random)).collect())
    }

    /// One value: all of a column, or an element of an array.
    fn one(&self, kind: ColumnType, generator: &Generator, id: &str, random: &mut StdRng) -> Value {
        match generator {
            Generator::Uuid => Value::Uuid(random_uuid(random)),
            Generator::Template(template) => Value::text(self.render(template, id, random), kind),
            Generator::Choice(choices) => Value::of(&choices[random.random_range(0..choices.len())], kind),
            Generator::Fixed(literal) => Value::of(literal, kind),
            Generator::Int { min, max } => Value::whole(random.random_range(*min..=*max), kind),
            Generator::Decimal { min, max, scale } => Value::units(random.random_range(*min..=*max), *scale),
            Generator::Bool { probability } => Value::Boolean(random.random_bool(*probability)),
            Generator::Timestamp { from, to } => {
                let millis = |time: &UnixNanos| time.0.div_euclid(NANOS_PER_MILLI);
                Value::Timestamp(UnixNanos::from_millis(random.random_range(millis(from)..=millis(to))))
            }
            Generator::Date { from, to } => Value::Date(random.random_range(*from..=*to)),
            Generator::Time { from, to } => Value::Time(random.random_range(*from..=*to)),
            Generator::Bytes { size } => {
                let mut bytes = vec![0; usize::from(*size)];
                random.fill_bytes(&mut bytes);
                Value::Bytes(bytes)
            }
            Generator::Sequence(sequence) => {
                let number = self.number.expect("the row of a key with a sequence was given its number");
                match &sequence.text {
                    Some(text) => Value::text(text.text(number), kind),
                    None => Value::whole(number, kind),
                }
            }
            Generator::Database => Value::ByDatabase,
            Generator::Reference { .. } => {
                unreachable!("the file's reader gives each reference of a create its row, and no update one")
            }
        }
    }

    fn render(&self, template: &Template, id: &str, random: &mut StdRng) -> String {
        template.render(|placeholder| match placeholder {
            Placeholder::Id => id.to_owned(),
            Placeholder::Sequence => self.sequence.to_string(),
            Placeholder::Run => self.seeds.run.to_string(),
            Placeholder::Scenario => self.author.scenario.to_owned(),
            Placeholder::Vu => self.author.vu.to_string(),
            Placeholder::Iteration => self.author.iteration.to_string(),
            Placeholder::Number(_) => {
                unreachable!("the file's reader takes a number in the template of a sequence only")
            }
            Placeholder::Int { min, max } => random.random_range(min..=max).to_string(),
            Placeholder::Digits(count) => {
                (0..count).map(|_| char::from(b'0' + random.random_range(0..10_u8))).collect()
            }
        })
    }
}

fn find(set: &[Setting], column: usize) -> Option<&Generator> {
    set.iter().find(|setting| setting.column == column).map(|setting| &setting.value)
}

fn random_uuid(random: &mut StdRng) -> Uuid {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
pub(crate) mod tests;
