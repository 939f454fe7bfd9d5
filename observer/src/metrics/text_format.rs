//! Prometheus' text format 0.0.4, made of an OpenMetrics page. Samples are the same in both, and so is every name that a
//! query uses; only what is said of a family differs.
//!
//! The older format names a counter's family like its samples, knows no info (it is a gauge that is always 1) and no
//! units, and has no mark of its end.

use std::borrow::Cow;

/// The page in the older format.
pub(super) fn rewrite(open_metrics: &str) -> String {
    let mut page = String::with_capacity(open_metrics.len());
    // Help comes before the type that says what the family's samples are called.
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(text) = line.strip_prefix("# HELP ") {
            help = text.split_once(' ');
        } else if let Some((family, kind)) =
            line.strip_prefix("# TYPE ").and_then(|text| text.split_once(' '))
        {
            let (samples, kind) = described(family, kind);
            if let Some((_, text)) = help.take().filter(|(described, _)| *described == family) {
                push(&mut page, &["# HELP ", &samples, " ", text]);
            }
            push(&mut page, &["# TYPE ", &samples, " ", kind]);
        } else if !line.starts_with('#') {
            push(&mut page, &[line]);
        }
    }
    page
}

/// What a family of OpenMetrics is called here, and its type.
fn described<'a>(family: &'a str, kind: &'a str) -> (Cow<'a, str>, &'a str) {
    match kind {
        "counter" => (format!("{family}_total").into(), kind),
        "info" => (format!("{family}_info").into(), "gauge"),
        "unknown" => (family.into(), "untyped"),
        _ => (family.into(), kind),
    }
}

fn push(page: &mut String, parts: &[&str]) {
    page.extend(parts.iter().copied());
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_named_like_their_samples_and_samples_are_untouched() {
        let page = "# HELP a_seconds Of something.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n\
                    a_seconds_sum{x=\"# HELP\"} 0.5\na_seconds_count{x=\"# HELP\"} 1\n\
                    a_seconds_bucket{le=\"+Inf\",x=\"# HELP\"} 1\n\
                    # HELP b Counted.\n# TYPE b counter\nb_total 3\n\
                    # HELP c It.\n# TYPE c info\nc_info{version=\"1\"} 1\n\
                    # TYPE d gauge\nd 2.0\n# EOF\n";
        let expected = "# HELP a_seconds Of something.\n# TYPE a_seconds histogram\n\
                        a_seconds_sum{x=\"# HELP\"} 0.5\na_seconds_count{x=\"# HELP\"} 1\n\
                        a_seconds_bucket{le=\"+Inf\",x=\"# HELP\"} 1\n\
                        # HELP b_total Counted.\n# TYPE b_total counter\nb_total 3\n\
                        # HELP c_info It.\n# TYPE c_info gauge\nc_info{version=\"1\"} 1\n\
                        # TYPE d gauge\nd 2.0\n";
        assert_eq!(rewrite(page), expected);
    }
}
