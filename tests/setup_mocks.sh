#!/usr/bin/env bash
# Other servers that play a model, into .tools of this project: the benchmarks compare with them where they are.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/.tools
skipped=0

skip() {
  skipped=$((skipped + 1))
  echo "SKIPPED ($skipped): $1" >&2
}

if [ -d "$tools/node/node_modules/@copilotkit/aimock" ]; then
  echo "aimock: already in $tools/node"
elif ! command -v npm >/dev/null; then
  skip "no npm on PATH, so no aimock: nothing is compared with it"
elif npm install --silent --no-fund --no-audit --prefix "$tools/node" @copilotkit/aimock@1.43.0; then
  echo "aimock: 1.43.0 in $tools/node"
else
  skip "the npm registry does not answer, so no aimock: nothing is compared with it"
fi

if [ -x "$tools/llmock/bin/llmock" ]; then
  echo "llmock: already in $tools/llmock"
elif "${PYTHON:-python3}" -m venv "$tools/llmock" &&
  "$tools/llmock/bin/python" -m pip install --quiet --disable-pip-version-check llmock==0.2.2; then
  echo "llmock: 0.2.2 in $tools/llmock"
else
  rm -rf "$tools/llmock"
  skip "PyPI does not answer, so no llmock: nothing is compared with it"
fi
