//! Events without a socket: what a reader is told, how long it is, and what one that is slow misses.

use super::*;
use crate::http::Access;
use crate::http::tests::shared;
use crate::measure::fixture::Fixture;
use crate::page::Fragment;

async fn port() -> Arc<Port> {
    shared(Access::default()).await
}

async fn reader(port: &Arc<Port>) -> Reader {
    let place = Arc::clone(&port.readers).try_acquire_owned().expect("a place");
    Reader::new(Arc::clone(port), View::default(), place)
}

fn publish(port: &Port, rows: usize, at_ms: i64) {
    let mut fixture = Fixture::new(&vec![Some(20); rows]);
    fixture.tick(at_ms);
    port.observer.publish(fixture.snapshot());
}

fn data(event: &str) -> serde_json::Value {
    let data = event.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
    serde_json::from_str(data).expect("JSON")
}

#[tokio::test]
async fn a_reader_is_greeted_then_told_all_then_what_has_changed() {
    let port = port().await;
    let mut reader = reader(&port).await;
    let hello = String::from_utf8(reader.next().await.to_vec()).expect("text");
    assert_eq!(data(&hello)["instance"], port.live.instance());
    let first = String::from_utf8(reader.next().await.to_vec()).expect("text");
    let mut told = std::collections::BTreeSet::new();
    let mut next = Some(first);
    while let Some(event) = next {
        assert!(event.len() <= EVENT_BYTES_MAX, "{}", event.len());
        let data = data(&event);
        told.extend(data["fragments"].as_object().expect("fragments").keys().cloned());
        next = reader.look().await;
    }
    for id in ["verdict", "now", "latency", "account", "conditions", "rows"] {
        assert!(told.contains(id), "{id} of {told:?}");
    }
    publish(&port, 3, 3_000);
    let event = String::from_utf8(reader.next().await.to_vec()).expect("text");
    let event = data(&event);
    let changed = event["fragments"].as_object().expect("fragments");
    assert!(changed.contains_key("account") && changed.contains_key("now"), "{:?}", changed.keys());
    assert!(!changed.contains_key("conditions"), "nothing of it has changed: {:?}", changed.keys());
}

#[tokio::test]
async fn a_slow_reader_misses_what_came_in_between_and_holds_back_nobody() {
    let port = port().await;
    let mut reader = reader(&port).await;
    drop(reader.next().await);
    while reader.look().await.is_some() {}
    // Nobody waits for it: each of these returns at once.
    for rows in 3..60 {
        publish(&port, rows, 3_000 + i64::try_from(rows).expect("small"));
    }
    let event = data(&reader.look().await.expect("changed"));
    let account = event["fragments"]["account"].as_str().expect("it has changed");
    assert!(account.contains("data-figure=\"/account/entries\" data-value=\"59\""), "{account}");
    while reader.look().await.is_some() {}
}

#[tokio::test]
async fn readers_are_so_many_and_one_that_goes_makes_room() {
    let port = port().await;
    let mut all: Vec<Answer> = (0..READERS_MAX).map(|_| answer(Arc::clone(&port), View::default())).collect();
    assert!(all.iter().all(|answer| answer.status() == StatusCode::OK));
    let refused = answer(Arc::clone(&port), View::default());
    assert_eq!(
        (refused.status(), refused.headers()[RETRY_AFTER].as_bytes()),
        (StatusCode::SERVICE_UNAVAILABLE, &b"10"[..])
    );
    all.pop();
    assert_eq!(answer(Arc::clone(&port), View::default()).status(), StatusCode::OK);
}

fn rendered(fragments: &[(&'static str, bool, usize, char)]) -> Rendered {
    let fragment = |(id, glance, length, letter): &(&'static str, bool, usize, char)| {
        Fragment::new(id, *glance, letter.to_string().repeat(*length))
    };
    Rendered::of(fragments.iter().map(fragment).collect())
}

fn ids(event: &str) -> Vec<String> {
    data(event)["fragments"].as_object().expect("fragments").keys().cloned().collect()
}

#[test]
fn glances_go_first_and_the_others_in_turn() {
    let mut told = Told::default();
    let at = |letter| {
        rendered(&[("a", true, 5_000, letter), ("b", false, 9_000, letter), ("c", false, 9_000, letter)])
    };
    let mut seen = Vec::new();
    for letter in ['1', '2', '3', '4'] {
        let event = told.event(&at(letter)).expect("changed");
        assert!(event.len() <= EVENT_BYTES_MAX, "{}", event.len());
        seen.push(ids(&event).join(""));
    }
    assert_eq!(seen, ["ab", "ac", "ab", "ac"]);
    assert_eq!(ids(&told.event(&at('4')).expect("what had no room")), ["b"]);
    assert_eq!(told.event(&at('4')), None);
}

#[test]
fn what_fits_beside_nothing_goes_alone_and_what_never_fits_holds_nobody_up() {
    let mut told = Told::default();
    let at = |letter| {
        rendered(&[("a", true, 5_000, letter), ("b", false, 18_000, letter), ("c", false, 30_000, letter)])
    };
    let seen: Vec<String> = ['1', '2', '3', '4']
        .into_iter()
        .map(|letter| ids(&told.event(&at(letter)).expect("changed")).join(""))
        .collect();
    assert_eq!(seen, ["a", "b", "a", "b"]);
}
