// /// script
// [tool.streamproof]
// capabilities = ["outcomes", "reuse"]
// many = true
// ///

// The loop over `fetch` that everybody writes in JavaScript.

import { done, serve, text } from "./attached.mjs";

async function* call(job, signal) {
  const response = await fetch(`${job.base_url}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": job.api_key, "anthropic-version": "2023-06-01", "content-type": "application/json" },
    body: JSON.stringify({ ...job.request, stream: true }),
    signal,
  });
  if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { status: response.status });
  let buffer = "";
  let stopReason = null;
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (buffer + chunk).split("\n");
    buffer = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      const said = JSON.parse(line.slice("data: ".length));
      if (said.type === "content_block_delta") yield text(said.delta.text ?? "");
      if (said.type === "message_delta") stopReason = said.delta.stop_reason;
      if (said.type === "error") throw new Error(said.error.message);
    }
  }
  yield done({ stop_reason: stopReason });
}

serve(call, () => true);
