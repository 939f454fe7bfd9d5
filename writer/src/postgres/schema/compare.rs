//! Whether a column takes what a model writes into it, and gives it back as it was written. Pure.

use streamgauge_shared::test_file::{Column, ColumnType, Generator, Literal, QualifiedName};

use super::column_types::FoundType;

/// Milliseconds: what a model writes.
const SECOND_DIGITS: i32 = 3;

/// How a model differs from a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// What the model says: `numeric(10,2)`.
    pub(super) wanted: String,
    pub(super) way_out: String,
}

/// What is wrong with writing a model's column into this one, if something is.
pub(super) fn mismatch(column: &Column, found: &FoundType) -> Option<Mismatch> {
    let way_out = way_out(column, found)?;
    Some(Mismatch { wanted: declared(column), way_out })
}

/// The type that a model gives a column.
pub(super) fn declared(column: &Column) -> String {
    let kind = column.cast.as_ref().map_or_else(|| column.kind.declared(), ToString::to_string);
    if column.list.is_some() { format!("{kind}[]") } else { kind }
}

fn way_out(column: &Column, found: &FoundType) -> Option<String> {
    let change = || Some(CHANGE.to_owned());
    if column.list.is_some() != found.is_list {
        return change();
    }
    match (&column.cast, &found.own) {
        (Some(cast), Some(own)) if !names(cast, own) => return change(),
        // A built-in type may be cast to too.
        (Some(cast), None) if cast.name != found.type_name => return change(),
        (None, Some(own)) if found.is_enum || found.kind.is_none() => {
            return Some(format!("write type = \"text\" and cast = \"{own}\" in the model"));
        }
        _ => {}
    }
    // A type that is not known here takes whatever text its own reading takes.
    let Some(kind) = found.kind else { return if column.cast.is_some() { None } else { change() } };
    if !takes(column, kind) {
        return Some(match (column.kind, kind) {
            (ColumnType::Text | ColumnType::Varchar { .. }, ColumnType::Char { length }) => format!(
                "PostgreSQL fills its texts up with spaces, write type = \"char({length})\" in the model"
            ),
            _ => CHANGE.to_owned(),
        });
    }
    if let Some(digits) = found.second_digits.filter(|digits| column.verified && *digits < SECOND_DIGITS) {
        return Some(format!(
            "it keeps {digits} digits of a second and the model writes {SECOND_DIGITS}: leave verified out"
        ));
    }
    let (length, longest) = (kind.length()?, longest(&column.generator)?);
    (longest > u64::from(length))
        .then(|| format!("its values have up to {longest} characters, and {length} fit: write shorter ones"))
}

const CHANGE: &str = "change one of them";

/// Whether a model's name means this one: it may leave out the schema.
fn names(written: &QualifiedName, found: &QualifiedName) -> bool {
    let schema = written.schema.as_ref().zip(found.schema.as_ref());
    written.name == found.name && schema.is_none_or(|(written, found)| written == found)
}

/// Whether every value of the model's type is one of the column's.
fn takes(column: &Column, found: ColumnType) -> bool {
    use ColumnType as Type;
    let are_whole = column.kind.whole_numbers().is_some() && found.whole_numbers().is_some();
    match (column.kind, found) {
        // A reference has the type of the key, and one that does not fit into this column is refused by PostgreSQL itself.
        _ if are_whole && matches!(column.generator, Generator::Reference { .. }) => true,
        (Type::Text, Type::Text | Type::Varchar { .. } | Type::Citext) => true,
        // The spaces that fill it up are no matter where nothing is compared.
        (Type::Text, Type::Char { .. }) => !column.verified,
        (Type::Varchar { .. }, Type::Text | Type::Citext | Type::Varchar { length: None }) => true,
        (Type::Varchar { length }, Type::Varchar { length: Some(found) }) => {
            length.is_none_or(|length| length <= found)
        }
        (Type::Char { length }, Type::Char { length: found }) => length <= found,
        (Type::Json | Type::Jsonb, Type::Json | Type::Jsonb) => true,
        (Type::Numeric { .. }, Type::AnyNumeric) => true,
        (Type::Numeric { precision, scale }, Type::Numeric { precision: in_all, scale: after }) => {
            scale <= after && precision - scale <= in_all - after
        }
        (wanted, found) => wanted == found,
    }
}

