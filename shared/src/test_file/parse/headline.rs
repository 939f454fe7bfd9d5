//! Reads the latency that everything shown leads with.

use super::{Names, Reader};
use crate::test_file::Headline;
use crate::test_file::reader::Value;
use crate::threshold::{Metric, Tags};
use crate::timeline::Latency;

impl Reader<'_, '_> {
    /// The headline; the default where the file names none, nothing where it has a mistake.
    pub(super) fn headline(&self, value: Option<Value<'_, '_>>, names: Names<'_>) -> Option<Headline> {
        let Some(value) = value else { return Some(Headline::default()) };
        let text = value.text()?;
        let key = self.threshold_key(text, value.start(), names)?;
        let Metric::Latency(latency) = key.metric else {
            value.mistake(format!("headline '{text}' is not a latency: {}", allowed()));
            return None;
        };
        if !latency.ends_at_arrival() {
            value.mistake(format!("headline '{text}' does not end with the arrival of a row: {}", allowed()));
            return None;
        }
        let kept = Tags { scenario: None, group: None, stage: None, ..key.tags };
        if kept != key.tags {
            value.mistake(format!(
                "headline '{text}' is narrowed by scenario, group or stage: narrow it by entity and operation alone, as \
                 in cdc_e2e_latency{{operation:create}}"
            ));
            return None;
        }
        Some(Headline { key: text.to_owned(), latency, tags: key.tags })
    }
}

/// What a headline may be.
fn allowed() -> String {
    let names: Vec<&str> =
        Latency::ALL.into_iter().filter(|latency| latency.ends_at_arrival()).map(Latency::name).collect();
    format!("name one of {}, as in headline = \"cdc_e2e_latency{{operation:create}}\"", names.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::account::Operation;
    use crate::test_file::{Headline, Scale, Source, Test, parse};
    use crate::timeline::Latency;

    fn read(headline: &str) -> Result<Test, String> {
        let source = |name: &str, text: String| Source { name: name.into(), text };
        let test = include_str!("../../../../scenarios/baseline.toml");
        let model = source("shop.toml", include_str!("../../../../scenarios/models/shop.toml").to_owned());
        let read = parse(
            &source("t.toml", format!("{headline}\n{test}")),
            Scale::default(),
            Scale::default(),
            |_| Ok(model),
        );
        read.map(|(test, _)| test).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn a_test_names_its_headline_or_has_the_untagged_one() {
        assert_eq!(read("").unwrap().headline, Headline::default());
        let headline =
            read("headline = \"cdc_e2e_latency{operation:create,entity:customer}\"").unwrap().headline;
        assert_eq!(headline.key, "cdc_e2e_latency{operation:create,entity:customer}");
        assert_eq!((headline.latency, headline.tags.entity), (Latency::CdcE2eLatency, Some(0)));
        assert_eq!(headline.tags.operation, Some(Operation::Create));
    }

    #[test]
    fn what_cannot_lead_is_refused_with_the_way_out() {
        let cases = [
            ("cdc_e2e_latencies", "unknown metric 'cdc_e2e_latencies', did you mean 'cdc_e2e_latency'?"),
            ("cdc_e2e_latency{operation:insert}", "unknown operation 'insert'"),
            ("checks", "headline 'checks' is not a latency: name one of cdc_e2e_latency,"),
            ("pg_write_duration", "does not end with the arrival of a row: name one of"),
            ("cdc_e2e_latency{scenario:baseline}", "narrow it by entity and operation alone"),
            ("cdc_e2e_latency{", "is not a metric with tags"),
        ];
        for (headline, part) in cases {
            let said = read(&format!("headline = \"{headline}\"")).unwrap_err();
            assert!(said.starts_with("t.toml:1:12: ") && said.contains(part), "{headline}: {said}");
        }
    }
}
