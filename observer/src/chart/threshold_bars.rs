//! Thresholds as bars: how much of its limit each one uses.

use super::frame::{Caption, figure, no_data};
use super::legend::Legend;
use super::markup::{add, escape, percent};

/// Where the limit stands, as a share of the width: a value beyond it has room to be seen.
const LIMIT_AT: f64 = 0.7;
/// The shortest bar, as a share of the width: a pixel on a phone.
const SHORTEST: f64 = 0.006;

/// Thresholds with what they were judged on.
#[derive(Clone, Debug)]
pub struct ThresholdBars {
    /// What stands above.
    pub caption: Caption,
    /// One bar each.
    pub bars: Vec<ThresholdBar>,
}

/// One threshold.
#[derive(Clone, Debug)]
pub struct ThresholdBar {
    /// The metric as the test writes it.
    pub metric: String,
    /// The expression as the test writes it.
    pub expression: String,
    /// What it was judged on, as every summary words it: `p(95)=612ms`.
    pub observed: String,
    /// Whether it holds.
    pub held: bool,
    /// Value ÷ limit; absent where there is no data or no limit to compare with.
    pub used: Option<f64>,
    /// The most that value ÷ limit can be, where only bounds are known; infinite where it is not known at all.
    pub used_at_most: Option<f64>,
}

impl ThresholdBars {
    /// The chart.
    #[must_use]
    pub fn draw(&self) -> String {
        self.draw_placed(|_| String::new())
    }

    /// The chart, each value with its place in the report: the JSON pointer of a bar's number.
    #[must_use]
    pub fn draw_placed(&self, pointer: impl Fn(usize) -> String) -> String {
        if self.bars.is_empty() {
            return no_data(&self.caption, "the test has no thresholds");
        }
        let mut drawn = String::from("<ul class=\"bars\">");
        for (number, bar) in self.bars.iter().enumerate() {
            let (tone, mark, said) =
                if bar.held { ("good", "✓", "holds") } else { ("bad", "✗", "does not hold") };
            let (metric, expression) = (escape(&bar.metric), escape(&bar.expression));
            let observed = placed(&bar.observed, &pointer(number));
            let svg = bar.svg(tone);
            add(
                &mut drawn,
                format_args!(
                    "<li><span class=\"mark {tone}\" role=\"img\" aria-label=\"{said}\">{mark}</span> <span class=\"of\">{metric}</span> <code>{expression}</code> <b>{observed}</b>{svg}</li>"
                ),
            );
        }
        drawn.push_str("</ul>");
        figure(&self.caption, &Legend::default(), &drawn)
    }
}

/// What was observed, its value marked with the place: `p(95)=` before it, ` (2 windows not judged)` behind it.
fn placed(observed: &str, pointer: &str) -> String {
    let value = match observed.find(['=', '≥']) {
        Some(sign) if !pointer.is_empty() => sign + usize::from(observed[sign..].starts_with('=')),
        _ => return escape(observed),
    };
    let (before, rest) = observed.split_at(value);
    let end = rest.find(" (").unwrap_or(rest.len());
    let (value, behind) = rest.split_at(end);
    let (before, value, behind) = (escape(before), escape(value), escape(behind));
    format!("{before}<span class=\"figure\" data-figure=\"{}\">{value}</span>{behind}", escape(pointer))
}

impl ThresholdBar {
    fn svg(&self, tone: &str) -> String {
        let Some(used) = self.used.filter(|used| used.is_finite()) else {
            return String::new();
        };
        let place = |used: f64| (used * LIMIT_AT).clamp(SHORTEST, 1.0);
        let width = percent(place(used));
        let mut inside = format!(
            "<rect class=\"track\" y=\"3\" width=\"100%\" height=\"8\"/><rect class=\"area {tone}\" y=\"3\" width=\"{width}\" height=\"8\"/>"
        );
        if let Some(most) = self.used_at_most {
            let rest = percent((place(most) - place(used)).max(0.0));
            add(
                &mut inside,
                format_args!(
                    "<rect class=\"area {tone} open\" x=\"{width}\" y=\"3\" width=\"{rest}\" height=\"8\"/>"
                ),
            );
        }
        let limit = percent(LIMIT_AT);
        add(
            &mut inside,
            format_args!("<line class=\"at-limit\" x1=\"{limit}\" x2=\"{limit}\" y1=\"0\" y2=\"14\"/>"),
        );
        let share = super::Quantity::Share.words(used);
        format!(
            "<svg width=\"100%\" height=\"14\" role=\"img\" aria-label=\"{share} of the limit\"><title>{share} of the limit, which is the upright line</title>{inside}</svg>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(used: Option<f64>) -> ThresholdBar {
        ThresholdBar {
            metric: "cdc_e2e_latency".into(),
            expression: "p(95)<500".into(),
            observed: "p(95)=612ms".into(),
            held: false,
            used,
            used_at_most: None,
        }
    }

    fn draw(bars: Vec<ThresholdBar>) -> String {
        ThresholdBars { caption: Caption { id: "t".into(), ..Caption::default() }, bars }.draw()
    }

    #[test]
    fn the_limit_stands_at_one_place_and_a_value_beyond_it_passes_it() {
        let svg = draw(vec![bar(Some(1.2)), bar(Some(1e-9)), bar(Some(50.0))]);
        assert_eq!(svg.matches("x1=\"70%\"").count(), 3);
        assert!(svg.contains("width=\"84%\"") && svg.contains("width=\"0.6%\""), "{svg}");
        assert!(svg.contains("120% of the limit") && svg.contains("p(95)&lt;500"), "{svg}");
    }

    #[test]
    fn the_value_is_marked_and_what_stands_around_it_is_not() {
        assert_eq!(
            placed("p(95)=612ms (2 windows not judged)", "/t/0"),
            "p(95)=<span class=\"figure\" data-figure=\"/t/0\">612ms</span> (2 windows not judged)"
        );
        assert_eq!(
            placed("p(99)≥1.2s", "/t/1"),
            "p(99)<span class=\"figure\" data-figure=\"/t/1\">≥1.2s</span>"
        );
        assert_eq!(
            (placed("no data", "/t/2"), placed("rate=1.00/s", "")),
            ("no data".into(), "rate=1.00/s".into())
        );
    }

    #[test]
    fn without_a_value_the_words_stand_alone_and_an_open_one_has_an_open_end() {
        assert!(!draw(vec![bar(None), bar(Some(f64::NAN))]).contains("<svg"));
        let open = ThresholdBar { used_at_most: Some(f64::INFINITY), ..bar(Some(0.5)) };
        assert!(draw(vec![open]).contains("area bad open\" x=\"35%\" y=\"3\" width=\"65%\""));
        assert!(draw(Vec::new()).contains("no data: the test has no thresholds"));
    }
}
