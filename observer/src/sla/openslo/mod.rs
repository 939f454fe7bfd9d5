//! One SLO of OpenSLO (`openslo/v1`), read strictly: what is not mapped is an error that names the field.
//!
//! `docs/sla.md` has the mapping. The indicator is a `thresholdMetric` of the type `Streamgauge`, whose `spec` names the
//! latency; the objectives' `value` is in seconds. OpenSLO has neither maintenance windows nor a coverage: those are
//! options of the command.

mod yaml;

use streamgauge_shared::time::{Nanos, parse_duration};

use self::yaml::{Node, Value};
use super::objective::{Objective, Target, of_key};
use super::window::{DAY, Window};
use super::zone::Zone;

/// What an SLO document says.
#[derive(Clone, Debug)]
pub struct Slo {
    /// Its display name, or else its name.
    pub title: String,
    /// Its objectives; at least one.
    pub objectives: Vec<Objective>,
    /// Its window.
    pub window: Window,
    /// The time zone of a calendar window.
    pub zone: Option<Zone>,
}

/// The fields of one mapping that were not read yet.
struct Fields {
    path: String,
    line: usize,
    left: Vec<(String, Node)>,
}

/// Reads one SLO document.
///
/// # Errors
/// A sentence that names the field, the value found and what is allowed.
pub fn read(text: &str) -> Result<Slo, String> {
    let mut document = Fields::of(yaml::read(text)?, "")?;
    document.word("apiVersion", &["openslo/v1"])?;
    document.word("kind", &["SLO"])?;
    let mut metadata = document.map("metadata")?;
    let name = metadata.text("name")?;
    let title = metadata.maybe_text("displayName")?.unwrap_or(name);
    metadata.end()?;
    let mut spec = document.map("spec")?;
    document.end()?;
    for told in ["description", "service"] {
        spec.maybe_text(told)?;
    }
    spec.word("budgetingMethod", &["Occurrences"])?;
    let (latency, operation) = indicator(spec.map("indicator")?)?;
    let (window, zone) = window(spec.list("timeWindow")?)?;
    let listed = spec.list("objectives")?;
    spec.end()?;
    let mut objectives: Vec<Objective> = Vec::new();
    for node in listed {
        let line = node.line;
        let mut fields = Fields::of(node, "spec.objectives[]")?;
        let name = fields.maybe_text("displayName")?;
        fields.word("op", &["lt", "lte"])?;
        let value = fields.text("value")?;
        let bound = value.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        let bound = bound.map(|seconds| Nanos::from_millis_f64(seconds * 1_000.0)).ok_or_else(|| {
            format!("spec.objectives[].value '{value}' (line {line}) is not a number of seconds above 0")
        })?;
        let target = match (fields.maybe_text("target")?, fields.maybe_text("targetPercent")?) {
            (Some(share), None) => Target::parse_share(&share),
            (None, Some(percent)) => Target::parse_percent(&percent),
            (Some(_), Some(_)) => Err("it has target and targetPercent: give one of them".to_owned()),
            (None, None) => Err("it has no target: write target: 0.999 or targetPercent: 99.9".to_owned()),
        };
        let target = target.map_err(|why| format!("spec.objectives[] (line {line}): {why}"))?;
        fields.end()?;
        let objective = Objective { latency, operation, bound, target, name };
        if objectives.iter().any(|known| (known.bound, known.target) == (bound, target)) {
            return Err(format!("spec.objectives[] (line {line}) is given twice: give it once"));
        }
        objectives.push(objective);
    }
    if objectives.is_empty() {
        return Err("spec.objectives is empty: give at least one".to_owned());
    }
    Ok(Slo { title, objectives, window, zone })
}

type Key = (streamgauge_shared::timeline::Latency, Option<streamgauge_shared::account::Operation>);

fn indicator(mut indicator: Fields) -> Result<Key, String> {
    if let Some(mut metadata) = indicator.maybe_map("metadata")? {
        metadata.maybe_text("name")?;
        metadata.maybe_text("displayName")?;
        metadata.end()?;
    }
    let mut spec = indicator.map("spec")?;
    indicator.end()?;
    spec.maybe_text("description")?;
    let mut metric = spec.map("thresholdMetric")?;
    spec.end()?;
    let mut source = metric.map("metricSource")?;
    metric.end()?;
    source.word("type", &["Streamgauge"])?;
    let mut spec = source.map("spec")?;
    source.end()?;
    let latency = spec.text("latency")?;
    spec.end()?;
    of_key(&latency, &latency)
}

