//! The command `check`: every mistake of every test, or every plan.

use serde_json::{Value, json};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::{Count, MemoryPart, Operations, Plan, ScenarioPlan, Test};
use streamgauge_shared::time::Nanos;

use super::{address, connect};
use crate::cli::Check;
use crate::postgres::{Learned, Session, Writes, schema};
use crate::terminal;
use crate::test_source::TestSource;

/// A part of the memory that is below it is not worth a line: half a mebibyte.
const SHOWN_BYTES_MIN: u64 = 512 << 10;

/// Prints the plan of each test that is correct, as text or as one JSON array. Touches a database only where one is given.
///
/// # Errors
/// Every mistake of every test, and everything in which the tables differ from the models, one a line; exit code 104. The
/// plans of the others are printed nevertheless. 107 if PostgreSQL is given and cannot be reached.
pub(super) async fn check(options: &Check) -> Result<u8, Failure> {
    let scales = options.scales;
    let (mut tests, mut mistakes) = (Vec::new(), Vec::new());
    for path in &options.tests {
        match TestSource::read(path, scales.time_scale, scales.load_scale) {
            Ok(source) => tests.push((path.display().to_string(), source.test)),
            Err(failure) => mistakes.push(failure.sentence),
        }
    }
    if options.json {
        let plans: Vec<Value> = tests.iter().map(|(file, test)| as_json(file, test)).collect();
        terminal::print(&format!("{:#}\n", Value::Array(plans)));
    } else {
        tests.iter().for_each(|(file, test)| terminal::print(&as_text(file, test)));
    }
    mistakes.extend(against_tables(options, &tests).await?);
    if mistakes.is_empty() { Ok(0) } else { Err(Failure::configuration(mistakes.join("\n"))) }
}

/// What stands between the tests' models and the tables of the PostgreSQL that is given; nothing without one.
async fn against_tables(options: &Check, tests: &[(String, Test)]) -> Result<Vec<String>, Failure> {
    let url = options.postgres.as_ref().map(|secret| secret.0.as_str());
    if url.is_none() && options.postgres_file.is_none() {
        return Ok(Vec::new());
    }
    let address = address(url, options.postgres_file.as_deref())?;
    let session =
        Session { address, synchronous_commit: None, entities: [].into(), learned: Learned::default() };
    let (connection, server) = connect(&session).await?;
    let mut problems = Vec::new();
    for (file, test) in tests {
        match schema::check(&connection, &Writes::of(test), &server, file).await {
            Ok(()) => {}
            Err(failure) => problems.push(failure.sentence),
        }
    }
    connection.close().await;
    Ok(problems)
}

/// The plan for people.
fn as_text(file: &str, test: &Test) -> String {
    let plan = Plan::of(test);
    let mut text = format!("{file}: no mistakes\n");
    let mut line = |label: &str, value: String| {
        text.push_str(&match label {
            "" => format!("                  {value}\n"),
            _ => format!("  {label:.<14}: {value}\n"),
        })
    };
    line("peak users", plan.peak_users.to_string());
    if let Some(rate) = plan.peak_rate_per_s {
        line("peak rate", format!("{rate:.2} iterations/s"));
    }
    line("connections", format!("{} with PostgreSQL", plan.connections));
    let memory = &plan.memory;
    for (program, parts, all) in [
        ("writer", &memory.writer, memory.writer_bytes()),
        ("observer", &memory.observer, memory.observer_bytes()),
    ] {
        line("memory", format!("up to about {} in the {program}", mebibytes(all)));
        for part in parts.iter().filter(|part| part.bytes >= SHOWN_BYTES_MIN) {
            line("", format!("  {} {}", mebibytes(part.bytes), part.what));
        }
    }
    line("load", format!("{} (warm-up {} included)", plan.load, test.warm_up));
    let waits = if test.capacity_search().is_some() { ", without the waits between probes" } else { "" };
    line("longest", format!("{} (with graceful stop and drain{waits})", plan.longest));
    for (scenario, planned) in test.scenarios.iter().zip(&plan.scenarios) {
        text.push_str(&format!("  * {}: {}\n", scenario.name, terminal::describe(scenario)));
        text.push_str(&format!("      {}\n", iterations(planned)));
        text.push_str(&operations(test, &planned.operations));
    }
    for (phase, operations_of) in [("setup", &plan.setup), ("teardown", &plan.teardown)] {
        if !operations_of.is_empty() {
            text.push_str(&format!("  * {phase}:\n"));
            text.push_str(&operations(test, operations_of));
        }
    }
    text
}

fn iterations(plan: &ScenarioPlan) -> String {
    match plan.iterations {
        Count::Exactly(count) => format!("{count} iterations"),
        Count::About(count) => format!("about {count} iterations"),
        Count::AtMost(count) if plan.peak_rate_per_s.is_some() => format!("at most {count} iterations"),
        Count::AtMost(count) => {
            format!("at most {count} iterations, by the pauses alone: operations and waits make them fewer")
        }
        Count::Unknown => "as many iterations as the system takes: the flow has no pause".to_owned(),
    }
}

