#!/usr/bin/env bash
# The real Toxiproxy 2.12.0, its command line and its Node client, into .tools of this project.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/.tools
module=github.com/Shopify/toxiproxy/v2
skipped=0

skip() {
  skipped=$((skipped + 1))
  echo "SKIPPED ($skipped): $1" >&2
}

if [ -x "$tools/bin/toxiproxy-server" ] && [ -x "$tools/bin/toxiproxy-cli" ]; then
  echo "toxiproxy: already in $tools/bin"
elif ! command -v go >/dev/null; then
  skip "no go on PATH, so no real Toxiproxy: nothing is compared with it"
elif GOBIN="$tools/bin" go install -ldflags "-X $module.Version=2.12.0" "$module/cmd/server@v2.12.0" "$module/cmd/cli@v2.12.0"; then
  mv "$tools/bin/server" "$tools/bin/toxiproxy-server"
  mv "$tools/bin/cli" "$tools/bin/toxiproxy-cli"
  echo "toxiproxy: 2.12.0 in $tools/bin"
else
  skip "the Go module proxy does not answer, so no real Toxiproxy: nothing is compared with it"
fi

if [ -d "$tools/node/node_modules/toxiproxy-node-client" ]; then
  echo "toxiproxy-node-client: already in $tools/node"
elif ! command -v npm >/dev/null; then
  skip "no npm on PATH, so no toxiproxy-node-client"
elif npm install --silent --no-fund --no-audit --prefix "$tools/node" toxiproxy-node-client@4.1.0; then
  echo "toxiproxy-node-client: 4.1.0 in $tools/node"
else
  skip "the npm registry does not answer, so no toxiproxy-node-client"
fi
