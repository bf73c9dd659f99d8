#!/usr/bin/env bash
# Locust with streamproof, into .tools of this project. It cannot be beside pytest: it brings a plugin for that, and with
# it gevent, which changes sockets and threads in every test.
set -euo pipefail
cd "$(dirname "$0")/.."
home=$PWD/.tools/locust

if [ -x "$home/bin/locust" ]; then
  echo "locust: already in $home"
  exit 0
fi
"${PYTHON:-python3}" -m venv --clear "$home"
if "$home/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[load]"; then
  "$home/bin/locust" --version
else
  rm -rf "$home"
  echo "SKIPPED: the package index does not answer, so no Locust: its users are not tested" >&2
fi
