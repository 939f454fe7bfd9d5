use std::collections::BTreeMap;

use streamgauge_shared::test_file::{self, ColumnType, Generator, QualifiedName, Scale, Source, Test};
use streamgauge_shared::time::days_from_civil;

use super::render::{self, File};
use crate::postgres::schema::{
    CheckConstraint, Described, DescribedColumn, ForeignKey, FoundType, Partitioning, UniqueIndex,
};

fn name(text: &str) -> QualifiedName {
    text.parse().expect("a name")
}

/// A column that is NOT NULL unless its type has a `?` behind it.
pub(super) fn column(column: &str, declared: &str) -> DescribedColumn {
    let (declared, not_null) =
        declared.strip_suffix('?').map_or((declared, true), |declared| (declared, false));
    let found = FoundType {
        declared: declared.to_owned(),
        type_name: declared.to_owned(),
        kind: ColumnType::parse(declared).ok(),
        ..FoundType::default()
    };
    DescribedColumn { name: column.to_owned(), found, not_null, ..DescribedColumn::default() }
}

/// A table whose key is its first column.
pub(super) fn table(table: &str, columns: Vec<DescribedColumn>) -> Described {
    let key = columns.first().map(|column| column.name.clone()).into_iter().collect();
    Described { columns, key, ..Described::named(name(table)) }
}

pub(super) fn refers(column: &str, table: &str) -> ForeignKey {
    ForeignKey { columns: vec![column.to_owned()], table: name(table), to: vec!["id".to_owned()] }
}

fn check(column: &str, definition: &str) -> CheckConstraint {
    CheckConstraint { columns: vec![column.to_owned()], definition: definition.to_owned() }
}

fn file(tables: Vec<Described>) -> File {
    render::file(&tables.into_iter().map(|table| (table.name.clone(), table)).collect::<BTreeMap<_, _>>())
}

/// What the file says: it is a test and a model, without a mistake.
fn read(file: &File) -> Test {
    let source = Source { name: "draft.toml".to_owned(), text: file.text.clone() };
    let read = test_file::parse(&source, Scale::default(), Scale::default(), |_| panic!("one file is both"));
    read.unwrap_or_else(|mistakes| panic!("{mistakes}\n{}", file.text)).0
}

fn shop() -> Vec<Described> {
    let mut orders = table(
        "Orders",
        vec![
            column("id", "uuid"),
            column("customer id", "uuid"),
            column("status", "text"),
            column("total", "numeric(8,2)"),
            column("shipped", "date?"),
            column("place", "point?"),
            column("where", "pg_lsn?"),
        ],
    );
    orders.foreign_keys = vec![refers("customer id", "customers")];
    orders.checks = vec![
        check("status", "CHECK ((status = ANY (ARRAY['new'::text, 'paid'::text])))"),
        check("total", "CHECK ((total > (0)::numeric))"),
        check("shipped", "CHECK ((shipped > '2020-01-01'::date))"),
    ];
    let defaulted =
        |name: &str, kind: &str| DescribedColumn { default: Some("now()".into()), ..column(name, kind) };
    let computed = DescribedColumn { is_generated: true, ..defaulted("twice", "integer") };
    let unique = DescribedColumn { is_unique: true, ..column("email", "varchar(60)") };
    let mood = FoundType {
        kind: Some(ColumnType::Text),
        own: Some(name("mood")),
        is_enum: true,
        labels: vec!["sad".into(), "it's \"ok\"".into()],
        ..FoundType::default()
    };
    let customers = vec![
        column("id", "uuid"),
        unique,
        DescribedColumn { found: mood, ..column("mood", "text") },
        defaulted("created", "timestamptz"),
        computed,
        column("cdc_stamp", "text?"),
    ];
    vec![orders, table("customers", customers)]
}

