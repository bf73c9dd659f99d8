#!/usr/bin/env bash
# Runs the quick suite on every other Python from 3.11 on that this machine has; says which, and which it has not.
set -euo pipefail
cd "$(dirname "$0")/.."
own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ran=0 skipped=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
declare -A running
for version in 3.11 3.12 3.13 3.14; do
  [ "$version" = "$own" ] && continue
  python=""
  for candidate in "$(command -v "python$version" || true)" "$HOME"/.pyenv/versions/"$version".*/bin/python "$HOME"/.local/share/uv/python/cpython-"$version".*/bin/python3; do
    if [ -x "$candidate" ] && "$candidate" -c 'import sys, venv; sys.exit("%d.%d" % sys.version_info[:2] != "'"$version"'")' 2>/dev/null; then
      python=$candidate
      break
    fi
  done
  if [ -z "$python" ]; then
    echo "every_python: SKIPPED $version, it is not on this machine"
    skipped=$((skipped + 1))
    continue
  fi
  make --no-print-directory ".venv-$version/ready" VENV=".venv-$version" PYTHON="$python"
  ".venv-$version/bin/python" -m pytest -q -m "not slow" tests/unit tests/props tests/live/test_client_live.py \
    tests/live/test_server_live.py >"$logs/$version" 2>&1 &
  running[$!]=$version
  ran=$((ran + 1))
done
failed=0
for process in "${!running[@]}"; do
  wait "$process" || failed=1
  cat "$logs/${running[$process]}"
done
[ "$failed" = 0 ] || exit 1
echo "every_python: ran on $ran other Python versions, skipped $skipped"
