//! The browser tells what is wrong with a page: none of the other tests could fail otherwise.

use std::fs;

use anyhow::Result;
use streamgauge_browser::{Browser, Look, Scheme};
use streamgauge_testbed::Testbed;

const BAD: &str = "<!doctype html><html><head>
<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; script-src 'unsafe-inline'; img-src http:\"><title>bad</title>
<script>console.error('said so')</script></head><body>
<p style='color: red'>the policy stops this style</p><img src='http://127.0.0.1:9/elsewhere.png'>
<div id=wide><a href='#a'>one</a> <a href='#b'>two</a> <input aria-label=three></div>
<script>document.getElementById('wide').style.width = '2000px'</script></body></html>";
const GOOD: &str =
    "<!doctype html><html lang=en><head><title>good</title><link rel=icon href='data:,'></head>
<body><main><h1>A page</h1><p>fits</p></main></body></html>";

#[tokio::test]
async fn what_is_wrong_with_a_page_is_seen() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    let browser = Browser::start(&bed).await?;
    let path = bed.folder().join("page.html");
    browser.look(Look::phone(Scheme::Light)).await?;

    fs::write(&path, BAD)?;
    browser.open_file(&path).await?;
    let health = browser.health().await?;
    let complaints = health.complaints.join("\n");
    for expected in ["said so", "content security policy: style-src-attr stopped inline"] {
        assert!(complaints.contains(expected), "{expected}: {complaints}");
    }
    let own = format!("file://{}", path.display());
    assert_eq!(health.elsewhere(&own), ["http://127.0.0.1:9/elsewhere.png"]);
    assert!(health.is_good(&own).is_err());
    let rules: Vec<String> = browser.accessibility().await?.into_iter().map(|fault| fault.rule).collect();
    assert!(
        rules.contains(&"html-has-lang".to_owned()) && rules.contains(&"image-alt".to_owned()),
        "{rules:?}"
    );
    assert!(browser.overflow().await?.iter().any(|line| line.starts_with("DIV")));
    let workable = browser.workable().await?;
    assert_eq!(workable.len(), 3, "{workable:?}");
    assert_eq!(browser.tab_stops(10).await?, workable);

    fs::write(&path, GOOD)?;
    browser.open_file(&path).await?;
    browser.health().await?.is_good(&own)?;
    let faults = browser.accessibility().await?;
    assert!(faults.is_empty(), "{faults:?}");
    assert!(browser.overflow().await?.is_empty());
    let picture = bed.folder().join("page.png");
    browser.picture(&picture).await?;
    assert!(fs::read(&picture)?.starts_with(b"\x89PNG"));
    browser.stop().await?;
    bed.stop()
}
