// What the Node programs here share: one process makes all calls. Nothing but Node itself.
//
// A job is a line of JSON on the standard input; what a call's user sees is lines of JSON on the standard output.

import { createInterface } from "node:readline";

const OUTCOMES = {
  max_tokens: "truncated",
  model_context_window_exceeded: "truncated",
  refusal: "refused",
  pause_turn: "paused",
};

/** The user sees `piece` after what was there; as in any loop that adds to a text, undefined becomes "undefined". */
export const text = (piece) => ({ type: "text", text: `${piece}` });

/** The user is told of an error beside the answer, which may still go on. */
export const notice = (raised) => ({ type: "notice", what: String(raised?.message ?? raised).slice(0, 300) });

/**
 * The call returned. A reason that is in no table passes for a whole answer, as it does in a program that knows these only; a
 * word of a library's own for an answer that is not whole is never one: its program throws.
 */
export const done = (more = {}) => ({ type: "done", outcome: OUTCOMES[more.stop_reason] ?? "complete", ...more });

/** The call raised; `own` says whether the library documents that class for its errors. */
const failed = (raised, own) => ({
  type: "error",
  name: raised?.constructor?.name ?? typeof raised,
  message: String(raised?.message ?? raised).slice(0, 300),
  typed: own(raised),
  status: Number.isInteger(raised?.status ?? raised?.statusCode) ? (raised.status ?? raised.statusCode) : null,
});

/**
 * Make all calls.
 *
 * @param {(job: object, signal: AbortSignal, client: unknown) => AsyncIterable<object>} call yields what the user sees; it ends with
 *   `done`, or throws.
 * @param {(raised: unknown) => boolean} own whether the library documents the class of an error.
 * @param {(job: object) => unknown} make makes the client of a job; calls that share one get the same.
 */
export function serve(call, own, make = () => null) {
  const running = new Map();
  const kept = new Map();
  const clientOf = (job) => {
    if (job.client == null) return make(job);
    if (!kept.has(job.client)) kept.set(job.client, make(job));
    return kept.get(job.client);
  };
  process.stdout.write('{"type": "ready"}\n');
  createInterface({ input: process.stdin }).on("line", (line) => {
    const job = JSON.parse(line);
    if (job.close) {
      kept.delete(job.client);
    } else if (job.cancel) {
      running.get(job.id)?.abort();
    } else {
      const abort = new AbortController();
      running.set(job.id, abort);
      one(() => call(job, abort.signal, clientOf(job)), own, job, abort.signal).finally(() => running.delete(job.id));
    }
  });
}

// The user sees one text, in which two halves of a surrogate pair are a character; in two lines of JSON they would be none.
function joined(say) {
  let half = "";
  return (line) => {
    const shown = line.type === "text" ? half + line.text : half;
    half = line.type === "text" ? (/[\ud800-\udbff]$/.exec(shown)?.[0] ?? "") : "";
    const whole = shown.slice(0, shown.length - half.length);
    if (whole || line.text === "") say(text(whole));
    if (line.type !== "text") say(line);
  };
}

async function one(begin, own, job, signal) {
  const say = joined((line) => process.stdout.write(`${JSON.stringify({ id: job.id, ...line })}\n`));
  try {
    for await (const seen of begin()) {
      if (signal.aborted) break;
      say(seen);
      if (seen.type === "done") return;
    }
    say(done({ outcome: "cancelled" }));
  } catch (raised) {
    say(signal.aborted ? done({ outcome: "cancelled" }) : failed(raised, own));
  }
}
