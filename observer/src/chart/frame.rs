//! What every chart has: caption, legend, the plot with its axes, and a text for those who do not see it.
//!
//! The box of the `<svg>` is the plot itself; the labels of the axes stand outside of it, in margins that the style
//! sheet keeps free; `layout.rs` lays every label out and compares those margins.

use super::legend::Legend;
use super::markup::{Anchor, Label, add, escape, index, percent, text_width, whole};
use super::scale::Scale;
use super::ticks::{Tick, ticks};
use super::time_axis::TimeAxis;
use super::unit::Quantity;

/// The narrowest plot: a screen of 320 px without the page's and the chart's margins.
pub(super) const NARROWEST: f64 = 190.0;
/// From here on the plot shows what has the class `fine`: a figure of 600 px, of which the style sheet knows.
pub(super) const FINE_FROM: f64 = 500.0;
/// What the width of a plot is divided in, for paths.
pub(super) const WIDTH: f64 = 1_000.0;
/// Pixels between the labels of values at least.
const LABEL_HEIGHT: i64 = 26;

/// What stands above a chart, and what a reader hears who does not see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Caption {
    /// Unique in its document: letters, digits, `-` and `_`. The ids inside the chart begin with it.
    pub id: String,
    /// A few words.
    pub title: String,
    /// Of what: `whole run`, `per 10 s`, `last 60 s`.
    pub scope: String,
    /// What it shows, in one or two sentences with its main figures.
    pub description: String,
}

/// How much a chart may weigh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// For an event of the live page: few points, one tooltip for each column.
    Page,
    /// For a report: every dot of a wide screen, one tooltip for each cell.
    #[default]
    Report,
}

impl Detail {
    /// Points along the width at most.
    pub(super) fn columns(self) -> f64 {
        match self {
            Self::Page => 200.0,
            Self::Report => WIDTH,
        }
    }
}

/// The colour of a series or a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// The first colour of series.
    #[default]
    S1,
    /// The second.
    S2,
    /// The third.
    S3,
    /// The fourth.
    S4,
    /// The fifth.
    S5,
    /// The sixth.
    S6,
    /// What holds.
    Good,
    /// What is in doubt.
    Warn,
    /// What does not hold.
    Bad,
    /// What stands back.
    Muted,
}

impl Tone {
    /// The colour of a series by its number: after the sixth they begin again.
    #[must_use]
    pub fn of_series(number: usize) -> Self {
        [Self::S1, Self::S2, Self::S3, Self::S4, Self::S5, Self::S6][number % 6]
    }

    /// The class in the style sheet.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::S1 => "s1",
            Self::S2 => "s2",
            Self::S3 => "s3",
            Self::S4 => "s4",
            Self::S5 => "s5",
            Self::S6 => "s6",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Muted => "muted",
        }
    }
}

/// One plot that is being drawn.
pub(super) struct Plot {
    /// Pixels from its top to its axis of time.
    pub(super) height: i64,
    /// Behind the data: bands and the grid, in pixels and percent.
    pub(super) behind: String,
    /// The data: `WIDTH` wide and `height` high, stretched to the width of the plot.
    pub(super) data: String,
    /// Before the data: labels and lines with labels, in pixels and percent.
    pub(super) before: String,
    pub(super) defs: String,
}

impl Plot {
    pub(super) fn new(height: i64) -> Self {
        Self {
            height,
            behind: String::new(),
            data: String::new(),
            before: String::new(),
            defs: String::new(),
        }
    }

    /// The height as a number to compute with.
    pub(super) fn high(&self) -> f64 {
        height_of(self.height)
    }

    /// Pixels from the top to a value.
    pub(super) fn y(&self, scale: &Scale, value: f64) -> f64 {
        (1.0 - scale.at(value)) * self.high()
    }

    /// The axis of values, with a line across at each of its ticks.
    pub(super) fn value_axis(&mut self, scale: &Scale, quantity: Quantity) {
        let most = usize::try_from(self.height / LABEL_HEIGHT + 1).unwrap_or(2);
        for Tick { at, label } in ticks(scale, quantity, most) {
            let y = whole((1.0 - at) * self.high());
            add(&mut self.behind, format_args!("<path class=\"grid\" d=\"M0 {y}h{WIDTH}\"/>"));
            let label = Label { at: 0.0, dx: -6, y: y + 4, anchor: Anchor::End, class: "", text: label };
            label.write(&mut self.before);
        }
    }

    /// The axis of time.
    pub(super) fn time_axis(&mut self, axis: &TimeAxis) {
        self.labels_below(|width| axis.ticks(width));
    }

