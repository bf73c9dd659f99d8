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
import { done, notice, serve, text } from "./attached.mjs";

/** The SDK tells its caller by the finish reason, or by a part of the stream, that the answer is not whole, and throws nothing. */
class Unfinished extends AISDKError {
  constructor(message) {
    super({ name: "Unfinished", message });
  }
}

// Finish reasons after which the output may not be what the model had to say, as the SDK documents them.
const UNFINISHED = ["error", "interrupted"];

// The library carries tools out by itself as soon as their input is there; each time is written down.
const toolsOf = (specs = [], ran) =>
  Object.fromEntries(
    specs.map(({ name, description, input_schema: schema }) => [
      name,
      tool({ description, inputSchema: jsonSchema(schema), execute: (input) => ran.push({ type: "tool", name, input }) }),
    ]),
  );

const make = (job) => createAnthropic({ apiKey: job.api_key, baseURL: `${job.base_url}/v1` });

// Both wait for output and for no mere sign of life: the first one from the reply's first event on.
const timeoutOf = ({ progress }) => ({ firstChunkMs: progress * 1000, chunkMs: progress * 1000 });

async function* call(job, signal, provider) {
  const { model, max_tokens: maxOutputTokens, messages, system, tools } = job.request;
  const ran = [];
  const result = streamText({
    model: provider(model),
    maxOutputTokens,
    messages,
    system,
    tools: toolsOf(tools, ran),
    timeout: timeoutOf(job.limits),
    abortSignal: signal,
    onError() {}, // it is in the stream as well; by default it is printed
  });
  let told; // of several errors the first, which is the cause of the others
  for await (const part of result.fullStream) {
    yield* ran.splice(0);
    if (part.type === "text-delta") yield text(part.text);
    if (part.type === "abort") throw new Unfinished(part.reason ?? "aborted");
    if (part.type === "error") {
      told ??= part.error;
      yield notice(part.error);
    }
  }
  yield* ran.splice(0);
  yield await ended(result, told);
}

// Not every error in the stream is the end of it: that is for the finish reason to say.
async function ended(result, told) {
  const reason = await result.finishReason.catch((raised) => {
    throw told ?? raised;
  });
  if (UNFINISHED.includes(reason)) throw told ?? new Unfinished(`the finish reason is ${reason}`);
  const calls = (await result.toolCalls).filter((one) => !one.invalid);
  return done({
    text: await result.text,
    stop_reason: await result.rawFinishReason,
    tools: calls.map(({ toolName: name, input }) => ({ name, input })),
  });
}

serve(call, (raised) => AISDKError.isInstance(raised), make);