/// The window, and the time zone of one of the calendar.
fn window(windows: Vec<Node>) -> Result<(Window, Option<Zone>), String> {
    let count = windows.len();
    let Ok([node]) = <[Node; 1]>::try_from(windows) else {
        return Err(format!("spec.timeWindow has {count} windows: one is read, write an SLO for each"));
    };
    let mut fields = Fields::of(node, "spec.timeWindow[]")?;
    let duration = fields.text("duration")?;
    let is_rolling = fields.word("isRolling", &["true", "false"])? == "true";
    let calendar = fields.maybe_map("calendar")?;
    fields.end()?;
    let unreadable = |allowed: &str| format!("spec.timeWindow[].duration '{duration}' is not {allowed}");
    match (is_rolling, calendar) {
        (true, None) => {
            let weeks = duration.strip_suffix('w').and_then(|weeks| weeks.parse::<i64>().ok());
            let length = weeks.map(|weeks| Nanos(weeks.saturating_mul(7 * DAY.0)));
            let length = length.or_else(|| parse_duration(&duration).ok());
            let length = length.filter(|length| *length >= DAY && length.0 % DAY.0 == 0);
            let length =
                length.ok_or_else(|| unreadable("a number of whole days or weeks, as in 30d or 4w"))?;
            Ok((Window::Rolling(length), None))
        }
        (true, Some(_)) => {
            Err("spec.timeWindow[].calendar does not go with isRolling: true; leave one of them out"
                .to_owned())
        }
        (false, None) => {
            Err("spec.timeWindow[].calendar is missing: a window that does not roll has one".to_owned())
        }
        (false, Some(mut calendar)) => {
            let window = match duration.as_str() {
                "1d" => Window::Day,
                "1w" => Window::Week,
                "1M" => Window::Month,
                "1Q" => Window::Quarter,
                "1Y" => Window::Year,
                _ => return Err(unreadable("one of 1d, 1w, 1M, 1Q, 1Y, which calendar windows are")),
            };
            let start = calendar.text("startTime")?;
            let zone = Zone::named(&calendar.text("timeZone")?)
                .map_err(|why| format!("spec.timeWindow[].calendar.timeZone: {why}"))?;
            calendar.end()?;
            let at =
                zone.parse(&start).map_err(|why| format!("spec.timeWindow[].calendar.startTime: {why}"))?;
            let first = window.first_day(zone.date(at));
            if zone.start_of(first)? != at {
                return Err(format!(
                    "spec.timeWindow[].calendar.startTime '{start}' is not the beginning of a {window} in {}: windows begin with the calendar's",
                    zone.name()
                ));
            }
            Ok((window, Some(zone)))
        }
    }
}

impl Fields {
    fn of(node: Node, path: &str) -> Result<Self, String> {
        match node.value {
            Value::Map(left) => Ok(Self { path: path.to_owned(), line: node.line, left }),
            _ => Err(format!("{} (line {}) is not a mapping", named(path), node.line)),
        }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.left.iter().position(|(known, _)| known == name)?;
        Some(self.left.remove(at).1)
    }

    fn required(&mut self, name: &str) -> Result<Node, String> {
        let missing = format!("{} is missing (in what begins at line {})", self.path_of(name), self.line);
        self.take(name).ok_or(missing)
    }

    fn as_text(&self, name: &str, node: Node) -> Result<String, String> {
        match node.value {
            Value::Text(text) => Ok(text),
            _ => Err(format!("{} (line {}) is not a text", self.path_of(name), node.line)),
        }
    }

    fn text(&mut self, name: &str) -> Result<String, String> {
        let node = self.required(name)?;
        self.as_text(name, node)
    }

    fn maybe_text(&mut self, name: &str) -> Result<Option<String>, String> {
        self.take(name).map(|node| self.as_text(name, node)).transpose()
    }

    /// A text that is one of a few words.
    fn word(&mut self, name: &str, allowed: &[&str]) -> Result<String, String> {
        let node = self.required(name)?;
        let line = node.line;
        let text = self.as_text(name, node)?;
        if allowed.contains(&text.as_str()) {
            return Ok(text);
        }
        Err(format!(
            "{} '{text}' (line {line}) is not read: it is {}",
            self.path_of(name),
            allowed.join(" or ")
        ))
    }

    fn map(&mut self, name: &str) -> Result<Self, String> {
        let node = self.required(name)?;
        Self::of(node, &self.path_of(name))
    }

    fn maybe_map(&mut self, name: &str) -> Result<Option<Self>, String> {
        let path = self.path_of(name);
        self.take(name).map(|node| Self::of(node, &path)).transpose()
    }

    fn list(&mut self, name: &str) -> Result<Vec<Node>, String> {
        let node = self.required(name)?;
        match node.value {
            Value::List(items) => Ok(items),
            _ => Err(format!("{} (line {}) is not a list", self.path_of(name), node.line)),
        }
    }

    /// Nothing else may be there.
    fn end(self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some((name, node)) => Err(format!(
                "{} (line {}) is not read: Streamgauge has nothing that it could mean; leave it out",
                self.path_of(name),
                node.line
            )),
        }
    }
}

fn named(path: &str) -> &str {
    if path.is_empty() { "the document" } else { path }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