    /// Labels under the plot: those that fit on a phone, and the others in between for wider screens.
    pub(super) fn labels_below(&mut self, ticks: impl Fn(f64) -> Vec<Tick>) {
        let (coarse, fine) = (ticks(NARROWEST), ticks(FINE_FROM));
        let (mut always, mut hidden) = (String::new(), String::new());
        let label = |tick: &Tick| Label {
            at: tick.at,
            dx: 0,
            y: self.height + 16,
            anchor: Anchor::Middle,
            class: "",
            text: tick.label.clone(),
        };
        let is_coarse = |tick: &Tick| coarse.iter().any(|other| (other.at - tick.at).abs() < 1e-6);
        // Where the two sets do not share their places, the wide screen has the coarse ones as well.
        let nested = coarse.iter().all(|tick| fine.iter().any(|other| (other.at - tick.at).abs() < 1e-6));
        coarse.iter().for_each(|tick| label(tick).write(&mut always));
        if nested {
            fine.iter().filter(|tick| !is_coarse(tick)).for_each(|tick| label(tick).write(&mut hidden));
        }
        self.before.push_str(&always);
        if !hidden.is_empty() {
            add(&mut self.before, format_args!("<g class=\"fine\">{hidden}</g>"));
        }
        let y = self.height;
        add(&mut self.behind, format_args!("<path class=\"axis\" d=\"M0 {y}h{WIDTH}\"/>"));
    }

    /// A path of the data.
    pub(super) fn path(&mut self, class: &str, d: &str) {
        if !d.is_empty() {
            add(&mut self.data, format_args!("<path class=\"{class}\" d=\"{d}\"/>"));
        }
    }

    /// The hatching of times that were not measured, as a paint for `fill`.
    pub(super) fn hatch(&mut self, id: &str) -> String {
        let id = format!("{id}-hatch");
        if self.defs.is_empty() {
            add(
                &mut self.defs,
                format_args!(
                    "<defs><pattern id=\"{id}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><path class=\"hatch\" d=\"M0 0v6\"/></pattern></defs>"
                ),
            );
        }
        format!("url(#{id})")
    }

    /// The `<svg>`; the first plot of a figure names the figure, any other one goes by `part`.
    pub(super) fn svg(&self, caption: &Caption, part: &str) -> String {
        let id = format!("{}{part}", caption.id);
        let (title, text) = (escape(&caption.title), escape(&caption.description));
        let Self { height, behind, data, before, defs } = self;
        let box_ = format!("viewBox=\"0 0 {WIDTH} {height}\" preserveAspectRatio=\"none\"");
        format!(
            "<div class=\"plot\"><svg role=\"img\" aria-labelledby=\"{id}-t {id}-d\" width=\"100%\" height=\"{height}\">\
             <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{text}</desc>{defs}\
             <svg width=\"100%\" height=\"{height}\" {box_}>{behind}{data}</svg>{before}</svg></div>"
        )
    }
}

fn height_of(height: i64) -> f64 {
    u64::try_from(height).map_or(0.0, super::markup::number)
}

/// The whole figure: caption, legend and what is drawn.
pub(super) fn figure(caption: &Caption, legend: &Legend, drawn: &str) -> String {
    let (id, title, scope) = (escape(&caption.id), escape(&caption.title), escape(&caption.scope));
    let legend = legend.html();
    format!(
        "<figure class=\"chart\" id=\"{id}\"><figcaption>{title} <span class=\"scope\">{scope}</span></figcaption>{legend}{drawn}</figure>"
    )
}

/// The figure of a chart that has nothing to show.
pub(super) fn no_data(caption: &Caption, why: &str) -> String {
    let said = if why.is_empty() { "no data".to_owned() } else { format!("no data: {}", escape(why)) };
    figure(caption, &Legend::default(), &format!("<p class=\"no-data\">{said}</p>"))
}

/// A text with as many letters as fit into so many pixels, the last one `…` where some are left out.
pub(super) fn fitting(text: &str, width: f64) -> Option<String> {
    if text_width(text) <= width {
        return Some(text.to_owned());
    }
    let mut kept = text.chars().count();
    while kept > 3 {
        kept -= 1;
        if text_width("…") + index(kept) * text_width("m") <= width {
            return Some(format!("{}…", text.chars().take(kept).collect::<String>().trim_end()));
        }
    }
    None
}

/// A rectangle in percent of the width and pixels of the height, with a tooltip.
pub(super) fn band(from: f64, to: f64, y: i64, height: i64, paint: &str, tooltip: &str) -> String {
    let (x, width) = (percent(from), percent((to - from).max(0.0)));
    let tooltip = escape(tooltip);
    format!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {paint}><title>{tooltip}</title></rect>"
    )
}
