# /// script
# [tool.streamproof]
# needs = ["curl", "jq"]
# ///
# curl and jq, as people try the API out in a terminal.

set -o pipefail

jq -c '.request + {stream: true}' |
  curl --no-progress-meter --no-buffer --fail-with-body --connect-timeout 2 --speed-time 2 --speed-limit 1 \
    "$ANTHROPIC_BASE_URL/v1/messages" \
    -H "x-api-key: $ANTHROPIC_API_KEY" -H "anthropic-version: 2023-06-01" -H "content-type: application/json" \
    --data-binary @- |
  sed -un 's/^data: //p' |
  jq -j --unbuffered 'select(.type == "content_block_delta") | .delta.text // empty'
