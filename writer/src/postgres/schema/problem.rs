//! What stands between a model and its tables, each thing in one sentence with the way out. Pure.

use std::fmt;

use streamgauge_shared::test_file::{Column, ColumnType, Entity, Generator, QualifiedName, Template, quoted};

use super::catalogue::{Found, Relation, Table, TableColumn};
use super::compare::{Mismatch, declared, mismatch};
use crate::postgres::Writes;

/// One thing that stands between a model and its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    NoTable { table: QualifiedName },
    OtherCase { table: QualifiedName, found: Vec<QualifiedName> },
    NotATable { table: QualifiedName, relation: Relation },
    NoStamp { table: QualifiedName, column: String },
    NoColumn { table: QualifiedName, column: String, kind: String },
    ColumnInOtherCase { table: QualifiedName, column: String, found: String },
    Kind { table: QualifiedName, column: String, found: String, mismatch: Mismatch },
    Unfilled { table: QualifiedName, column: String },
    Key { table: QualifiedName, found: Vec<String>, wanted: Vec<String> },
    NoPrivilege { table: QualifiedName, role: String, lacking: Vec<&'static str> },
}

impl Problem {
    /// Whether `prepare` would solve it.
    pub(super) fn is_prepared(&self) -> bool {
        matches!(self, Self::NoTable { .. } | Self::NoStamp { .. })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable { table } => write!(f, "table '{table}' does not exist"),
            Self::OtherCase { table, found } => write!(
                f,
                "table '{table}' does not exist, '{}' does, which differs in letter case: names in a model are as in the catalogue, correct 'table' in the model",
                found.iter().map(ToString::to_string).collect::<Vec<_>>().join("', '")
            ),
            Self::NotATable { table, relation } => write!(f, "'{table}' is {relation}"),
            Self::NoStamp { table, column } => {
                write!(f, "table '{table}' has no column '{column}' of type text for the stamp")
            }
            Self::NoColumn { table, column, kind } => write!(
                f,
                "table '{table}' has no column '{column}': add it as {kind}, or remove it from the model"
            ),
            Self::ColumnInOtherCase { table, column, found } => write!(
                f,
                "table '{table}' has no column '{column}', but '{found}', which differs in letter case: names in a model are as in the catalogue, correct it in the model"
            ),
            Self::Kind { table, column, found, mismatch: Mismatch { wanted, way_out } } => write!(
                f,
                "column '{column}' of table '{table}' is {found}, the model needs {wanted}: {way_out}"
            ),
            Self::Unfilled { table, column } => write!(
                f,
                "column '{column}' of table '{table}' is NOT NULL without a default and not in the model: add it to the model, or give it a default"
            ),
            Self::Key { table, found, wanted } if found.is_empty() => {
                let columns: Vec<String> = wanted.iter().map(|column| quoted(column)).collect();
                write!(
                    f,
                    "table '{table}' has no primary key, the model's key is ({}): ALTER TABLE {} ADD PRIMARY KEY ({})",
                    wanted.join(", "),
                    table.quoted(),
                    columns.join(", ")
                )
            }
            Self::Key { table, found, wanted } => write!(
                f,
                "the primary key of table '{table}' is ({}), the model's key is ({}): correct 'key' in the model",
                found.join(", "),
                wanted.join(", ")
            ),
            Self::NoPrivilege { table, role, lacking } => write!(
                f,
                "role '{role}' may not {} on table '{table}': GRANT {} ON {} TO {}",
                lacking.join(", "),
                lacking.join(", "),
                table.quoted(),
                quoted(role)
            ),
        }
    }
}

impl fmt::Display for Relation {
    /// What it is, why it cannot be measured, and the way out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::View => {
                "a view, and its rows reach the pipeline as those of the tables behind it: name these in the model"
            }
            Self::MaterializedView => {
                "a materialized view, which takes no rows: name the tables behind it in the model"
            }
            Self::ForeignTable => {
                "a foreign table, whose rows are on another server and not in this one's log: name the table there, with that server's --postgres"
            }
            Self::Other => "no table, but a sequence, an index or a type: correct 'table' in the model",
        })
    }
}

