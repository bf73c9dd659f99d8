// /// script
// dependencies = ["@anthropic-ai/sdk@^1.14.0"]
//
// [tool.streamproof]
// name = "anthropic-ts"
// ///

// The decoder of the official TypeScript SDK; it knows no ids.

import { Stream } from "@anthropic-ai/sdk/core/streaming";
import { serve } from "./worker.mjs";

serve({
  async read(chunks, take) {
    const body = (async function* () {
      yield* chunks;
    })();
    for await (const event of Stream.rawEvents({ body })) take(event);
  },
  tell: (event) => [event.event, event.data],
});
