// /// script
// dependencies = ["ai@^7.0.0", "@ai-sdk/anthropic@^4.0.0"]
//
// [tool.streamproof]
// policy = "raise"
// capabilities = ["retries", "outcomes"]
// many = true
// ///

// Vercel's AI SDK: `streamText` with its Anthropic provider, in the loop over `fullStream` that its documentation shows.

import { createAnthropic } from "@ai-sdk/anthropic";
import { AISDKError, streamText } from "ai";
import { done, serve, text } from "./attached.mjs";

const REASONS = { length: "max_tokens", "content-filter": "refusal" };

async function* call(job, signal) {
  const { model, max_tokens: maxOutputTokens, messages, system } = job.request;
  const provider = createAnthropic({ apiKey: job.api_key, baseURL: `${job.base_url}/v1` });
  const result = streamText({
    model: provider(model),
    maxOutputTokens,
    messages,
    system,
    abortSignal: signal,
    onError() {}, // it is in the stream as well; by default it is printed
  });
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") yield text(part.text);
    if (part.type === "error") throw part.error;
  }
  const reason = await result.finishReason;
  yield done({ text: await result.text, stop_reason: REASONS[reason] ?? reason });
}

serve(call, (raised) => AISDKError.isInstance(raised));
