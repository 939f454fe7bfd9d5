//! What is made of kept runs for somebody else to read: the comparison, as a file that opens from disk.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use streamgauge_browser::{Browser, came_to_its_end};
use streamgauge_end_to_end::{Observer, finish, scenario, start_run};
use streamgauge_testbed::{Program, Testbed, find_program};

const RUN_LIMIT: Duration = Duration::from_secs(90);
/// Passed, a regression, a missed objective: what is written is looked at in any case.
const CODES: [i32; 2] = [0, 99];

async fn written(bed: &Testbed, name: &str, arguments: &[&str], file: &Path) -> Result<String> {
    let program = Program::new(name, find_program("streamgauge-observer")?).args(arguments.iter().copied());
    let finished = finish(&bed.run(program).await?, RUN_LIMIT).await?;
    ensure!(CODES.contains(&finished.code), "{name}: {} {}", finished.code, finished.stderr);
    Ok(fs::read_to_string(file)?)
}

#[tokio::test]
async fn the_comparison_is_quiet_and_open_to_everybody() -> Result<()> {
    let bed = Testbed::builder().delay(Duration::from_millis(20)).start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = scenario(&bed, 30, 12)?;
    for prepare in [true, false] {
        let options: &[&str] = if prepare { &["--prepare"] } else { &[] };
        let finished = finish(&start_run(&bed, &observer, &path, options).await?, RUN_LIMIT).await?;
        came_to_its_end(&finished)?;
    }
    let folders: Vec<String> =
        observer.run_folders()?.iter().map(|path| path.display().to_string()).collect();
    let [first, second] = &folders[..] else { anyhow::bail!("two runs expected: {folders:?}") };
    let runs = observer.runs.display().to_string();
    let compare = bed.folder().join("compare.html");
    let compare_file = compare.display().to_string();
    let comparison = ["compare", first, second, "--runs", &runs, "--html", &compare_file];
    let documents = [(&compare, written(&bed, "compare", &comparison, &compare).await?)];
    let browser = Browser::start(&bed).await?;
    let mut faults = Vec::new();
    for (file, html) in documents {
        ensure!(
            !html.contains("<script") && html.len() < 1_000_000,
            "{}: {} bytes",
            file.display(),
            html.len()
        );
        browser.open_file(file).await?;
        ensure!(browser.visible_text().await?.len() > 300, "{} says next to nothing", file.display());
        let found = browser.faults().await?;
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", file.display())));
        browser.health().await?.is_good(&format!("file://{}", file.canonicalize()?.display()))?;
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    browser.stop().await?;
    bed.stop()
}
