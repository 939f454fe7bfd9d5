//! Where the time goes: bars of stages one after the other, on one scale.

use super::frame::{Caption, Tone, figure, no_data};
use super::legend::{Legend, Sign};
use super::markup::{add, escape, percent};

/// The narrowest part that is drawn, as a share of the width: it can be pointed at.
const NARROWEST_PART: f64 = 0.002;

/// Bars of stages.
#[derive(Clone, Debug)]
pub struct Breakdown {
    /// What stands above.
    pub caption: Caption,
    /// One bar each, all on the scale of the longest.
    pub rows: Vec<BreakdownRow>,
}

/// One bar.
#[derive(Clone, Debug)]
pub struct BreakdownRow {
    /// What it is of: `all`, `customer, create`.
    pub name: String,
    /// What its parts add up to, in words.
    pub total: String,
    /// Its parts in the order of time.
    pub parts: Vec<BreakdownPart>,
}

/// One stage of a bar.
#[derive(Clone, Debug)]
pub struct BreakdownPart {
    /// Its name: the legend has each name once.
    pub name: String,
    /// Its colour.
    pub tone: Tone,
    /// How long it takes, milliseconds. Below zero, where the end was seen before the start: it has no width.
    pub value_ms: f64,
    /// The same in words, as the summary writes it.
    pub words: String,
}

impl Breakdown {
    /// The chart.
    #[must_use]
    pub fn draw(&self) -> String {
        let length = |row: &BreakdownRow| row.parts.iter().map(|part| part.value_ms.max(0.0)).sum::<f64>();
        let longest = self.rows.iter().map(length).filter(|length| length.is_finite()).fold(0.0, f64::max);
        if longest <= 0.0 {
            return no_data(&self.caption, "");
        }
        let mut legend = Legend::default();
        let mut drawn = String::from("<ul class=\"bars\">");
        for row in &self.rows {
            let mut from = 0.0;
            let mut inside = String::new();
            for part in &row.parts {
                let (x, width) = (percent(from), percent((part.value_ms / longest).max(NARROWEST_PART)));
                let (class, name, words) = (part.tone.class(), escape(&part.name), escape(&part.words));
                add(
                    &mut inside,
                    format_args!(
                        "<rect class=\"area {class}\" x=\"{x}\" width=\"{width}\" height=\"18\"><title>{name}: {words}</title></rect>"
                    ),
                );
                from += part.value_ms.max(0.0) / longest;
                legend.add(Sign::Area, part.tone, &part.name);
            }
            let (name, total) = (escape(&row.name), escape(&row.total));
            let parts = row.parts.iter().map(|part| format!("{} {}", part.name, part.words));
            let parts = escape(&parts.collect::<Vec<_>>().join(", "));
            add(
                &mut drawn,
                format_args!(
                    "<li><span class=\"of\">{name}</span> <b>{total}</b><svg width=\"100%\" height=\"18\" role=\"img\" aria-label=\"{parts}\">{inside}</svg><span class=\"parts\">{parts}</span></li>"
                ),
            );
        }
        drawn.push_str("</ul>");
        figure(&self.caption, &legend, &drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_and_a_negative_one_has_no_width() {
        let part = |name: &str, tone, value_ms| BreakdownPart {
            name: name.into(),
            tone,
            value_ms,
            words: format!("{value_ms}ms"),
        };
        let row = BreakdownRow {
            name: "all".into(),
            total: "4ms".into(),
            parts: vec![
                part("lag", Tone::S1, 1.0),
                part("write", Tone::S2, 3.0),
                part("way", Tone::S3, -1.0),
            ],
        };
        let caption = Caption { id: "b".into(), ..Caption::default() };
        let svg = Breakdown { caption: caption.clone(), rows: vec![row] }.draw();
        assert!(svg.contains("area s2\" x=\"25%\" width=\"75%\""), "{svg}");
        assert!(svg.contains("area s3\" x=\"100%\" width=\"0.2%\"") && svg.contains("way -1ms"), "{svg}");
        assert!(Breakdown { caption, rows: Vec::new() }.draw().contains("no data"));
    }
}