fn operations(test: &Test, operations: &[Operations]) -> String {
    let line = |one: &Operations| {
        let entity = &test.model.entities[one.entity].name;
        let total = match one.total {
            Count::Exactly(count) => count.to_string(),
            Count::About(count) => format!("about {count}"),
            Count::AtMost(count) => format!("at most {count}"),
            Count::Unknown => format!("{:.2} per iteration", one.each),
        };
        format!("      {} {entity}: {total}\n", one.operation.name())
    };
    operations.iter().map(line).collect()
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

/// The plan for scripts. What is not known is left out.
fn as_json(file: &str, test: &Test) -> Value {
    let plan = Plan::of(test);
    let parts = |parts: &[MemoryPart]| -> Vec<Value> {
        parts.iter().map(|part| json!({ "what": part.what, "bytes": part.bytes })).collect()
    };
    let operations = |operations: &[Operations]| -> Vec<Value> {
        let one = |one: &Operations| {
            let mut value = json!({
                "entity": test.model.entities[one.entity].name,
                "operation": one.operation.name(),
                "per_iteration": one.each,
            });
            count(&mut value, "count", one.total);
            value
        };
        operations.iter().map(one).collect()
    };
    let scenarios = test.scenarios.iter().zip(&plan.scenarios).map(|(scenario, planned)| {
        let mut value = json!({
            "name": planned.name,
            "executor": scenario.executor.name(),
            "start_time_s": seconds(scenario.start_time),
            "duration_s": seconds(planned.load),
            "peak_users": planned.peak_users,
        });
        count(&mut value, "iterations", planned.iterations);
        if let Some(rate) = planned.peak_rate_per_s {
            value["peak_rate_per_s"] = json!(rate);
        }
        value["operations"] = operations(&planned.operations).into();
        value
    });
    let mut value = json!({
        "file": file,
        "test": test.name,
        "time_scale": test.time_scale.as_f64(),
        "load_scale": test.load_scale.as_f64(),
        "peak_users": plan.peak_users,
        "connections": plan.connections,
        "memory_bytes": { "writer": plan.memory.writer_bytes(), "observer": plan.memory.observer_bytes() },
        "memory_parts": { "writer": parts(&plan.memory.writer), "observer": parts(&plan.memory.observer) },
        "warm_up_s": seconds(test.warm_up),
        "load_s": seconds(plan.load),
        "longest_s": seconds(plan.longest),
        "scenarios": scenarios.collect::<Vec<_>>(),
        "setup": operations(&plan.setup),
        "teardown": operations(&plan.teardown),
    });
    if let Some(rate) = plan.peak_rate_per_s {
        value["peak_rate_per_s"] = json!(rate);
    }
    value
}

/// A count under its name, and beside it how well it is known.
fn count(value: &mut Value, name: &str, count: Count) {
    let known = match count {
        Count::Exactly(_) => "exactly",
        Count::About(_) => "about",
        Count::AtMost(_) => "at_most",
        Count::Unknown => "unknown",
    };
    if let Some(number) = count.number() {
        value[name] = json!(number);
    }
    value[format!("{name}_are")] = json!(known);
}

fn seconds(span: Nanos) -> Value {
    json!(span.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_source::tests::{parsed, shipped, shop};

    #[test]
    fn a_plan_says_what_will_happen() {
        assert_eq!(
            as_text("e2e-latency.toml", &shop()),
            "e2e-latency.toml: no mistakes\n  \
             peak users....: 50\n  peak rate.....: 10.00 iterations/s\n  \
             connections...: 50 with PostgreSQL\n  \
             memory........: up to about 31 MiB in the writer\n                    \
             24 MiB at rest\n                    1 MiB users\n                    6 MiB sessions\n  \
             memory........: up to about 51 MiB in the observer\n                    \
             48 MiB at rest\n                    1 MiB histograms\n                    \
             1 MiB rows kept for rows.jsonl\n  \
             load..........: 5m05s (warm-up 5s included)\n  \
             longest.......: 6m35s (with graceful stop and drain)\n  \
             * e2e_latency: 10.00 iterations/s for 5m00s (maxVUs: 20-50, gracefulStop: 30s)\n      \
             3000 iterations\n      create customer: 3000\n      delete customer: 3000\n"
        );
        let poisson = as_text("e2e-latency.toml", &shipped());
        assert!(poisson.contains("about 3000 iterations\n      create customer: about 3000\n"), "{poisson}");
    }

    #[test]
    fn what_is_not_known_is_said_so() {
        let test = parsed(
            r#"
            model = "shop.toml"
            [scenarios.free]
            executor = "constant-vus"
            vus = 3
            duration = "1m"
            flow = [ { create = "customer" } ]
            [scenarios.paused]
            executor = "constant-vus"
            vus = 2
            duration = "1m"
            flow = [ { create = "customer" }, { maybe = 0.5, flow = [ { delete = "customer" } ] }, { pause = "1s" } ]
            "#,
        );
        let text = as_text("two.toml", &test);
        for expected in [
            "      as many iterations as the system takes: the flow has no pause\n      create customer: 1.00 per iteration\n",
            "      at most 122 iterations, by the pauses alone: operations and waits make them fewer\n",
            "      create customer: at most 122\n      delete customer: at most 61\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert!(!text.contains("peak rate"), "{text}");
    }

    #[test]
    fn the_same_stands_in_json() {
        let value = as_json("e2e-latency.toml", &shop());
        assert_eq!((&value["longest_s"], &value["connections"]), (&json!(395.0), &json!(50)));
        let scenario = &value["scenarios"][0];
        assert_eq!(
            (&scenario["iterations"], &scenario["iterations_are"]),
            (&json!(3_000), &json!("exactly"))
        );
        let delete = json!({
            "entity": "customer", "operation": "delete", "per_iteration": 1.0, "count": 3_000, "count_are": "exactly"
        });
        assert_eq!(scenario["operations"][1], delete);
    }
}