#[test]
fn the_file_is_a_test_and_a_model_without_a_mistake() {
    let file = file(shop());
    assert_eq!(file.refused, Vec::<String>::new());
    let test = read(&file);
    let [customers, orders] = &test.model.entities[..] else { panic!("{}", file.text) };
    let names = |entity: &test_file::Entity| -> Vec<String> {
        entity.columns.iter().map(|column| column.name.clone()).collect()
    };
    assert_eq!(names(customers), ["id", "email", "mood"], "what the database fills is left out");
    assert_eq!(names(orders), ["id", "customer id", "status", "total", "place"]);
    assert_eq!(orders.table, name("Orders"));
    assert_eq!(orders.columns[1].generator, Generator::Reference { entity: 0 });
    assert_eq!(orders.columns[3].generator, Generator::Decimal { min: 1, max: 100_000, scale: 2 });
    assert_eq!(customers.columns[2].cast, Some(name("mood")));
    for remark in [
        "# created: its default fills it\n",
        "# twice: PostgreSQL computes it\n",
        "# where: no generator makes pg_lsn\n",
        "# shipped: it may be null, and nothing here sees that a value keeps CHECK ((shipped > '2020-01-01'::date))\n",
        "# TO DECIDE: shipped: see that the values keep CHECK ((shipped > '2020-01-01'::date))\n",
    ] {
        assert!(file.text.contains(remark), "'{remark}' is missing:\n{}", file.text);
    }
    assert_eq!(file.text.matches("# The table has no column cdc_stamp").count(), 1, "one table has it");
}

#[test]
fn a_table_that_no_model_can_write_is_refused_and_the_others_are_not() {
    let mut pairs = table("pairs", vec![column("customer_id", "uuid"), column("other_id", "uuid")]);
    pairs.key = vec!["customer_id".into(), "other_id".into()];
    pairs.foreign_keys = vec![refers("customer_id", "customers"), refers("other_id", "customers")];
    let mut keyless = table("keyless", vec![column("a", "text")]);
    keyless.key.clear();
    let mut of_keyless = table("of_keyless", vec![column("id", "uuid"), column("keyless", "text")]);
    of_keyless.foreign_keys = vec![refers("keyless", "keyless")];
    let odd = table("odd", vec![column("id", "uuid"), column("where", "pg_lsn")]);
    let mut own = table("own", vec![column("id", "uuid"), column("parent", "uuid?")]);
    own.foreign_keys = vec![refers("parent", "own")];
    let mut left = table("left", vec![column("id", "uuid"), column("right", "uuid")]);
    left.foreign_keys = vec![refers("right", "right")];
    let mut right = table("right", vec![column("id", "uuid"), column("left", "uuid")]);
    right.foreign_keys = vec![refers("left", "left")];
    let all = [shop(), vec![pairs, keyless, of_keyless, odd, own, left, right]].concat();
    let file = file(all);
    for (table, why) in [
        ("'keyless'", "has no primary key"),
        ("'of_keyless'", "which no model can follow"),
        ("'odd'", "nothing here makes a value"),
        ("'left'", "refers in a circle"),
        ("'right'", "refers in a circle"),
    ] {
        let is_told = |sentence: &&String| sentence.contains(table) && sentence.contains(why);
        assert_eq!(file.refused.iter().filter(is_told).count(), 1, "{table}: {:#?}", file.refused);
    }
    assert_eq!(file.refused.len(), 5, "{:#?}", file.refused);
    let test = read(&file);
    let names: Vec<&str> = test.model.entities.iter().map(|entity| entity.name.as_str()).collect();
    assert_eq!(names, ["customers", "Orders", "own", "pairs"]);
    assert!(test.model.entities[3].is_keyed_by_references(), "a link between two rows");
    assert!(file.text.contains("# parent: it refers to (id) of 'own', and may be null\n"), "{}", file.text);
}

#[test]
fn two_tables_of_one_name_are_two_entities() {
    let of = |schema: &str| Described {
        name: name(schema),
        ..table("t", vec![column("id", "uuid"), column("a", "text")])
    };
    let file = file(vec![of("first.t"), of("second.t")]);
    let names: Vec<String> = read(&file).model.entities.into_iter().map(|entity| entity.name).collect();
    assert_eq!(names, ["first_t", "second_t"]);
}

