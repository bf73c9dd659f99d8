// /// script
// dependencies = ["eventsource-parser@^3.1.0"]
//
// [tool.streamproof]
// name = "eventsource-parser"
// ///

// The parser on which most JavaScript clients stand; it takes text, so the bytes are decoded first.

import { createParser } from "eventsource-parser";
import { serve } from "./worker.mjs";

serve({
  read(chunks, take) {
    const parser = createParser({ onEvent: take });
    const decoder = new TextDecoder();
    for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }));
    parser.reset({ consume: true });
  },
  tell: (event) => [event.event, event.data, event.id ?? null],
});
