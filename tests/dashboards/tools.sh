#!/bin/sh
# Fetches what `make dashboards-test` needs into a folder, and checks the files that need no run with it:
#
#   tools.sh FOLDER
#
# Prometheus and promtool are Debian's, unpacked and not installed, so that no service starts; Grafana's own schema of
# boards comes from PyPI.
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
rules="$here/../../compose/prometheus"
boards="$here/../../compose/grafana/dashboards"

if [ ! -x "$folder/usr/bin/promtool" ]; then
  (
    cd "$folder"
    apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }
    dpkg -x prometheus_*.deb .
  )
fi
if [ ! -x "$folder/python/bin/python" ]; then
  python3 -m venv "$folder/python"
fi
"$folder/python/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"

# The file of the token is in the containers only.
"$folder/usr/bin/promtool" check config --syntax-only "$rules/prometheus.yml"
"$folder/usr/bin/promtool" check rules "$rules"/rules/*.yml
(cd "$rules" && "$folder/usr/bin/promtool" test rules tests/rules.yml)
"$folder/python/bin/python" "$here/schema.py" "$boards"/*.json
