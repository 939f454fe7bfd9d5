#!/bin/sh
# Fetches what `make compatibility-test` needs into a folder, each thing by a file of its own in tools/:
#
#   tools.sh FOLDER
#
# Everything is unpacked and nothing installed, so that no service starts.
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
for tool in "$here"/tools/*.sh; do
  "$tool" "$folder"
done