/// Characters of the longest text that the file shows.
fn longest(generator: &Generator) -> Option<u64> {
    let characters = |text: &str| u64::try_from(text.chars().count()).ok();
    let of = |literal: &Literal| match literal {
        Literal::Text(text) => characters(text),
        _ => None,
    };
    match generator {
        Generator::Template(template) => characters(&template.sample()),
        Generator::Fixed(literal) => of(literal),
        Generator::Choice(choices) => choices.iter().filter_map(of).max(),
        // Of the first number: how many more there may be, the plan says.
        Generator::Sequence(sequence) => {
            sequence.text.as_ref().and_then(|text| characters(&text.text(sequence.start)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::test_file::{ListLength, NumberText, Sequence};

    use super::*;
    use crate::entity::tests::column;

    fn found(declared: &str) -> FoundType {
        let (element, is_list) =
            declared.strip_suffix("[]").map_or((declared, false), |element| (element, true));
        let kind = ColumnType::parse(element).ok();
        FoundType {
            declared: declared.to_owned(),
            type_name: element.to_owned(),
            kind,
            is_list,
            ..FoundType::default()
        }
    }

    fn model(declared: &str) -> Column {
        let (element, is_list) =
            declared.strip_suffix("[]").map_or((declared, false), |element| (element, true));
        let kind = ColumnType::parse(element).expect(declared);
        let list = is_list.then_some(ListLength { min: 1, max: 2 });
        Column { list, ..column("c", kind, Generator::Fixed(Literal::Text("four".into()))) }
    }

    #[test]
    fn a_column_that_holds_all_values_of_the_models_type_is_right() {
        for (model_type, table_type) in [
            ("text", "varchar(4)"),
            ("varchar(10)", "character varying(20)"),
            ("varchar(10)", "text"),
            ("char(3)", "character(5)"),
            ("numeric(10,2)", "numeric(12,4)"),
            ("numeric(10,2)", "numeric"),
            ("jsonb", "json"),
            ("text[]", "text[]"),
            ("smallint", "smallint"),
        ] {
            assert_eq!(
                mismatch(&model(model_type), &found(table_type)),
                None,
                "{model_type} into {table_type}"
            );
        }
    }

    #[test]
    fn digits_lengths_and_types_that_differ_are_found() {
        for (model_type, table_type) in [
            ("text", "varchar(3)"),
            ("text", "character(10)"),
            ("varchar(20)", "varchar(10)"),
            ("char(5)", "character(3)"),
            ("numeric(10,2)", "numeric(10,1)"),
            ("numeric(10,2)", "numeric(10,3)"),
            ("numeric", "numeric(10,2)"),
            ("integer", "bigint"),
            ("text", "text[]"),
            ("real", "double precision"),
        ] {
            let found = mismatch(&model(model_type), &found(table_type));
            assert!(
                found.is_some_and(|found| found.wanted == model(model_type).kind.declared()),
                "{model_type} into {table_type}"
            );
        }
        let unverified = Column { verified: false, ..model("text") };
        assert_eq!(mismatch(&unverified, &found("character(10)")), None);
        let reference = Column { generator: Generator::Reference { entity: 0 }, ..model("integer") };
        assert_eq!(
            mismatch(&reference, &found("smallint")),
            None,
            "the key's type, which PostgreSQL narrows"
        );
        let numbered = |start| {
            let sequence = Sequence { start, text: Some(NumberText::default()) };
            Column { generator: Generator::Sequence(sequence), ..model("text") }
        };
        assert_eq!(mismatch(&numbered(1), &found("varchar(3)")), None);
        assert!(mismatch(&numbered(1_000), &found("varchar(3)")).is_some(), "not even the first fits");
    }

    #[test]
    fn a_type_of_the_users_own_takes_a_cast_to_it() {
        let own = |name: &str| Some(name.parse::<QualifiedName>().expect("a name"));
        let mood = FoundType { own: own("mood"), is_enum: true, ..found("text") };
        let told = mismatch(&model("text"), &mood).expect("an enum takes no text").way_out;
        assert_eq!(told, "write type = \"text\" and cast = \"mood\" in the model");
        let cast = |to: &str| Column { cast: own(to), ..model("text") };
        assert_eq!(mismatch(&cast("mood"), &mood), None);
        assert_eq!(mismatch(&cast("public.mood"), &mood), None);
        assert!(mismatch(&cast("other"), &mood).is_some());
        let domain = FoundType { own: own("word"), ..found("text") };
        assert_eq!(mismatch(&model("text"), &domain), None, "a domain takes what is beneath it");
        let point = FoundType { kind: None, ..found("point") };
        assert!(mismatch(&model("text"), &point).is_some());
        assert_eq!(mismatch(&cast("point"), &point), None);
    }

    #[test]
    fn a_time_that_is_cut_is_not_verified() {
        let cut = FoundType { second_digits: Some(0), ..found("timestamp") };
        assert!(
            mismatch(&model("timestamp"), &cut).is_some_and(|found| found.way_out.contains("keeps 0 digits"))
        );
        assert_eq!(mismatch(&Column { verified: false, ..model("timestamp") }, &cut), None);
        assert_eq!(mismatch(&model("timestamp"), &FoundType { second_digits: Some(3), ..cut }), None);
    }
}
