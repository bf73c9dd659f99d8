// @ts-check
import { textAt } from "./unpack.js";
import { plural } from "./elements.js";
// What is kept of a case as marks on lanes.

/** @typedef {import("../../../harness/web/lanes.js").Mark} LaneMark */

/** Every mark of a case, in order of time. @param {any} cell @param {any[]} texts @returns {LaneMark[]} */
export function marksOf(cell, texts) {
  const found = [...(cell.attempts ?? []).flatMap((/** @type {any} */ one) => ofAttempt(one, texts)), ...ofText(cell, texts)];
  for (const [lane, kind, t, label, long] of cell.marks ?? []) {
    found.push({ lane, kind, t: t / 1000, end: (t + long) / 1000, label: textAt(texts, label) });
  }
  return found.sort((a, b) => a.t - b.t);
}

/** @param {any} attempt @param {any[]} texts @returns {LaneMark[]} */
function ofAttempt(attempt, texts) {
  /** @type {LaneMark[]} */
  const found = [];
  const status = attempt.status ? `, answered ${attempt.status}` : "";
  found.push({ lane: "wire", kind: "request", t: (attempt.t ?? 0) / 1000, label: `request ${attempt.n}${status}` });
  const sizes = textAt(texts, attempt.sizes).split(" ").map(Number), names = eventNames(textAt(texts, attempt.events));
  const begins = attempt.sent ?? 0, bursts = attempt.bursts ?? [];
  for (let place = 0, write = 0; place < bursts.length; place += 3) {
    const [from, long, count] = bursts.slice(place, place + 3);
    const start = (begins + from) / 1000, end = (begins + from + long) / 1000;
    const size = sizes.slice(write, write + count).reduce((all, one) => all + one, 0);
    found.push({ lane: "wire", kind: "bytes", t: start, end, label: size ? plural(size, "byte") : "", detail: `in ${plural(count, "write")}` });
    for (let one = 0; one < count; one++) {
      const name = names[write + one];
      if (name && name !== "-") found.push({ lane: "events", kind: "event", t: start + ((end - start) * one) / Math.max(1, count - 1), label: name });
    }
    write += count;
  }
  return found;
}

/** `start delta*3` as four names. @param {string} counted */
function eventNames(counted) {
  return counted.split(" ").flatMap((one) => {
    const cut = one.lastIndexOf("*"); // a name may have stars of its own
    return cut < 0 ? [] : Array(Number(one.slice(cut + 1))).fill(one.slice(0, cut));
  });
}

/** @param {any} cell @param {any[]} texts @returns {LaneMark[]} */
function ofText(cell, texts) {
  /** @type {LaneMark[]} */
  const found = [];
  for (const [text, times] of cell.shown ?? []) {
    const whole = textAt(texts, text);
    for (let place = 0, end = 0; place < times.length; place += 3) {
      const [from, long, size] = times.slice(place, place + 3);
      found.push({ lane: "client", kind: "text", t: from / 1000, end: (from + long) / 1000, label: whole.slice(end, end + size) });
      end += size;
    }
  }
  return found;
}
