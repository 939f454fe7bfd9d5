//! The fragments of a page, drawn once for each snapshot and view, whoever asks.
//!
//! Drawing takes some milliseconds of a thread that may block; who asks for the same view meanwhile waits for it and takes
//! what was drawn. A view that nobody has asked for in a while is forgotten.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use streamgauge_shared::time::UnixNanos;

use super::kept_runs::KeptRuns;
use super::merged::MergedSlots;
use super::sections::{self, Between};
use super::{Shown, View};
use crate::measure::Snapshot;

/// Views that are kept at most, each with what was drawn last: about 100 kB each.
const VIEWS_MAX: usize = 80;

/// What pages are drawn from, and what was drawn.
pub struct Live {
    instance: String,
    reached_at: String,
    kept: KeptRuns,
    views: Mutex<HashMap<View, Arc<Slot>>>,
}

/// What was drawn last of a view, and what it was drawn from.
#[derive(Default)]
struct Slot {
    /// Locked while it is drawn.
    drawn: tokio::sync::Mutex<Option<Arc<Rendered>>>,
    merged: Arc<Mutex<MergedSlots>>,
}

/// All fragments of a view as of one snapshot.
#[derive(Debug, Default)]
pub struct Rendered {
    key: Key,
    /// The id of the run as JSON, or `null`.
    pub run_json: String,
    /// `before`, `running` or `over`.
    pub state: &'static str,
    /// The time of the snapshot as JSON, or `null`.
    pub at_json: String,
    /// In the order of the page.
    pub fragments: Vec<Fragment>,
}

#[cfg(test)]
impl Rendered {
    /// These fragments, of no run.
    pub(crate) fn of(fragments: Vec<Fragment>) -> Self {
        Self {
            run_json: "null".to_owned(),
            at_json: "null".to_owned(),
            state: "before",
            fragments,
            ..Self::default()
        }
    }
}

/// What a drawing is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Key {
    run: Option<String>,
    at: Option<UnixNanos>,
    complete: bool,
    kept: u64,
}

/// One section of a page.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The id of its element.
    pub id: &'static str,
    /// Whether it is what people look at first: it goes with every event.
    pub at_a_glance: bool,
    /// What stands in the element.
    pub html: String,
    /// `"id":"html"`, as an event holds it.
    pub json: String,
    /// Of the HTML: whether it has changed.
    pub hash: u64,
}

impl Fragment {
    /// A section as it is drawn.
    pub(crate) fn new(id: &'static str, at_a_glance: bool, html: String) -> Self {
        let mut hasher = DefaultHasher::new();
        html.hash(&mut hasher);
        let text = serde_json::to_string(&html).unwrap_or_else(|_| "\"\"".to_owned());
        Self { id, at_a_glance, json: format!("\"{id}\":{text}"), hash: hasher.finish(), html }
    }
}

impl Live {
    /// Pages of an observer that keeps its runs here and is reached there.
    #[must_use]
    pub fn new(runs: PathBuf, reached_at: String) -> Self {
        Self {
            instance: format!("{:016x}", rand::random::<u64>()),
            reached_at,
            kept: KeptRuns::new(runs),
            views: Mutex::new(HashMap::new()),
        }
    }

    /// A name for this process: a page that another one has served is out of date.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The fragments of a view as of a snapshot, or of no run.
    pub async fn rendered(
        &self,
        snapshot: Option<Arc<Snapshot>>,
        view: &View,
        now: UnixNanos,
    ) -> Arc<Rendered> {
        let is_between = snapshot.as_ref().is_none_or(|snapshot| snapshot.report.run.complete);
        let kept = if is_between { Some(self.kept.list(now).await) } else { None };
        let key = Key {
            run: snapshot.as_ref().map(|snapshot| snapshot.report.run.id.clone()),
            at: snapshot.as_ref().map(|snapshot| snapshot.at),
            complete: is_between,
            kept: kept.as_ref().map_or(0, |(version, _)| *version),
        };
        let slot = self.slot(view);
        let mut drawn = slot.drawn.lock().await;
        // Who waited for the lock with an older snapshot than was drawn takes the newer one.
        if let Some(drawn) = drawn.as_ref()
            && (drawn.key == key || (drawn.key.run == key.run && drawn.key.at > key.at))
        {
            return Arc::clone(drawn);
        }
        let between = kept.map(|(_, runs)| Between { runs, reached_at: self.reached_at.clone() });
        let (view, of) = (view.clone(), key.clone());
        let merged = Arc::clone(&slot.merged);
        let task = tokio::task::spawn_blocking(move || {
            draw(of, snapshot.as_deref(), &view, between.as_ref(), &mut merged.lock())
        });
        match task.await {
            Ok(rendered) => {
                let rendered = Arc::new(rendered);
                *drawn = Some(Arc::clone(&rendered));
                rendered
            }
            Err(error) => {
                tracing::error!("the page could not be drawn, which is a mistake of ours: {error}");
                drawn.clone().unwrap_or_default()
            }
        }
    }

    /// Draws a view here and now, on the thread of the caller.
    #[cfg(test)]
    pub(crate) fn draw_here(&self, snapshot: &Snapshot, view: &View) -> Rendered {
        let slot = self.slot(view);
        draw(Key::default(), Some(snapshot), view, None, &mut slot.merged.lock())
    }

    /// How many views are kept.
    #[cfg(test)]
    pub(crate) fn views(&self) -> usize {
        self.views.lock().len()
    }

    /// Where a view is drawn into. Of those that nobody is using one goes where there are too many.
    fn slot(&self, view: &View) -> Arc<Slot> {
        let mut views = self.views.lock();
        if !views.contains_key(view) && views.len() >= VIEWS_MAX {
            let unused = views.iter().find(|(_, slot)| Arc::strong_count(slot) == 1);
            if let Some(unused) = unused.map(|(view, _)| view.clone()) {
                views.remove(&unused);
            }
        }
        Arc::clone(views.entry(view.clone()).or_default())
    }
}

/// Draws every section.
fn draw(
    key: Key,
    snapshot: Option<&Snapshot>,
    view: &View,
    between: Option<&Between>,
    merged: &mut MergedSlots,
) -> Rendered {
    let shown = snapshot.map(|snapshot| Shown::new(snapshot, view, merged));
    let fragments = sections::ALL.iter().map(|section| {
        let html = (section.html)(shown.as_ref(), between).unwrap_or_default();
        Fragment::new(section.id, section.at_a_glance, html)
    });
    let state = match snapshot {
        None => "before",
        Some(snapshot) if snapshot.report.run.complete => "over",
        Some(_) => "running",
    };
    let json = |text: Option<String>| serde_json::to_string(&text).unwrap_or_else(|_| "null".to_owned());
    Rendered {
        run_json: json(key.run.clone()),
        at_json: json(key.at.map(UnixNanos::to_rfc3339)),
        state,
        fragments: fragments.collect(),
        key,
    }
}
