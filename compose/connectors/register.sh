#!/bin/sh
# Registers connectors with Kafka Connect and waits until their tasks run.
#
#   register.sh [--url http://connect:8083] [--wait SECONDS] NAME=FILE.properties …
#   register.sh [--url …] [--wait SECONDS] --delete NAME …
#
# A file is key=value lines; of a key that stands twice the last one holds. The connector NAME is made, or changed when
# it is there. Ends with 1 and the reason when a task fails or does not run in time (default 120 s).
# Needs sh, awk and curl. ${env:…} in a file is resolved by Connect, so no password passes through here.
set -eu

url=http://connect:8083
wait_s=120
delete=no
while [ $# -gt 0 ]; do
  case $1 in
    --url) url=$2; shift 2 ;;
    --wait) wait_s=$2; shift 2 ;;
    --delete) delete=yes; shift ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || { echo "register.sh: no connector named: write NAME=FILE.properties" >&2; exit 2; }
until_s=$(($(date +%s) + wait_s))
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# Properties to one JSON object. No continued lines and no escapes: connector files have none.
to_json() {
  awk '
    /^[ \t]*([#!]|\r?$)/ { next }
    { sub(/\r$/, "")
      at = index($0, "=")
      if (at == 0) { printf "%s:%d: not key=value: %s\n", FILENAME, FNR, $0 > "/dev/stderr"; bad = 1; exit 1 }
      key = substr($0, 1, at - 1); value = substr($0, at + 1)
      gsub(/^[ \t]+|[ \t]+$/, "", key); sub(/^[ \t]+/, "", value)
      if (!(key in values)) keys[++count] = key
      values[key] = value }
    function quoted(text) { gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); return "\"" text "\"" }
    END { if (bad) exit 1
      printf "{"
      for (i = 1; i <= count; i++) printf "%s%s:%s", (i > 1 ? "," : ""), quoted(keys[i]), quoted(values[keys[i]])
      printf "}\n" }' "$1"
}

# One request; its status, and its body in $answer. 000 when nobody answers.
request() {
  curl --silent --output "$answer" --write-out '%{http_code}' --max-time 30 "$@" || true
}

fail() { echo "register.sh: $*" >&2; exit 1; }

# Repeats a request while Connect starts or rebalances (no answer, 404, 409, 5xx), until one of the wanted statuses.
insist() {
  what=$1; wanted=$2; shift 2
  while :; do
    status=$(request "$@")
    case " $wanted " in *" $status "*) return ;; esac
    case $status in
      000 | 404 | 409 | 5??) ;;
      *) fail "$what was refused ($status): $(cat "$answer")" ;;
    esac
    [ "$(date +%s)" -lt "$until_s" ] ||
      fail "$what did not succeed within $wait_s s ($status): $(cat "$answer" 2>/dev/null || true)"
    sleep 0.2
  done
}

if [ "$delete" = yes ]; then
  for name; do insist "deleting $name" "204 404" -X DELETE "$url/connectors/$name"; done
  exit 0
fi

for pair; do
  name=${pair%%=*}; file=${pair#*=}
  [ -r "$file" ] || fail "cannot read $file: write NAME=FILE.properties"
  config=$(to_json "$file") || fail "$file is not made of key=value lines"
  insist "connector $name" "200 201" -X PUT -H 'Content-Type: application/json' \
    --data "$config" "$url/connectors/$name/config"
done

# A connector says RUNNING while its tasks have failed: the tasks are looked at.
for pair; do
  name=${pair%%=*}
  while :; do
    insist "the status of $name" 200 "$url/connectors/$name/status"
    tasks=$(sed 's/.*"tasks":\[//' "$answer")
    case $tasks in
      *'"state":"FAILED"'*) fail "a task of $name has failed: $(cat "$answer")" ;;
      *'"state":"RUNNING"'*)
        case $tasks in *UNASSIGNED* | *RESTARTING* | *PAUSED* | *STOPPED*) ;; *) break ;; esac ;;
    esac
    case $(cat "$answer") in
      *'"connector":{"state":"FAILED"'*) fail "connector $name has failed: $(cat "$answer")" ;;
    esac
    [ "$(date +%s)" -lt "$until_s" ] || fail "$name does not run within $wait_s s: $(cat "$answer")"
    sleep 0.2
  done
  echo "$name: running"
done
