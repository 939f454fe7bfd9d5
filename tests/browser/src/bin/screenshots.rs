//! Pictures of everything that a person sees, to be looked at: page, report, comparison, SLA report and terminal.
//!
//!     screenshots FOLDER [SCENARIO…]
//!
//! Each shipped scenario runs for about half a minute against a testbed whose relay leaves marks, wavers, stalls once
//! and loses a row now and then, so that there is something to see. `index.html` in the folder shows all pictures.

#![expect(clippy::print_stdout, reason = "a program that says what it draws")]

use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use streamgauge_browser::{Browser, Look, Scheme, as_document};
use streamgauge_end_to_end::{MARKS, Observer, finish, get, model_with_marks, scenarios};
use streamgauge_testbed::{Process, Program, RowFaults, Signal, Testbed, find_program, wait_for};

/// The other shipped scenarios, and the factor that makes about half a minute of its length.
const SCENARIOS: [(&str, &str); 5] =
    [("baseline", "0.1"), ("stress", "0.035"), ("spike", "0.1"), ("soak", "0.0042"), ("mixed", "0.056")];
/// How far a run has to be for a picture of it, seconds.
const MIDDLE_S: f64 = 14.0;
const RUN_LIMIT: Duration = Duration::from_secs(300);
const COMMAND_LIMIT: Duration = Duration::from_secs(120);
/// Columns of the terminal: what fits beside another window.
const COLUMNS: u32 = 100;

struct Gallery {
    folder: PathBuf,
    browser: Browser,
    taken: Vec<String>,
}

impl Gallery {
    /// A picture of what is open, in this look.
    async fn take(&mut self, name: &str, look: Look) -> Result<()> {
        self.browser.look(look).await?;
        let file = format!("{name}.png");
        self.browser.picture(&self.folder.join(&file)).await?;
        println!("{file}");
        self.taken.push(file);
        Ok(())
    }

    /// Dark, light, on a phone and on paper.
    async fn take_all(&mut self, name: &str) -> Result<()> {
        for scheme in Scheme::ALL {
            self.take(&format!("{name}-{}", scheme.name()), Look::desktop(scheme)).await?;
        }
        self.take(&format!("{name}-phone"), Look::phone(Scheme::Dark)).await?;
        self.take(&format!("{name}-print"), Look::paper()).await?;
        self.browser.printed(&self.folder.join(format!("{name}.pdf"))).await
    }

    /// What was printed on a terminal.
    async fn take_terminal(&mut self, name: &str, printed: &str) -> Result<()> {
        let path = self.folder.join(format!("{name}.html"));
        fs::write(&path, as_document(printed, name))?;
        self.browser.open_file(&path).await?;
        self.take(name, Look { width: 1000, ..Look::desktop(Scheme::Dark) }).await
    }

    fn write_index(&self) -> Result<()> {
        let mut page = String::from("<!doctype html><meta charset=utf-8><title>Pictures</title>\n");
        for file in &self.taken {
            writeln!(page, "<h2>{file}</h2><a href={file}><img src={file} width=900></a>")?;
        }
        Ok(fs::write(self.folder.join("index.html"), page)?)
    }
}

/// A program on a terminal of its own, which Debian's `script` makes.
async fn on_terminal(bed: &Testbed, name: &str, command: &str) -> Result<Process> {
    let command = format!("stty cols {COLUMNS} rows 45; exec {command}");
    let program = Program::new(format!("terminal-{name}"), "/usr/bin/script")
        .args(["-qefc", &command, "/dev/null"])
        .env("TERM", "xterm-256color")
        .env("STREAMGAUGE_POSTGRES", bed.postgres_url())
        .env("STREAMGAUGE_MONGO", bed.mongo_uri());
    bed.run(Program { stop: Signal::Interrupt, ..program }).await
}

