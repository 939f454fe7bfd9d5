//! What a client asks for in `Accept` and `Accept-Encoding`, by the weights it gives. Pure.
//!
//! Prometheus asks for several formats with falling weights, `application/openmetrics-text;version=1.0.0;q=0.5` before
//! `text/plain;version=0.0.4;q=0.2`; some agents ask for the older one alone. Who says nothing gets OpenMetrics.

use crate::metrics::Format;

/// What the client does not say is wanted as much as can be: RFC 9110, 12.4.2.
const FULL_WEIGHT: f32 = 1.0;

/// One range of a header: what it names, its version if it names one, and its weight from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range<'a> {
    name: &'a str,
    version: Option<&'a str>,
    weight: f32,
}

/// The format in which the client wants the metrics. `accept` is the whole header, its lines joined with commas.
///
/// Where it accepts neither, the older format is served as other exporters do, because every scraper reads it.
pub(super) fn format(accept: &str) -> Format {
    let ranges: Vec<Range<'_>> = ranges(accept).collect();
    if ranges.is_empty() {
        return Format::OpenMetrics;
    }
    let open_metrics = weight(&ranges, "application/openmetrics-text", "1.0.0");
    let text = weight(&ranges, "text/plain", "0.0.4");
    if open_metrics > 0.0 && open_metrics >= text { Format::OpenMetrics } else { Format::PrometheusText }
}

/// Whether the client wants the answer compressed with gzip. Without the header it does not.
pub(super) fn gzip(accept_encoding: &str) -> bool {
    let ranges: Vec<Range<'_>> = ranges(accept_encoding).collect();
    let named = |name: &str| ranges.iter().find(|range| range.name.eq_ignore_ascii_case(name));
    let gzip = named("gzip").or_else(|| named("x-gzip")).or_else(|| named("*"));
    let plain = named("identity").map_or(0.0, |range| range.weight);
    gzip.is_some_and(|range| range.weight > 0.0 && range.weight >= plain)
}

/// How much a media type is wanted: the weight of the range that names it most closely, 0 without any.
fn weight(ranges: &[Range<'_>], media_type: &str, version: &str) -> f32 {
    let family = media_type.split('/').next().unwrap_or_default();
    let closeness = |range: &Range<'_>| {
        let is = |name: &str| range.name.eq_ignore_ascii_case(name);
        match range.version {
            Some(wanted) if is(media_type) => (wanted == version).then_some(3),
            _ if is(media_type) => Some(2),
            _ if is(&format!("{family}/*")) => Some(1),
            _ => is("*/*").then_some(0),
        }
    };
    let matching = ranges.iter().filter_map(|range| Some((closeness(range)?, range.weight)));
    let closest = matching.max_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    closest.map_or(0.0, |(_, weight)| weight)
}

/// The ranges of a header. One whose weight cannot be read is left out.
fn ranges(header: &str) -> impl Iterator<Item = Range<'_>> {
    header.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let mut parsed = Range { name, version: None, weight: FULL_WEIGHT };
        for (parameter, value) in parts.filter_map(|part| part.split_once('=')) {
            let (parameter, value) = (parameter.trim(), value.trim().trim_matches('"'));
            if parameter.eq_ignore_ascii_case("q") {
                parsed.weight = value.parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
            } else if parameter.eq_ignore_ascii_case("version") {
                parsed.version = Some(value);
            }
        }
        Some(parsed)
    })
}

#[cfg(test)]
mod tests {
    use super::Format::{OpenMetrics, PrometheusText};
    use super::*;

    #[test]
    fn scrapers_get_what_they_ask_for() {
        let cases = [
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OpenMetrics,
            ),
            // Prometheus 3 with scrape_protocols of its own: the older text first.
            (
                "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,*/*;q=0.1",
                PrometheusText,
            ),
            // With native histograms: protobuf, which is not served, before the others.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics,
            ),
            // Prometheus 2.5 to 2.32 knows a draft of OpenMetrics only.
            (
                "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                PrometheusText,
            ),
            // Agents.
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", PrometheusText),
            ("text/plain", PrometheusText),
            ("Text/Plain; Version=\"0.0.4\"", PrometheusText),
            ("application/openmetrics-text", OpenMetrics),
            // Nothing said, and everything.
            ("", OpenMetrics),
            ("*/*", OpenMetrics),
            ("text/html,application/xhtml+xml,*/*;q=0.8", OpenMetrics),
            // The closest range counts, not the first, and 0 is a refusal.
            ("*/*,application/openmetrics-text;q=0", PrometheusText),
            ("application/*;q=0.2,text/*;q=0.3", PrometheusText),
            ("text/*;q=0.1,application/openmetrics-text;version=1.0.0;q=0.2", OpenMetrics),
            // Neither: what every scraper reads.
            ("application/json", PrometheusText),
            ("text/plain;q=0,application/json", PrometheusText),
            // A weight that is none leaves its range out.
            ("text/plain;q=2,application/openmetrics-text;q=0.1", OpenMetrics),
            ("text/plain;q=NaN,application/openmetrics-text;q=0.1", OpenMetrics),
        ];
        for (accept, expected) in cases {
            assert_eq!(format(accept), expected, "{accept}");
        }
    }

    #[test]
    fn gzip_is_for_those_who_ask_for_it() {
        let cases = [
            ("gzip", true),
            ("gzip, deflate, br", true),
            ("deflate;q=1.0, GZIP;q=0.5", true),
            ("x-gzip", true),
            ("*", true),
            ("", false),
            ("identity", false),
            ("deflate, br", false),
            ("gzip;q=0", false),
            ("*, gzip;q=0", false),
            ("identity;q=1, gzip;q=0.5", false),
        ];
        for (header, expected) in cases {
            assert_eq!(gzip(header), expected, "{header}");
        }
    }
}
