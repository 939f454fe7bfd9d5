use std::collections::BTreeMap;

use streamgauge_shared::test_file::{self, ColumnType, Generator, QualifiedName, Scale, Source, Test};

use super::render::{self, File};
use crate::postgres::schema::{CheckConstraint, Described, DescribedColumn, ForeignKey, FoundType};

fn name(text: &str) -> QualifiedName {
    text.parse().expect("a name")
}

/// A column that is NOT NULL unless its type has a `?` behind it.
fn column(column: &str, declared: &str) -> DescribedColumn {
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

fn table(table: &str, columns: Vec<DescribedColumn>) -> Described {
    let key = columns.first().map(|column| column.name.clone()).into_iter().collect();
    Described { name: name(table), columns, key, foreign_keys: Vec::new(), checks: Vec::new() }
}

fn refers(column: &str, table: &str) -> ForeignKey {
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
    assert_eq!(names(orders), ["id", "customer id", "status", "total", "shipped", "place"]);
    assert_eq!(orders.table, name("Orders"));
    assert_eq!(orders.columns[1].generator, Generator::Reference { entity: 0 });
    assert_eq!(orders.columns[3].generator, Generator::Decimal { min: 1, max: 100_000, scale: 2 });
    assert_eq!(customers.columns[2].cast, Some(name("mood")));
    for remark in [
        "# created: its default fills it\n",
        "# twice: PostgreSQL computes it\n",
        "# where: no generator makes pg_lsn\n",
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
        ("'pairs'", "is a uuid of its own"),
        ("'keyless'", "has no primary key"),
        ("'of_keyless'", "which no model can follow"),
        ("'odd'", "nothing here makes a value"),
        ("'left'", "refers in a circle"),
        ("'right'", "refers in a circle"),
    ] {
        let is_told = |sentence: &&String| sentence.contains(table) && sentence.contains(why);
        assert_eq!(file.refused.iter().filter(is_told).count(), 1, "{table}: {:#?}", file.refused);
    }
    assert_eq!(file.refused.len(), 6, "{:#?}", file.refused);
    let test = read(&file);
    let names: Vec<&str> = test.model.entities.iter().map(|entity| entity.name.as_str()).collect();
    assert_eq!(names, ["customers", "Orders", "own"]);
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