/// A shipped scenario with the model that names the relay's marks.
fn marked(bed: &Testbed, model: &Path, name: &str) -> Result<PathBuf> {
    let shipped = fs::read_to_string(scenarios().join(format!("{name}.toml")))?;
    let path = bed.folder().join(format!("{name}.toml"));
    fs::write(&path, shipped.replace("models/shop.toml", &model.display().to_string()))?;
    Ok(path)
}

async fn in_the_middle(observer: &Observer, id: &str) -> Result<()> {
    wait_for("the middle of the run", RUN_LIMIT, || async {
        let answer = get(&observer.address, "/api/snapshot").await.map_err(|error| format!("{error:#}"))?;
        let report: serde_json::Value =
            serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
        let seconds = report["run"]["duration_s"].as_f64().unwrap_or(0.0);
        let own = report["run"]["id"] == id;
        if own && seconds >= MIDDLE_S { Ok(()) } else { Err(format!("{seconds} s")) }
    })
    .await
}

/// One command on a terminal; what it printed.
async fn command(
    bed: &Testbed,
    gallery: &mut Gallery,
    name: &str,
    program: &str,
    arguments: &str,
) -> Result<()> {
    let program = find_program(program)?;
    let run = on_terminal(bed, name, &format!("{} {arguments}", program.display())).await?;
    let finished = finish(&run, COMMAND_LIMIT).await?;
    println!("{name}: exit code {}", finished.code);
    gallery.take_terminal(&format!("terminal-{name}"), &finished.stdout).await
}

/// A run of a scenario with pictures of its middle and its end; returns its folder. `every_look`: of page and report.
async fn scenario(
    bed: &Testbed,
    observer: &Observer,
    gallery: &mut Gallery,
    (name, scale): (&str, &str),
    every_look: bool,
) -> Result<PathBuf> {
    let path = marked(bed, &bed.folder().join("model.toml"), name)?;
    let id = format!("{:012x}", 0xa0_0000 + gallery.taken.len());
    let writer = find_program("streamgauge-writer")?;
    let options =
        format!("--prepare --time-scale {scale} --seed 7 --run-id {id} --observer {}", observer.address);
    let command = format!("{} run {} {options}", writer.display(), path.display());
    gallery.browser.open(&observer.address).await?;
    let run = on_terminal(bed, &id, &command).await?;
    in_the_middle(observer, &id).await?;
    if every_look {
        gallery.take_all("page-during").await?;
    } else {
        gallery.take(&format!("page-during-{name}"), Look::desktop(Scheme::Dark)).await?;
        gallery.browser.open(&observer.address).await?;
    }
    gallery.take_terminal(&format!("terminal-{name}-progress"), &run.stdout()).await?;
    let finished = finish(&run, RUN_LIMIT).await?;
    println!("{name}: exit code {}", finished.code);
    gallery.take_terminal(&format!("terminal-{name}"), &finished.stdout).await?;
    gallery.browser.open(&observer.address).await?;
    let folder = observer.run_folders()?.pop().context("no run folder")?;
    if every_look {
        gallery.take_all("page-after").await?;
        gallery.browser.open(&format!("{}/?operation=create&scale=log", observer.address)).await?;
        gallery.take("page-after-narrowed", Look::desktop(Scheme::Light)).await?;
        let row = "return document.querySelector('a[href^=\"/rows/\"]')?.href ?? null";
        if let Some(row) = gallery.browser.ask(row, vec![]).await?.as_str() {
            gallery.browser.open(row).await?;
            gallery.take_all("row").await?;
        }
    } else {
        gallery.take(&format!("page-after-{name}"), Look::desktop(Scheme::Light)).await?;
    }
    let report = folder.join("report.html");
    if report.exists() {
        gallery.browser.open_file(&report).await?;
        if every_look {
            gallery.take_all("report").await?;
        } else {
            gallery.take(&format!("report-{name}"), Look::desktop(Scheme::Light)).await?;
        }
    }
    Ok(folder)
}

