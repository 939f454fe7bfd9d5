#!/bin/sh
# Builds streamgauge-writer and streamgauge-observer with podman, from programs that cargo has built.
#
#   images.sh FOLDER VENV     the folder with streamgauge-writer and streamgauge-observer, e.g. target/debug,
#                             and where podman-compose is to lie
#
# Needs root and Debian: it installs podman and debootstrap when they are missing, and makes the base image from the
# machine's own package mirror, under the name that the Dockerfile begins with.
set -eu
programs=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export CONTAINERS_CONF="$here/containers.conf"
base=docker.io/library/debian:bookworm-slim

if ! command -v podman >/dev/null || ! command -v debootstrap >/dev/null || ! command -v iptables >/dev/null; then
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    podman buildah runc netavark aardvark-dns iptables iproute2 debootstrap
fi

# What runs compose.yaml: a program of its own folder, from PyPI.
if [ ! -x "$2/bin/podman-compose" ]; then
  python3 -m venv "$2"
  "$2/bin/pip" install -q --disable-pip-version-check podman-compose==1.6.0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! podman image exists "$base"; then
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
    awk '$2 == "bookworm" { print $1; exit }')
  [ -n "$mirror" ] || { echo "images.sh: no mirror of bookworm in apt's sources: add one" >&2; exit 1; }
  debootstrap --variant=minbase bookworm "$work/base" "$mirror" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  tar -C "$work/base" -c . | podman import --quiet - "$base" >/dev/null
fi

# Only what the run stages take: programs without their debug information, as the build stage leaves them.
mkdir -p "$work/context/prebuilt"
cp -r "$root/scenarios" "$work/context/"
for program in writer observer; do
  strip -o "$work/context/prebuilt/streamgauge-$program" "$programs/streamgauge-$program"
done
for program in writer observer; do
  # Docker's format: the other one has no place for a health check.
  podman build --quiet --format docker --ignorefile /dev/null --file "$root/compose/Dockerfile" \
    --target "$program-prebuilt" --tag "localhost/streamgauge-$program:test" "$work/context" >/dev/null
  size=$(podman image inspect --format '{{.Size}}' "localhost/streamgauge-$program:test")
  beneath=$(podman image inspect --format '{{.Size}}' "$base")
  beyond=$((size - beneath))
  echo "streamgauge-$program: $((beyond / 1000)) kB beyond the base"
  [ "$beyond" -lt 60000000 ] || { echo "images.sh: streamgauge-$program has more than 60 MB" >&2; exit 1; }
done
