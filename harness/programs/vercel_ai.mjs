// /// script
// dependencies = ["ai@^7.0.0", "@ai-sdk/anthropic@^4.0.0"]
//
// [tool.streamproof]
// policy = "raise"
// capabilities = ["retries", "tools", "outcomes", "reuse"]
// many = true
// ///

// Vercel's AI SDK: `streamText` with its Anthropic provider, in the loop over `fullStream` that its documentation shows.

import { createAnthropic } from "@ai-sdk/anthropic";
import { AISDKError, jsonSchema, streamText, tool } from "ai";
import { done, serve, text } from "./attached.mjs";

const REASONS = { length: "max_tokens", "content-filter": "refusal" };

// The library carries tools out by itself as soon as their input is there; each time is written down.
const toolsOf = (specs = [], ran) =>
  Object.fromEntries(
    specs.map(({ name, description, input_schema: schema }) => [
      name,
      tool({ description, inputSchema: jsonSchema(schema), execute: (input) => ran.push({ type: "tool", name, input }) }),
    ]),
  );

const make = (job) => createAnthropic({ apiKey: job.api_key, baseURL: `${job.base_url}/v1` });

async function* call(job, signal, provider) {
  const { model, max_tokens: maxOutputTokens, messages, system, tools } = job.request;
  const ran = [];
  const result = streamText({
    model: provider(model),
    maxOutputTokens,
    messages,
    system,
    tools: toolsOf(tools, ran),
    abortSignal: signal,
    onError() {}, // it is in the stream as well; by default it is printed
  });
  for await (const part of result.fullStream) {
    yield* ran.splice(0);
    if (part.type === "text-delta") yield text(part.text);
    if (part.type === "error") throw part.error;
  }
  yield* ran.splice(0);
  const reason = await result.finishReason;
  const calls = (await result.toolCalls).filter((one) => !one.invalid);
  yield done({
    text: await result.text,
    stop_reason: REASONS[reason] ?? reason,
    tools: calls.map(({ toolName: name, input }) => ({ name, input })),
  });
}

serve(call, (raised) => AISDKError.isInstance(raised), make);
