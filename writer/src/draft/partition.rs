//! What the partitions of a table take of the column that parts them, as far as it can be read. Pure.
//!
//! The texts are those of `pg_get_expr`: `FOR VALUES IN ('north', 'south')`, `FOR VALUES FROM ('2026-01-01') TO
//! ('2026-02-01')`, `FOR VALUES WITH (modulus 4, remainder 0)`, `DEFAULT`.

use super::constraint::{Allowed, quoted};
use crate::postgres::schema::Partitioning;

/// What the values of a table that is parted so must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fits {
    /// Every value has a partition.
    All,
    /// These have one.
    Only(Allowed),
    /// Nobody can say.
    Unknown,
}

/// What has a partition.
pub(super) fn fits(partitioning: &Partitioning) -> Fits {
    let bounds: Vec<&str> =
        partitioning.bounds.iter().map(|bound| bound.strip_prefix("FOR VALUES ").unwrap_or(bound)).collect();
    let are_remainders = |bound: &&str| bound.starts_with("WITH");
    if bounds.contains(&"DEFAULT") || (!bounds.is_empty() && bounds.iter().all(are_remainders)) {
        // Of a partition by remainders that is written to itself only some values fit.
        return if partitioning.is_of_table { Fits::All } else { Fits::Unknown };
    }
    if partitioning.column.is_none() {
        return Fits::Unknown;
    }
    let values: Option<Vec<Vec<String>>> =
        bounds.iter().map(|bound| inside(bound.strip_prefix("IN ")?).map(|(values, _)| values)).collect();
    if let Some(values) = values.filter(|values| !values.is_empty()) {
        return Fits::Only(Allowed::Values(values.concat()));
    }
    let ranges: Option<Vec<(String, String)>> = bounds.iter().map(|bound| range(bound)).collect();
    match ranges.and_then(longest) {
        Some((low, high)) => {
            let end = |end: String, is_included, open: &str| (end != open).then_some((end, is_included));
            Fits::Only(Allowed::Range { low: end(low, true, "MINVALUE"), high: end(high, false, "MAXVALUE") })
        }
        None => Fits::Unknown,
    }
}

/// `FROM ('a') TO ('b')`, of one column.
fn range(bound: &str) -> Option<(String, String)> {
    let (from, rest) = inside(bound.strip_prefix("FROM ")?)?;
    let (to, _) = inside(rest.trim_start().strip_prefix("TO ")?)?;
    match (<[String; 1]>::try_from(from), <[String; 1]>::try_from(to)) {
        (Ok([from]), Ok([to])) => Some((from, to)),
        _ => None,
    }
}

/// The longest way from partition to partition without a gap.
fn longest(ranges: Vec<(String, String)>) -> Option<(String, String)> {
    let way = |(from, to): &(String, String)| {
        let (mut to, mut length) = (to.clone(), 1);
        // A range ends above where it begins, so no way comes back.
        while let Some((_, next)) =
            ranges.iter().find(|(from, _)| *from == to).filter(|_| length <= ranges.len())
        {
            (to, length) = (next.clone(), length + 1);
        }
        (length, (from.clone(), to))
    };
    ranges.iter().map(way).max_by_key(|(length, _)| *length).map(|(_, range)| range)
}

/// The literals in parentheses, without NULL, and what follows.
fn inside(text: &str) -> Option<(Vec<String>, &str)> {
    let mut rest = text.strip_prefix('(')?;
    let mut values = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(after) = rest.strip_prefix(')') {
            return Some((values, after));
        }
        if let Some(text) = rest.strip_prefix('\'') {
            let (value, after) = quoted(text, '\'');
            rest = after;
            values.push(value);
        } else {
            let end = rest.find([',', ')'])?;
            if !rest[..end].eq_ignore_ascii_case("null") {
                values.push(rest[..end].to_owned());
            }
            rest = &rest[end..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bounds: &[&str]) -> Fits {
        let bounds = bounds.iter().map(|bound| (*bound).to_owned()).collect();
        let (definition, column) = ("RANGE (at)".to_owned(), Some("at".to_owned()));
        fits(&Partitioning { definition, column, bounds, is_of_table: true })
    }

    fn only(low: Option<&str>, high: Option<&str>) -> Fits {
        let end = |end: Option<&str>, is_included| end.map(|end| (end.to_owned(), is_included));
        Fits::Only(Allowed::Range { low: end(low, true), high: end(high, false) })
    }

    #[test]
    fn lists_are_put_together_and_ranges_up_to_the_first_gap() {
        let values = Allowed::Values(["north", "it's", "7"].map(str::to_owned).to_vec());
        assert_eq!(of(&["FOR VALUES IN ('north', NULL)", "FOR VALUES IN ('it''s', 7)"]), Fits::Only(values));
        let ranges = [
            "FOR VALUES FROM ('2025-01-01') TO ('2025-02-01')",
            "FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
            "FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
        ];
        assert_eq!(of(&ranges), only(Some("2026-01-01"), Some("2026-03-01")));
        assert_eq!(
            of(&["FOR VALUES FROM (MINVALUE) TO (0)", "FOR VALUES FROM (0) TO (MAXVALUE)"]),
            only(None, None)
        );
    }

    #[test]
    fn a_default_takes_all_and_what_cannot_be_read_is_left_to_a_person() {
        let remainders =
            ["FOR VALUES WITH (modulus 2, remainder 0)", "FOR VALUES WITH (modulus 2, remainder 1)"];
        assert_eq!(of(&remainders), Fits::All);
        assert_eq!(of(&["FOR VALUES IN (1)", "DEFAULT"]), Fits::All);
        for bounds in [
            &[][..],
            &["FOR VALUES FROM (1, 'a') TO (2, 'b')"],
            &["FOR VALUES IN ('open"],
            &["FOR VALUES FROM (1)"],
        ] {
            assert_eq!(of(bounds), Fits::Unknown, "{bounds:?}");
        }
        let expression = Partitioning { bounds: vec!["FOR VALUES IN (1)".into()], ..Partitioning::default() };
        assert_eq!(fits(&expression), Fits::Unknown);
    }
}