/// The page before, during and after a run that has something to show: rows that are lost, a stall, marks.
async fn one_run(gallery: &mut Gallery, bed: &Testbed) -> Result<()> {
    model_with_marks(bed, MARKS)?;
    let observer = Observer::start(bed, &[]).await?;
    gallery.browser.open(&observer.address).await?;
    gallery.take_all("page-before").await?;
    scenario(bed, &observer, gallery, ("e2e-latency", "0.1"), true).await?;
    Ok(())
}

/// The other scenarios, and what is made of several kept runs.
async fn several_runs(gallery: &mut Gallery, bed: &Testbed, only: &[String]) -> Result<()> {
    model_with_marks(bed, MARKS)?;
    let observer = Observer::start(bed, &[]).await?;
    for one in SCENARIOS {
        if only.is_empty() || only.iter().any(|name| name == one.0) {
            scenario(bed, &observer, gallery, one, false).await?;
        }
    }
    let mut sides = Vec::new();
    for _ in 0..2 {
        sides.push(
            scenario(bed, &observer, gallery, ("e2e-latency", "0.1"), false).await?.display().to_string(),
        );
    }
    gallery.browser.open(&observer.address).await?;
    gallery.take("page-kept-runs", Look::desktop(Scheme::Light)).await?;
    let runs = observer.runs.display().to_string();
    let written = |name: &str| bed.folder().join(format!("{name}.html"));
    let (compare, sla) = (written("compare"), written("sla"));
    let commands = [
        ("runs", format!("runs --runs {runs}")),
        ("report", format!("report {} --text", sides[0])),
        ("compare", format!("compare {} --html {}", sides.join(" "), compare.display())),
        ("history", format!("compare --history {runs} --test e2e-latency")),
        (
            "sla",
            format!(
                "sla {runs} --objective 'cdc_e2e_latency<500ms' --objective 'p(99)<5s' --target 99.9% --html {}",
                sla.display()
            ),
        ),
        ("observer-help", "--help".to_owned()),
    ];
    for (name, arguments) in commands {
        command(bed, gallery, name, "streamgauge-observer", &arguments).await?;
    }
    for (name, arguments) in [
        ("ping", format!("ping --observer {}", observer.address)),
        ("check", format!("check {}", scenarios().join("stress.toml").display())),
        ("writer-help", "run --help".to_owned()),
        ("wrong", "run scenarios/e2e-latenzy.toml".to_owned()),
    ] {
        command(bed, gallery, name, "streamgauge-writer", &arguments).await?;
    }
    for (name, path) in [("compare", compare), ("sla", sla)] {
        if path.exists() {
            gallery.browser.open_file(&path).await?;
            gallery.take_all(name).await?;
        }
    }
    let token = bed.folder().join("token");
    fs::write(&token, "a-token-for-a-picture\n")?;
    let restricted = Observer::start(bed, &["--token-file", &token.display().to_string()]).await?;
    gallery.browser.open(&restricted.address).await?;
    gallery.take_all("login").await
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("usage: screenshots FOLDER [SCENARIO…]")?);
    let only: Vec<String> = arguments.collect();
    fs::create_dir_all(&folder)?;
    let busy = |lost: Option<NonZeroU64>| {
        Testbed::builder()
            .delay(Duration::from_millis(120))
            .jitter(Duration::from_millis(180), 1)
            .stall(Duration::from_secs(12), Duration::from_secs(2))
            .row_faults(RowFaults { drop_every: lost, ..RowFaults::default() })
            .marks(true)
    };
    let bed = busy(NonZeroU64::new(211)).start().await?;
    let browser = Browser::start(&bed).await?;
    let mut gallery = Gallery { folder, browser, taken: Vec::new() };
    if only.is_empty() || only.iter().any(|name| name == "e2e-latency") {
        one_run(&mut gallery, &bed).await?;
    }
    let other = busy(None).start().await?;
    several_runs(&mut gallery, &other, &only).await?;
    gallery.write_index()?;
    ensure!(!gallery.taken.is_empty(), "no picture was taken");
    gallery.browser.stop().await?;
    other.stop()?;
    bed.stop()
}
