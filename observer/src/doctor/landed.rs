//! Where the rows of a model's entities arrive, a finding for each entity. Pure.

use streamgauge_shared::doctor::{Finding, Severity};
use streamgauge_shared::test_file::{Entity, Model};

use crate::landing::{Search, Seen, belongs, difference, doubts};

/// The code of these findings.
const CODE: &str = "landing";

/// What a search says of each entity of a model.
pub(super) fn judge(model: &Model, search: &Search) -> Vec<Finding> {
    (0..model.entities.len()).flat_map(|index| entity(model, index, search)).collect()
}

fn entity(model: &Model, index: usize, search: &Search) -> Vec<Finding> {
    let entity = &model.entities[index];
    let mut rows: Vec<&Seen> = search.seen.iter().filter(|seen| owner(model, seen) == Some(index)).collect();
    // What arrives says more than what lies there: that may have been renamed, or be of long ago.
    if rows.iter().any(|row| row.arrived) {
        rows.retain(|row| row.arrived);
    }
    let of = |seen: &Seen| difference(entity, &search.watched, seen, &search.renames);
    let differences: Vec<_> = rows.iter().map(|seen| of(seen)).collect();
    if let Some(place) = differences.iter().position(Option::is_none) {
        let path = rows[place].dotted();
        let seen = format!("rows of '{}' arrive in `{}`, path `{path}`", entity.name, rows[place].namespace);
        let mut findings = vec![Finding::fine(CODE, seen)];
        findings.extend(doubts(entity, rows[place]).into_iter().map(|doubt| {
            let cause = "deletes of this entity would be counted as lost or as duplicates";
            Finding::new(CODE, Severity::Warning, doubt.seen, cause, doubt.next)
        }));
        return findings;
    }
    // The latest: what was before may have been put right.
    match differences.into_iter().flatten().last() {
        Some(found) => {
            let cause = "a run watches the collection and the path that its model names, so it would see none of these rows";
            vec![Finding::new(CODE, Severity::Error, found.seen, cause, found.next)]
        }
        None => vec![nothing(entity, search)],
    }
}

/// The entity that a row most likely belongs to.
fn owner(model: &Model, seen: &Seen) -> Option<usize> {
    let likeness = |(index, entity): (usize, &Entity)| Some((belongs(entity, seen)?, index));
    let all = model.entities.iter().enumerate().filter_map(likeness);
    all.max_by_key(|(likeness, _)| *likeness).map(|(_, index)| index)
}

fn nothing(entity: &Entity, search: &Search) -> Finding {
    let seen = format!(
        "not known: no stamped row of '{}' in {} changes of the last ten minutes, nor among the newest documents of {} collections",
        entity.name, search.changes, search.collections
    );
    Finding::new(
        CODE,
        Severity::Info,
        seen,
        "rows that were deleted again, or lie where the user may not read, are not found",
        "let streamgauge-writer run this model for some seconds, and ask again; a user who may read all databases sees more",
    )
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{RawDocumentBuf, doc};
    use streamgauge_shared::stamp::{RunId, Stamp};
    use streamgauge_shared::time::UnixNanos;

    use super::*;
    use crate::landing::Namespace;
    use crate::measure::fixture::read;

    fn shop() -> Model {
        let test = include_str!("../../../scenarios/e2e-latency.toml");
        read(test, include_str!("../../../scenarios/models/shop.toml")).model
    }

    fn customer(collection: &str) -> Seen {
        let key = doc! { "_id": "6f1c1b1e-6f4e-4f0e-8f5b-0a6b3e1d2c3b" };
        Seen {
            namespace: Namespace { database: "shop".into(), collection: collection.into() },
            path: vec!["cdc_stamp".into()],
            stamp: Stamp { run: RunId::from_bits(1), writer: 0, sequence: 0, sent: UnixNanos(1) },
            fields: ["_id", "email", "status"].map(str::to_owned).to_vec(),
            document_key: Some(RawDocumentBuf::try_from(&key).expect("a key")),
            is_marked: false,
            in_time_series: false,
            arrived: true,
        }
    }

    fn grades(seen: Vec<Seen>) -> Vec<(Severity, String)> {
        let search = Search { watched: "shop".into(), seen, ..Search::default() };
        judge(&shop(), &search).into_iter().map(|finding| (finding.grade, finding.seen)).collect()
    }

    #[test]
    fn each_entity_has_a_finding_and_what_was_not_seen_is_not_known() {
        let found = grades(vec![customer("shop.public.customers")]);
        let of: Vec<Severity> = found.iter().map(|(grade, _)| *grade).collect();
        assert_eq!(of, [Severity::Error, Severity::Info, Severity::Info], "{found:?}");
        assert!(found[0].1.contains("arrive in `shop.shop.public.customers`"), "{found:?}");
    }

    #[test]
    fn rows_where_the_model_says_outweigh_older_ones_elsewhere() {
        let found = grades(vec![customer("customers_old"), customer("customers")]);
        assert_eq!(
            found[0],
            (Severity::Fine, "rows of 'customer' arrive in `shop.customers`, path `cdc_stamp`".into())
        );
    }

    #[test]
    fn what_arrives_says_more_than_what_lies_there() {
        let lying = Seen { arrived: false, ..customer("customers") };
        let found = grades(vec![lying.clone(), customer("customers_new")]);
        assert_eq!(found[0].0, Severity::Error, "swapped in by a rename: {found:?}");
        assert_eq!(grades(vec![lying])[0].0, Severity::Fine);
    }

    #[test]
    fn a_mark_where_the_model_knows_none_is_a_warning_beside_it() {
        let found = grades(vec![Seen { is_marked: true, ..customer("customers") }]);
        assert_eq!(found[1].0, Severity::Warning, "{found:?}");
    }
}
