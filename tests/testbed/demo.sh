#!/bin/sh
# The demo: the two shipped programs as two processes beside a running testbed, whose addresses are in the
# environment. Usage: testbed exec -- tests/testbed/demo.sh FOLDER_OF_THE_PROGRAMS
set -eu
bin=$1
log=$(mktemp)
"$bin/streamgauge-observer" serve --listen 127.0.0.1:0 --once >"$log" &
observer=$!
trap 'kill "$observer" 2>/dev/null || true; rm -f "$log"' EXIT

# The observer names its port in its first line.
tries=0
until address=$(sed -n 's/.*listening on \(http[^ ]*\).*/\1/p' "$log") && [ -n "$address" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$observer" 2>/dev/null; then
        echo "demo: the observer did not start" >&2
        exit 1
    fi
    sleep 0.1
done
echo "While it runs: $address/metrics  $address/api/snapshot"
code=0
"$bin/streamgauge-writer" run scenarios/e2e-latency.toml --observer "$address" --time-scale 0.1 --prepare || code=$?
wait "$observer" || true
exit "$code"