/// Keys that are no UUID of ours, and what refers to them.
fn keys() -> Vec<Described> {
    let serial = |name: &str| DescribedColumn {
        default: Some("nextval('s'::regclass)".into()),
        ..column(name, "integer")
    };
    let unique = |described: DescribedColumn| DescribedColumn { is_unique: true, ..described };
    let countries = vec![column("code", "char(2)"), unique(column("rank", "smallint"))];
    let mut cities =
        table("cities", vec![serial("id"), column("name", "varchar(50)"), column("country", "char(2)")]);
    cities.foreign_keys = vec![ForeignKey { to: vec!["code".into()], ..refers("country", "countries") }];
    cities.unique_together = vec![vec!["name".into(), "country".into()]];
    let mut visits = table(
        "visits",
        vec![
            column("city", "smallint"),
            column("day", "date"),
            column("no", "bigint"),
            column("note", "text?"),
        ],
    );
    visits.key = vec!["city".into(), "day".into(), "no".into()];
    visits.foreign_keys = vec![refers("city", "cities")];
    visits.partitionings = vec![Partitioning {
        definition: "RANGE (day)".into(),
        column: Some("day".into()),
        bounds: vec!["FOR VALUES FROM ('2026-05-01') TO ('2026-06-01')".into()],
        is_of_table: true,
    }];
    visits.triggers = vec!["tidy".into()];
    let mut badges = table("badges", vec![column("holder", "text"), column("number", "integer")]);
    badges.key.clear();
    badges.unique = vec![UniqueIndex { name: "n".into(), columns: vec!["number".into()], is_identity: true }];
    badges.unique_together = vec![vec!["holder".into(), "number".into()]];
    vec![table("countries", countries), cities, visits, badges]
}

#[test]
fn keys_are_numbers_of_ours_or_the_databases_and_can_be_referred_to() {
    let file = file(keys());
    assert_eq!(file.refused, Vec::<String>::new());
    let test = read(&file);
    let entity = |name: &str| {
        let found = test.model.entities.iter().position(|entity| entity.name == name);
        found.map(|index| (index, &test.model.entities[index])).expect(name)
    };
    let (country, countries) = entity("countries");
    assert!(matches!(countries.columns[0].generator, Generator::Sequence(_)));
    let (city, cities) = entity("cities");
    assert_eq!(cities.columns[0].generator, Generator::Database);
    assert_eq!(cities.columns[2].generator, Generator::Reference { entity: country });
    assert!(cities.columns[2].verified, "what a row refers to is content too");
    let (_, visits) = entity("visits");
    let kinds: Vec<ColumnType> = visits.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds[0], ColumnType::Integer, "the key's type, not the narrower one of the column");
    assert_eq!(visits.columns[0].generator, Generator::Reference { entity: city });
    let day = |day| days_from_civil(2026, 5, day);
    assert_eq!(visits.columns[1].generator, Generator::Date { from: day(1), to: day(31) });
    assert!(matches!(visits.columns[2].generator, Generator::Sequence(_)));
    let (_, badges) = entity("badges");
    assert_eq!(badges.key_columns().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["number"]);
    for remark in [
        "name = { type = \"varchar(50)\", generate = \"template\", template = \"name-{run}-{sequence}\"",
        "# TO DECIDE: rank: it is unique, and the values that fill it may repeat\n",
        "# TO DECIDE: the table is partitioned: its rows land in one collection where",
        "# TO DECIDE: take 'verified' off what the triggers tidy change\n",
    ] {
        assert!(file.text.contains(remark), "'{remark}' is missing:\n{}", file.text);
    }
    assert!(!file.text.contains("unique together"), "{}", file.text);
    let only_countries =
        super::render::file(&keys()[..1].iter().map(|table| (table.name.clone(), table.clone())).collect());
    assert!(only_countries.text.contains("checks"), "a rank is verified");
}

#[test]
fn nothing_to_verify_is_nothing_to_judge() {
    let bare = file(vec![table("bare", vec![column("id", "bigint")])]);
    assert!(!bare.text.contains("checks"), "{}", bare.text);
    assert_eq!(read(&bare).model.entities.len(), 1);
    let generated = DescribedColumn { is_generated: true, ..column("id", "bigint") };
    let refused = file(vec![table("odd", vec![generated])]).refused;
    assert!(refused[0].contains("is a generated column, which takes no value"), "{refused:?}");
}