/// The problems of one entity.
pub(super) fn problems(writes: &Writes, found: &Found, role: &str) -> Vec<Problem> {
    let entity = &writes.entity;
    let name = || entity.table.clone();
    let table = match found {
        Found::Table(table) => table,
        other => return of_found(&entity.table, other).into_iter().collect(),
    };
    let mut problems = Vec::new();
    // A test without updates of the table does not need to be allowed to make them.
    let needed = |name: &&&str| **name != "UPDATE" || !writes.updates.is_empty();
    let lacking: Vec<&str> = table.lacking.iter().filter(needed).copied().collect();
    if !lacking.is_empty() {
        problems.push(Problem::NoPrivilege { table: name(), role: role.to_owned(), lacking });
    }
    problems.extend(entity.columns.iter().filter_map(|column| of_column(writes, table, column)));
    problems.extend(of_column(writes, table, &stamp_of(entity)));
    let wanted: Vec<String> = entity.key_columns().map(|column| column.name.clone()).collect();
    let mut sorted = [wanted.clone(), table.key.clone()];
    sorted.iter_mut().for_each(|key| key.sort_unstable());
    if sorted[0] != sorted[1] {
        problems.push(Problem::Key { table: name(), found: table.key.clone(), wanted });
    }
    // One that the model names in another letter case is told of above.
    let in_model = |column: &&TableColumn| {
        let names = entity.columns.iter().map(|own| &own.name).chain([&entity.stamp]);
        names.into_iter().any(|name| name.to_lowercase() == column.name.to_lowercase())
    };
    for column in table.columns.iter().filter(|column| column.not_null && !column.has_default) {
        if !in_model(&column) {
            problems.push(Problem::Unfilled { table: name(), column: column.name.clone() });
        }
    }
    problems
}

/// The problem of a name that is no table's.
pub(super) fn of_found(table: &QualifiedName, found: &Found) -> Option<Problem> {
    let table = table.clone();
    match found {
        Found::Table(_) => None,
        Found::NotATable(relation) => Some(Problem::NotATable { table, relation: *relation }),
        Found::OtherCase(found) => Some(Problem::OtherCase { table, found: found.clone() }),
        Found::Nothing => Some(Problem::NoTable { table }),
    }
}

/// The stamp's column, as if the model had it.
fn stamp_of(entity: &Entity) -> Column {
    Column {
        name: entity.stamp.clone(),
        kind: ColumnType::Text,
        cast: None,
        list: None,
        generator: Generator::Template(Template::literal("")),
        verified: false,
        field: entity.stamp.clone(),
    }
}

