//! Runs shipped scenarios through the real pipeline, with default and with tuned connectors, and prints the figures.

#![expect(clippy::print_stdout, reason = "a program that prints what it measured")]

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use streamgauge_end_to_end::Observer;
use streamgauge_pipeline::{
    Artefacts, Measured, Overrides, Pipeline, Scenario, Settings, Sink, Variant, heading, line, measure,
    side_by_side,
};

/// Measures Debezium, Kafka and MongoDB's sink with the files of compose/, natively; stops all of it at the end
#[derive(Debug, Parser)]
#[command(name = "pipeline")]
struct Arguments {
    /// Which connector files; both when left out
    #[arg(long, value_enum)]
    variant: Vec<Variant>,
    /// How the sink writes
    #[arg(long, value_enum, default_value = "unwrapped")]
    sink: Sink,
    /// Which scenarios; e2e-latency and mixed when left out
    #[arg(long)]
    scenario: Vec<String>,
    /// How long each run's load lasts
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// What users and rates are multiplied with
    #[arg(long, default_value_t = 1.0)]
    load_scale: f64,
    /// How often each scenario is run with each variant, in turns
    #[arg(long, default_value_t = 1)]
    pairs: u32,
    /// Load before the first figure, in seconds: a cold JVM is slower
    #[arg(long, default_value_t = 60)]
    warm_up: u32,
    /// A setting for all of the runs: source.KEY=VALUE, sink.KEY=VALUE, mongo.OPTION=VALUE or test.KEY=VALUE
    #[arg(long = "set", value_name = "SETTING", value_parser = setting)]
    overrides: Vec<streamgauge_pipeline::Override>,
    /// Several sets of settings, each measured in turn: settings separated by spaces; "" for none
    #[arg(long = "each", value_name = "SETTINGS")]
    each: Vec<String>,
    /// Nodes of MongoDB's replica set
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=7))]
    mongo_nodes: u32,
    /// Name the marks in the model: where the time went, stage by stage (unwrapped sink, tuned files; with --summaries)
    #[arg(long)]
    marks: bool,
    /// Print each run's whole summary as well
    #[arg(long)]
    summaries: bool,
}

fn setting(text: &str) -> Result<streamgauge_pipeline::Override, String> {
    text.parse()
}

impl Arguments {
    /// Every way to set the pipeline up that is asked for, in the order of one turn.
    fn settings(&self) -> Result<Vec<Settings>> {
        let variants = if self.variant.is_empty() {
            vec![Variant::Default, Variant::Tuned]
        } else {
            self.variant.clone()
        };
        let each = if self.each.is_empty() { vec![String::new()] } else { self.each.clone() };
        let mut all = Vec::new();
        for variant in variants {
            for more in &each {
                let more: Result<Vec<_>, String> = more.split_whitespace().map(str::parse).collect();
                let more = more.map_err(anyhow::Error::msg)?;
                let overrides = Overrides(self.overrides.iter().cloned().chain(more).collect());
                all.push(Settings { variant, sink: self.sink, overrides });
            }
        }
        Ok(all)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("pipeline: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let names = if arguments.scenario.is_empty() {
        vec!["e2e-latency".to_owned(), "mixed".to_owned()]
    } else {
        arguments.scenario.clone()
    };
    let scenarios: Result<Vec<Scenario>> = names
        .iter()
        .map(|name| {
            let (load_scale, with_marks) = (arguments.load_scale, arguments.marks);
            Ok(Scenario { load_scale, with_marks, ..Scenario::new(name, arguments.seconds)? })
        })
        .collect();
    let (scenarios, settings) = (scenarios?, arguments.settings()?);
    if arguments.pairs == 0 {
        bail!("--pairs is 0: write how often each run is made, at least 1");
    }
    let artefacts = Artefacts::find().await?;
    let mut pipeline = Pipeline::start_with_nodes(artefacts, arguments.mongo_nodes).await?;
    let observer = Observer::start(pipeline.bed(), &[]).await?;
    let mut warm = arguments.warm_up;
    let mut runs: Vec<Measured> = Vec::new();
    println!("{}", heading());
    for _ in 0..arguments.pairs {
        for settings in &settings {
            pipeline.set_up(settings).await?;
            // A new task is cold as well: its first seconds are load that nobody quotes.
            let warming = Scenario::new("e2e-latency", warm.max(TASK_WARM_UP_S))?;
            measure(&pipeline, &observer, settings, warming).await?;
            warm = 0;
            for scenario in &scenarios {
                let measured = measure(&pipeline, &observer, settings, scenario.clone()).await?;
                if arguments.summaries {
                    println!("{}", measured.summary);
                }
                println!("{}", line(&measured));
                runs.push(measured);
            }
        }
    }
    if let [left, right] = &settings[..] {
        for scenario in &scenarios {
            let of = |settings: &Settings| -> Vec<&Measured> {
                runs.iter().filter(|run| run.settings == *settings && run.scenario == *scenario).collect()
            };
            if let Some(table) = side_by_side(&of(left), &of(right)) {
                println!("\n{table}");
            }
        }
    }
    pipeline.stop()?;
    Ok(ExitCode::SUCCESS)
}

/// Load on new tasks before a figure, seconds.
const TASK_WARM_UP_S: u32 = 10;
