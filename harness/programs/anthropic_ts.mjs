// /// script
// dependencies = ["@anthropic-ai/sdk@^1.14.0"]
//
// [tool.streamproof]
// policy = "raise"
// capabilities = ["retries", "tools", "usage", "outcomes", "reuse"]
// many = true
// ///

// The official TypeScript SDK on Node: `messages.stream`, its own retries and backoff.

import Anthropic from "@anthropic-ai/sdk";
import { done, serve, text } from "./attached.mjs";

const make = (job) =>
  new Anthropic({ apiKey: job.api_key, baseURL: job.base_url, timeout: job.limits.idle * 1000 });

async function* call(job, signal, client) {
  const stream = client.messages.stream(job.request, { signal });
  for await (const event of stream) {
    if (event.type === "content_block_delta" && event.delta.type === "text_delta") yield text(event.delta.text);
  }
  const message = await stream.finalMessage();
  const blocks = (type) => message.content.filter((block) => block.type === type);
  yield done({
    text: blocks("text").map((block) => block.text).join(""),
    stop_reason: message.stop_reason,
    tools: blocks("tool_use").map(({ name, input }) => ({ name, input })),
    usage: message.usage,
  });
}

serve(call, (raised) => raised instanceof Anthropic.AnthropicError, make);
