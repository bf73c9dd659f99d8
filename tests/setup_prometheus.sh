#!/usr/bin/env bash
# A real Prometheus and its promtool from Debian's package into .tools of this project: unpacked and not installed, so no
# service starts.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.tools/bin
has() { [ -x "$bin/$1" ] || command -v "$1" >/dev/null; }
if has prometheus && has promtool; then
  echo "prometheus: already here"
  exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "SKIPPED (1): no Debian, so no real Prometheus: nothing scrapes the metrics" >&2
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get update -q >/dev/null || true
if apt-get download -q prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb .; then
  mkdir -p "$bin"
  mv usr/bin/prometheus usr/bin/promtool "$bin/"
  echo "prometheus: in $bin"
else
  echo "SKIPPED (1): Debian's packages cannot be reached, so no real Prometheus: nothing scrapes the metrics" >&2
fi
