//! `/api/events`: what a page shows, as it changes, as server-sent events.
//!
//! A reader is asked for nothing and owed nothing: an event is made when its connection takes one, from the last snapshot
//! there is, so one that is slow skips what came in between and holds back nobody. What an event holds is drawn once for
//! all who look at the same view ([`crate::page::Live`]), and holds only what has changed for this reader.
//!
//! `event: hello` says which process this is: a page that has been served by another one loads itself anew.
//! `event: state` is `{"run", "state", "at", "fragments": {id: HTML}}`. A comment every [`COMMENT_EVERY`] lets the server notice
//! that a reader has gone.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Port;
use super::answers::{Answer, text};
use crate::measure::Snapshot;
use crate::page::{Rendered, View};

pub(super) const PATH: &str = "/api/events";

/// Readers at a time; the others of the port's connections are for writers, scrapers and pages.
pub(super) const READERS_MAX: usize = 64;
/// How often a reader that has nothing to hear hears that the server is there.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// How soon after an event comes the next one, where something had no room in it.
const REST_AFTER: Duration = Duration::from_millis(500);
/// An event is at most so long. What has no room goes with the next one, whatever has waited longest first.
pub(super) const EVENT_BYTES_MAX: usize = 20_000;

/// The stream for one reader of a view; 503 where there are too many.
pub(super) fn answer(port: Arc<Port>, view: View) -> Answer {
    let Ok(place) = Arc::clone(&port.readers).try_acquire_owned() else {
        let sentence = format!("{READERS_MAX} pages are being kept up to date already: close one of them\n");
        let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, &sentence);
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
        return answer;
    };
    let reader = Reader::new(port, view, place);
    let frames = stream::unfold(reader, |mut reader| async move {
        let frame = Frame::data(reader.next().await);
        Some((Ok::<_, Infallible>(frame), reader))
    });
    let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Proxies that would collect before they pass on.
    answer.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    answer
}

/// One page that is kept up to date.
pub(super) struct Reader {
    port: Arc<Port>,
    view: View,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    told: Told,
    /// Whether it has been greeted.
    greeted: bool,
    _place: OwnedSemaphorePermit,
}

/// What a reader has been told.
#[derive(Debug, Default)]
struct Told {
    /// By the id of a fragment: what it was, and with which event it went.
    fragments: HashMap<&'static str, (u64, u64)>,
    events: u64,
    /// Whether the last event had no room for something.
    is_behind: bool,
    /// Whether the last event held one fragment that fits beside nothing.
    was_alone: bool,
}

impl Reader {
    pub(super) fn new(port: Arc<Port>, view: View, place: OwnedSemaphorePermit) -> Self {
        let snapshots = port.observer.watch();
        Self { port, view, snapshots, told: Told::default(), greeted: false, _place: place }
    }

    /// What it is sent next, as soon as there is anything.
    pub(super) async fn next(&mut self) -> Bytes {
        if !self.greeted {
            self.greeted = true;
            self.snapshots.mark_changed();
            let hello = serde_json::json!({ "instance": self.port.live.instance() });
            return Bytes::from(format!("retry: 2000\nevent: hello\ndata: {hello}\n\n"));
        }
        loop {
            let wait = if self.told.is_behind { REST_AFTER } else { COMMENT_EVERY };
            let is_timeout = tokio::select! {
                changed = self.snapshots.changed() => {
                    if changed.is_err() {
                        // The observer is ending, and its connections with it.
                        std::future::pending::<()>().await;
                    }
                    false
                }
                () = tokio::time::sleep(wait) => true,
            };
            if let Some(event) = self.look().await {
                return Bytes::from(event);
            }
            if is_timeout {
                return Bytes::from_static(b": still here\n\n");
            }
        }
    }
}

impl Reader {
    /// What has changed since it was told last.
    async fn look(&mut self) -> Option<String> {
        let snapshot = self.snapshots.borrow_and_update().clone();
        let rendered = self.port.live.rendered(snapshot, &self.view, self.port.observer.now()).await;
        self.told.event(&rendered)
    }
}

impl Told {
    /// What has changed, as one event; nothing if nothing has.
    fn event(&mut self, rendered: &Rendered) -> Option<String> {
        let head = format!(
            "event: state\ndata: {{\"run\":{},\"state\":\"{}\",\"at\":{},\"fragments\":{{",
            rendered.run_json, rendered.state, rendered.at_json
        );
        let room = EVENT_BYTES_MAX - head.len() - "}}\n\n".len();
        let told = |id: &str| self.fragments.get(id).copied();
        // What no event can hold is as it was when the page was loaded; a test sees to it that there is none.
        let changed = rendered.fragments.iter().filter(|fragment| fragment.json.len() < room);
        let mut changed: Vec<_> = changed
            .filter(|fragment| told(fragment.id).map(|(hash, _)| hash) != Some(fragment.hash))
            .collect();
        if changed.is_empty() {
            self.is_behind = false;
            return None;
        }
        // Glances first; of the others whatever has waited longest. The sort is stable: else in the order of the page.
        changed
            .sort_by_key(|fragment| (!fragment.at_a_glance, told(fragment.id).map_or(0, |(_, event)| event)));
        let longest_waiting = changed.iter().find(|fragment| !fragment.at_a_glance);
        let glances: usize = changed
            .iter()
            .filter(|fragment| fragment.at_a_glance)
            .map(|fragment| fragment.json.len() + 1)
            .sum();
        // What does not even fit beside the glances goes without them every other time.
        let alone = longest_waiting
            .filter(|fragment| glances + fragment.json.len() >= room && self.is_behind && !self.was_alone)
            .map(|fragment| fragment.id);
        self.was_alone = alone.is_some();
        self.events += 1;
        self.is_behind = false;
        let mut event = head;
        let mut left = room;
        for fragment in changed {
            let length = fragment.json.len() + 1;
            if length > left || alone.is_some_and(|id| id != fragment.id) {
                self.is_behind = true;
                continue;
            }
            if left < room {
                event.push(',');
            }
            left -= length;
            event.push_str(&fragment.json);
            self.fragments.insert(fragment.id, (fragment.hash, self.events));
        }
        event.push_str("}}\n\n");
        Some(event)
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
