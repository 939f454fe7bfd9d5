# One line of help for each target: `make` prints them.
CARGO ?= cargo
# What the tests and the demo start.
PROGRAMS = --bin streamgauge-writer --bin streamgauge-observer --bin testbed --bin relay

# Always the whole workspace, narrowed by its programs and tests: `-p` would give the crates that they share other features
# in each target, and compile MongoDB's driver once for each. So no two tests have the same file name.
BUILD = $(CARGO) build --workspace $(PROGRAMS)
TEST = $(CARGO) test --workspace
# The integration tests of a crate, as cargo wants them named.
tests_of = $(foreach test,$(wildcard $(1)/tests/*),--test $(basename $(notdir $(test))))

# Options of the real pipeline: --help says which.
PIPELINE ?=

# Where other versions of the servers are unpacked. PostgreSQL does not run as root, whose folders are often closed to others.
VERSIONS ?= $(if $(filter 0,$(shell id -u)),/var/cache/streamgauge,$(CURDIR)/target)/versions

# Which lines of the gallery: all when empty.
GALLERY ?=

.PHONY: help demo man scenarios accuracy starvation test lint unit end-to-end calibrate compare-pairs simulate waits fuzz bench deny doc pipeline pipeline-test containers-test boards dashboards-test compatibility-test browser-test screenshots manifests-check

help: ## what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## e2e-latency for 30 s at 10/s against private servers and a relay; prints the summary
	$(BUILD) --release
	target/release/testbed exec -- tests/testbed/demo.sh target/release

scenarios: ## all six scenarios, each for about half a minute with its full number of users
	$(BUILD) --release --bin scenarios
	target/release/scenarios

accuracy: ## each fault injected at a known size, and what the report says of it; GALLERY="--only drop" for one
	$(BUILD) --bin accuracy
	target/debug/accuracy $(GALLERY)

starvation: ## how wrong a starved writer or observer gets, beside ever more busy processes; on a quiet machine
	$(BUILD) --bin starvation
	target/debug/starvation

pipeline: ## the real pipeline (Debezium, Kafka, MongoDB's sink), default and tuned; PIPELINE="--help" for options
	$(BUILD) --release --bin pipeline
	target/release/pipeline $(PIPELINE)

pipeline-test: ## the real pipeline in short: rows, deletes, content, and Connect killed (needs Java 17 and Maven)
	$(BUILD) $(call tests_of,tests/pipeline)
	$(TEST) $(call tests_of,tests/pipeline) -- --test-threads=1

containers-test: ## builds the two images with podman and runs them beside native processes (needs root, Debian, Go and Python)
	$(BUILD) $(call tests_of,tests/containers)
	tests/containers/images.sh target/debug target/containers
	STREAMGAUGE_PODMAN_COMPOSE=$(CURDIR)/target/containers/bin/podman-compose \
	  $(TEST) $(call tests_of,tests/containers) -- --nocapture --test-threads=1

boards: ## writes Grafana's boards, compose/grafana/dashboards/*.json, from their source in compose/grafana/boards
	$(CARGO) run -q -p streamgauge-boards

dashboards-test: ## the rules and boards of Prometheus and Grafana on a real Prometheus (needs Debian's apt and Python)
	tests/dashboards/tools.sh target/dashboards
	$(BUILD) $(call tests_of,tests/dashboards)
	STREAMGAUGE_PROMETHEUS_BIN=$(CURDIR)/target/dashboards/usr/bin $(TEST) $(call tests_of,tests/dashboards)

compatibility-test: ## poolers and other versions of the servers (needs Debian's apt, npm, and Python)
	tests/compatibility/tools.sh target/compatibility
	tests/compatibility/versions.sh $(VERSIONS)
	$(BUILD) $(call tests_of,tests/compatibility)
	STREAMGAUGE_PGBOUNCER=$(CURDIR)/target/compatibility/bin/pgbouncer STREAMGAUGE_VERSIONS=$(VERSIONS) \
	  $(TEST) $(call tests_of,tests/compatibility) -- --test-threads=1

browser-test: ## the live page and the reports in a headless Chromium (needs Debian's apt and dpkg, and npm)
	tests/browser/tools.sh target/browser
	$(BUILD) $(call tests_of,tests/browser)
	STREAMGAUGE_BROWSER=$(CURDIR)/target/browser $(TEST) $(call tests_of,tests/browser) -- --test-threads=1

screenshots: ## pictures of the page, the reports and the terminal, in target/screenshots (needs what browser-test needs)
	tests/browser/tools.sh target/browser
	$(BUILD) --bin screenshots
	STREAMGAUGE_BROWSER=$(CURDIR)/target/browser target/debug/screenshots target/screenshots

manifests-check: ## compose.yaml and the Kubernetes files against the published schemas (needs Go)
	cd tests/containers/manifests && go test -count=1 ./...

test: lint unit end-to-end ## everything that CI runs

lint: ## formatting, and clippy with warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# Crates whose tests need nothing but the programs and the testbed's servers. `unit` has the tests inside all crates besides.
UNIT = $(foreach crate,writer observer compose/grafana/boards tests/simulation tests/testbed tests/tidy,$(call tests_of,$(crate)))

unit: ## unit, property and documentation tests; the testbed's own against real servers
	$(BUILD) $(UNIT)
	$(TEST) --lib --bins $(UNIT)
	$(TEST) --doc

end-to-end: ## the real programs against real databases; one test at a time, because they measure
	$(BUILD) $(call tests_of,tests/end_to_end)
	$(TEST) $(call tests_of,tests/end_to_end) -- --test-threads=1

calibrate: ## how often the 95 % intervals of compare cover the truth: PAIRS=1000 simulated pairs a line
	PAIRS=$${PAIRS:-1000} RESAMPLES=$${RESAMPLES:-400} $(TEST) --release --test calibration -- --nocapture

compare-pairs: ## 20 pairs of real runs that do not differ and 20 that do, as compare sees them; about half an hour
	$(BUILD) --release --bin compare_pairs
	target/release/compare_pairs

simulate: ## histories with a known truth on virtual time: SEEDS=10000 of them, or SEED=1234 alone
	SEEDS=$${SEEDS:-10000} $(CARGO) test --release -p streamgauge-simulation --test seeds -- --nocapture

FUZZ_SECONDS ?= 60
waits: ## what rows wait for, on 20 times as many simulated runs as `unit` takes
	STREAMGAUGE_WAITS_SEEDS=$${SEEDS:-20} $(TEST) --lib -- findings::waits

fuzz: ## each fuzz target for FUZZ_SECONDS (needs cargo-fuzz: cargo install cargo-fuzz)
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { echo "make fuzz needs cargo-fuzz: cargo install cargo-fuzz"; exit 1; }
	for target in stamp ledger_frame change_event scenario_file; do \
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; done

bench: ## the pacer's lag: 1,000 ticks a second for 10 s, beside a tokio interval in the same run
	$(CARGO) bench -p streamgauge-writer --bench pacer

deny: ## licences, bans and sources of the dependencies (needs cargo-deny)
	$(CARGO) deny check bans licenses sources

man: ## manual pages of both programs and their commands, into target/man
	$(BUILD)
	target/debug/streamgauge-writer man target/man
	target/debug/streamgauge-observer man target/man

doc: ## the documentation of the crates, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items
