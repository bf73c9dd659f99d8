// Runs one parser: reads jobs from the standard input, a JSON object a line, and answers each with a line.
//
// The same as `worker.py`, where it is said what each job is. Nothing but Node itself.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const digest = (value) => createHash("sha256").update(JSON.stringify(value)).digest("hex");

function cut(data, sizes) {
  const chunks = [];
  for (let place = 0, next = 0; place < data.length; place += next) {
    next = Array.isArray(sizes) ? sizes[chunks.length] : sizes;
    chunks.push(data.subarray(place, place + next));
  }
  return chunks;
}

/**
 * Answer jobs until there are no more.
 *
 * @param {{read: (chunks: Uint8Array[], take: (event: unknown) => void) => unknown, tell: (event: unknown) => unknown[]}} parser
 *   `read` calls `take` with each event; `tell` gives its name, its data and, where the parser knows ids, its own id or null.
 */
export function serve(parser) {
  const told = async (chunks) => {
    const events = [];
    let last = "";
    await parser.read(chunks, (event) => {
      const [name, data, ...id] = parser.tell(event);
      if (id.length) last = id[0] ?? last;
      events.push([name || "message", data, ...(id.length ? [last] : [])]);
    });
    return events;
  };

  const same = (events, wanted) =>
    events.length === wanted.length && events.every((one, at) => one.every((value, place) => value === wanted[at][place]));

  const wrong = async ({ name, hex, events }) => {
    const data = Buffer.from(hex, "hex");
    const ways = [[data], ...[...data.keys()].slice(1).map((at) => [data.subarray(0, at), data.subarray(at)]), cut(data, 1)];
    for (const chunks of ways) {
      const found = await told(chunks).catch((error) => `${error?.name}: ${error?.message}`);
      if (typeof found === "string" || !same(found, events))
        return { name, pieces: chunks.slice(0, 4).map((one) => JSON.stringify(one.toString("latin1"))), told: found };
    }
    return null;
  };

  const run = async (stage, chunks) => {
    if (stage === "framing") return parser.read(chunks, () => {});
    const data = (event) => parser.tell(event)[1];
    if (stage === "decode") return parser.read(chunks, (event) => data(event) && JSON.parse(data(event)));
    const blocks = [];
    await parser.read(chunks, (event) => {
      const one = data(event) ? JSON.parse(data(event)) : {};
      if (one.type === "content_block_start") blocks.push({ kind: one.content_block.type, said: "" });
      else if (one.type === "content_block_delta") blocks[one.index].said += one.delta.text ?? one.delta.partial_json;
    });
    return blocks.map(({ kind, said }) => (kind === "text" ? said : JSON.parse(said)));
  };

  const chunksOf = ({ corpus, sizes }) => cut(readFileSync(corpus), sizes);
  const cpu = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };

  const jobs = {
    async check({ cases }) {
      const found = [];
      for (const one of JSON.parse(readFileSync(cases, "utf-8"))) found.push(await wrong(one));
      return { wrong: found.filter(Boolean) };
    },
    async read(job) {
      if (job.stage === "accumulate") return { digest: digest(await run(job.stage, chunksOf(job))) };
      const events = (await told(chunksOf(job))).map((one) => one.slice(0, 2));
      return { events: events.length, digest: digest(events) };
    },
    async time(job) {
      const chunks = chunksOf(job);
      const begun = cpu();
      for (let passes = 1; ; passes += 1) {
        await run(job.stage, chunks);
        const spent = cpu() - begun;
        if (spent >= job.seconds) return { cpu: spent / passes, passes };
      }
    },
  };

  const out = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  out({ ready: true });
  let turn = Promise.resolve();
  createInterface({ input: process.stdin }).on("line", (line) => {
    const job = JSON.parse(line);
    turn = turn
      .then(() => jobs[job.do](job))
      .catch((error) => ({ raised: `${error?.name}: ${error?.message}`.slice(0, 300) }))
      .then(out);
  });
}