/// The problem of a column that the model has, if there is one.
fn of_column(writes: &Writes, table: &Table, column: &Column) -> Option<Problem> {
    let entity = &writes.entity;
    let (name, column_name) = (entity.table.clone(), column.name.clone());
    let found = table.columns.iter().find(|found| found.name == column.name);
    match (found, table.in_other_case(&column.name)) {
        (None, Some(found)) => {
            Some(Problem::ColumnInOtherCase { table: name, column: column_name, found: found.to_owned() })
        }
        (None, None) if column.name == entity.stamp => {
            Some(Problem::NoStamp { table: name, column: column_name })
        }
        (None, None) => Some(Problem::NoColumn { table: name, column: column_name, kind: declared(column) }),
        (Some(found), _) => mismatch(column, &found.found).map(|mismatch| Problem::Kind {
            table: name,
            column: column_name,
            found: found.found.declared.clone(),
            mismatch,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::column_types::FoundType;
    use super::*;
    use crate::test_source::tests::shop;

    fn found(declared: &str) -> FoundType {
        let kind = ColumnType::parse(declared).ok();
        FoundType { declared: declared.to_owned(), kind, ..FoundType::default() }
    }

    fn column(name: &str, kind: &str) -> TableColumn {
        TableColumn { name: name.into(), found: found(kind), not_null: true, has_default: false }
    }

    fn said_of(found: &Found) -> Vec<String> {
        problems(&Writes::of(&shop())[0], found, "app").iter().map(ToString::to_string).collect()
    }

    fn said(table: &Table) -> Vec<String> {
        said_of(&Found::Table(table.clone()))
    }

    #[test]
    fn a_table_as_the_model_says_has_no_problem() {
        let mut table = Table {
            columns: vec![
                column("id", "uuid"),
                column("email", "character varying"),
                column("status", "text"),
            ],
            key: vec!["id".into()],
            // The test updates nothing.
            lacking: vec!["UPDATE"],
            ..Table::default()
        };
        table.columns.push(TableColumn { not_null: false, ..column("cdc_stamp", "text") });
        table.columns.push(TableColumn { has_default: true, ..column("created_at", "timestamp") });
        assert_eq!(said(&table), Vec::<String>::new());
    }

    #[test]
    fn every_problem_is_one_sentence() {
        assert_eq!(said_of(&Found::Nothing), ["table 'customers' does not exist"]);
        let table = Table {
            columns: vec![column("id", "bigint"), column("status", "text"), column("region", "text")],
            lacking: vec!["INSERT", "DELETE"],
            ..Table::default()
        };
        assert_eq!(
            said(&table),
            [
                "role 'app' may not INSERT, DELETE on table 'customers': GRANT INSERT, DELETE ON \"customers\" TO \"app\"",
                "column 'id' of table 'customers' is bigint, the model needs uuid: change one of them",
                "table 'customers' has no column 'email': add it as text, or remove it from the model",
                "table 'customers' has no column 'cdc_stamp' of type text for the stamp",
                "table 'customers' has no primary key, the model's key is (id): ALTER TABLE \"customers\" ADD PRIMARY KEY (\"id\")",
                "column 'region' of table 'customers' is NOT NULL without a default and not in the model: add it to the model, or give it a default",
            ]
        );
    }

    #[test]
    fn a_composite_key_is_the_models_in_any_order_and_updates_need_their_privilege() {
        let entity = crate::entity::tests::bookings().entities.remove(1);
        let mut columns: Vec<TableColumn> =
            entity.columns.iter().map(|own| column(&own.name, &own.kind.declared())).collect();
        columns.push(column("cdc_stamp", "text"));
        columns[8].found = found("json");
        let key = vec!["number".to_owned(), "region".to_owned()];
        let mut table = Table { columns, key, lacking: vec!["UPDATE"], ..Table::default() };
        let writes = Writes { entity, updates: vec![vec![3]] };
        let said = |table: &Table| -> Vec<String> {
            problems(&writes, &Found::Table(table.clone()), "app").iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            said(&table),
            ["role 'app' may not UPDATE on table 'bookings': GRANT UPDATE ON \"bookings\" TO \"app\""]
        );
        table.lacking.clear();
        table.key.pop();
        assert_eq!(
            said(&table),
            [
                "the primary key of table 'bookings' is (number), the model's key is (region, number): correct 'key' in the model"
            ]
        );
    }

    #[test]
    fn a_name_in_another_letter_case_is_a_mistake_that_names_the_right_one() {
        let others = vec!["Customers".parse().expect("a name"), "CUSTOMERS".parse().expect("a name")];
        let [only] = &said_of(&Found::OtherCase(others))[..] else { panic!("one problem") };
        assert!(
            only.starts_with("table 'customers' does not exist, 'Customers', 'CUSTOMERS' does"),
            "{only}"
        );
        let columns = vec![
            column("id", "uuid"),
            column("Email", "text"),
            column("status", "text"),
            column("CDC_stamp", "text"),
        ];
        let table = Table { columns, key: vec!["id".into()], ..Table::default() };
        let said = said(&table);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("table 'customers' has no column 'email', but 'Email'"), "{said:?}");
        assert!(
            said[1].starts_with("table 'customers' has no column 'cdc_stamp', but 'CDC_stamp'"),
            "{said:?}"
        );
        let problems = problems(&Writes::of(&shop())[0], &Found::Table(table), "app");
        assert!(!problems.iter().any(Problem::is_prepared), "nothing is made beside what is there");
    }

    #[test]
    fn what_is_no_table_is_refused_by_what_it_is() {
        let cases = [
            (Relation::View, "'customers' is a view, "),
            (Relation::MaterializedView, "'customers' is a materialized view, "),
            (Relation::ForeignTable, "'customers' is a foreign table, "),
            (Relation::Other, "'customers' is no table, "),
        ];
        for (relation, begins) in cases {
            let said = said_of(&Found::NotATable(relation));
            assert!(said.len() == 1 && said[0].starts_with(begins), "{said:?}");
        }
    }
}
