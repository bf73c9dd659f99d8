// @ts-check
import { lanes, clock } from "./lanes.js";
import { textAt, unpacked } from "./unpack.js";
import { capital, command, element, oneLine, plural, short, visible } from "./elements.js";
import { bytesOf, hexLines, textOf } from "./bytes.js";
import { marksOf } from "./marks.js";
import { STANDS } from "./matrix.js";
// What is behind a cell.

/** @type {Map<string, Promise<any>>} */
const blocks = new Map();

/** The cases of the chapter with the one at `place`, unpacked when somebody first looks at one.
 * @param {any} run @param {number} place @returns {Promise<any>} */
export function chapterOf(run, place) {
  const { chapter } = run.scenarios[Math.floor(place / run.width)];
  let block = blocks.get(chapter);
  if (block === undefined) blocks.set(chapter, (block = unpacked(`chapter-${chapter}`)));
  return block;
}

/** Show the case at `place` in `host`. @param {HTMLElement} host @param {any} run @param {number} place @param {any} block of its chapter */
export function showCase(host, run, place, block) {
  const scenario = run.scenarios[Math.floor(place / run.width)], client = run.clients[place % run.width];
  const cell = block.cells[place], texts = block.texts;
  if (cell === undefined) { host.replaceChildren(element("p", {}, "This case did not run.")); return; }
  const at = (/** @type {number | undefined} */ number) => textAt(texts, number);
  const [, kind, word] = STANDS[run.stand(place)];
  const replay = replayOf(run, scenario.id, client);
  host.replaceChildren(
    element("p", { class: "kicker" }, `${scenario.number} ${run.data.chapters.find((/** @type {any} */ one) => one.id === scenario.chapter).title}`.trim()),
    element("h1", { tabindex: -1 }, `${scenario.id} · ${client}`),
    harmOf(run, cell, at, kind, word),
    command(replay, "run this case again"),
    facts(cell, at),
  );
  if (cell.attempts || cell.marks || cell.shown) host.append(timeline(cell, texts));
  if (cell.damage) host.append(comparison(cell.damage, at));
  const replies = (cell.attempts ?? []).filter((/** @type {any} */ one) => one.data);
  if (cell.attempts) host.append(requests(cell, at));
  if (replies.length) host.append(wire(replies, at));
  if (cell.before) host.append(earlier(cell.before, at));
  host.append(again(cell, at, replay), leftOut(cell, kind));
}

/** @param {any} run @param {string} scenario @param {string} client */
export function replayOf(run, scenario, client) {
  const name = `${scenario}@${client}:${run.data.seed}`;
  const quoted = /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", `'"'"'`)}'`;
  return `streamproof replay ${quoted}${run.data.options[run.clients.indexOf(client)]}`;
}

/** What it did to the user, first. @param {any} run @param {any} cell @param {(n: any) => string} at @param {string} kind @param {string} word */
function harmOf(run, cell, at, kind, word) {
  const box = element("div", { class: `verdict is-${kind}` }, element("p", { class: `badge ${kind}` }, word));
  const broken = cell.broken ?? [];
  broken.forEach(([law, verdict, harm], /** @type {number} */ number) => {
    const title = run.data.titles[law] ?? "";
    box.append(element("p", { class: number ? "harm-more" : "harm-first" }, capital(at(harm)) || "No law says why", at(harm).endsWith(".") ? "" : "."));
    box.append(element("p", { class: "law" }, verdict === "u" ? "Cannot be told by " : "Breaks ", element("strong", {}, law), title ? `: ${title}` : "", " ", element("code", {}, `streamproof explain ${law}`)));
  });
  if (!broken.length && cell.why) box.append(element("p", { class: "harm-first" }, `${capital(at(cell.why))}.`));
  else if (!broken.length) box.append(element("p", { class: "harm-first" }, kind === "pass" ? "The user saw what is right." : capital(at(cell.note)) || word));
  if (cell.note && broken.length) box.append(element("p", { class: "law" }, capital(at(cell.note)), "."));
  return box;
}

/** @param {any} cell @param {(n: any) => string} at */
function facts(cell, at) {
  const list = element("dl", { class: "facts" });
  const add = (/** @type {string} */ name, /** @type {string} */ text) => { if (text) list.append(element("div", {}, element("dt", {}, name), element("dd", {}, text))); };
  add("What happens", at(cell.title));
  if (cell.right !== undefined) add("Right is", `${at(cell.right)} (the client promises “${cell.policy}”; the scenario is a ${cell.level.toUpperCase()})`);
  const end = cell.end;
  if (end) add("The client said", `${end.outcome}${end.stop ? `, stop reason ${end.stop}` : ""}${end.error !== undefined ? `; ${at(end.error)}` : ", and no error"}${end.partial ? `; its error keeps ${plural(end.partial, "character")}` : ""}`);
  else if (cell.right !== undefined) add("The client said", "nothing: it had not ended");
  add("Took", clock((cell.ms ?? 0) / 1000));
  add("Seen in", at(cell.sources));
  add("Laws kept", at(cell.kept));
  return list;
}

/** @param {string} title @param {...(Node | string | null)} children */
function section(title, ...children) {
  return element("section", {}, element("h2", {}, title), ...children);
}

/** @param {any} cell @param {any[]} texts */
function timeline(cell, texts) {
  const marks = marksOf(cell, texts).map((one) => ({ ...one, label: oneLine(one.label) }));
  const names = [{ id: "wire", name: "Wire: requests, bytes, faults" }, { id: "events", name: "Events in the reply" }, { id: "client", name: "What the client showed" }];
  if (marks.some((one) => one.lane === "receiver")) names.push({ id: "receiver", name: "What the receiver was told" });
  const faults = marks.filter((one) => one.kind === "fault").map((one) => `${one.label} at ${clock(one.t)}`);
  const host = element("div", {});
  const rows = marks.filter((one) => one.kind !== "event");
  const table = element("table", { class: "told" }, element("thead", {}, element("tr", {}, ...["at", "lane", "what"].map((one) => element("th", { scope: "col" }, one)))));
  const body = element("tbody", {});
  table.append(body);
  const details = element("details", {}, element("summary", {}, `The same as a table (${plural(rows.length, "line")})`));
  details.append(element("div", { class: "scroller" }, table));
  const section_ = section("Timeline", faults.length ? element("p", { class: "muted" }, "Struck: ", element("strong", { class: "fail" }, faults.slice(0, 4).join("; ")), faults.length > 4 ? ` and ${faults.length - 4} more` : "", ".") : null, host, details);
  requestAnimationFrame(() => {
    const first = marks[0]?.t ?? 0, last = marks.reduce((most, one) => Math.max(most, one.end ?? one.t), 0);
    const view = lanes(host, { lanes: names, marks, begin: Math.max(0, first - (last - first) * 0.03), title: `Timeline of ${plural(marks.length, "mark")}${faults.length ? `; faults: ${faults.join("; ")}` : ""}. The table below holds the same.` });
    for (const one of rows) {
      const show = element("button", { type: "button", class: "link", onclick: () => view.choose(one) }, clock(one.t));
      const what = one.kind === "text" ? `showed “${short(one.label, 400)}”` : one.kind === "bytes" ? `sent ${one.label} ${one.detail ?? ""}` : one.label;
      body.append(element("tr", { class: `row-${one.kind}` }, element("td", {}, show), element("td", {}, one.lane), element("td", {}, what)));
    }
  });
  return section_;
}

/** @type {Record<string, [string, string]>} */
const RUNS = { s: ["same", ""], m: ["missing", "missing: "], d: ["doubled", "a second time: "], o: ["moved", "in the wrong place: "], f: ["foreign", "never said: "] };

/** Expected against shown. @param {any} damage @param {(n: any) => string} at */
function comparison(damage, at) {
  const expected = at(damage.expected), before = damage.before ?? 0, behind = damage.behind ?? [0, 0];
  const left = (/** @type {number} */ count) => (count ? element("span", { class: "left" }, ` … ${plural(count, "character")} left out … `) : null);
  const shown = element("p", { class: "text" }, left(before)), should = element("p", { class: "text" }, left(before));
  let end = 0, kinds = new Set();
  for (const run of damage.runs ?? []) {
    const [name, said] = RUNS[run[0]];
    const text = run[0] === "f" ? at(run[1]) : expected.slice(run[1], run[2]);
    kinds.add(run[0]);
    const piece = element(run[0] === "s" ? "span" : "mark", { class: name }, said ? element("span", { class: "unseen" }, said) : null, visible(text));
    if (run[0] === "m") {
      should.append(visible(expected.slice(end, run[1])), piece);
      shown.append(element("span", { class: "hole" }, element("span", { class: "unseen" }, `${text.length} characters are missing here`)));
      end = run[2];
    } else {
      shown.append(piece);
    }
  }
  should.append(visible(expected.slice(end)));
  if (behind[0]) should.append(left(behind[0]) ?? "");
  if (behind[1]) shown.append(left(behind[1]) ?? "");
  if (!(damage.runs ?? []).some((/** @type {any} */ run) => run[0] !== "m")) shown.prepend(element("span", { class: "muted" }, "(nothing) "));
  const legend = element("p", { class: "legend" });
  for (const [letter, word] of [["m", "missing"], ["d", "shown a second time"], ["o", "in the wrong place"], ["f", "never said by the model"]])
    if (kinds.has(letter)) legend.append(element("mark", { class: RUNS[letter][0] }, word), " ");
  return section("What the user should have seen, and what they saw", element("p", { class: "muted" }, "The text ", at(damage.told), "."), legend,
    element("div", { class: "beside" }, element("div", {}, element("h3", {}, "Expected"), should), element("div", {}, element("h3", {}, "Shown"), shown)));
}

/** @type {Record<string, string>} */
const ENDS = { end: "clean end", close: "FIN", reset: "RST", peer_closed: "the client left", abandoned: "stopped by the harness" };

/** @param {any} cell @param {(n: any) => string} at */
function requests(cell, at) {
  const body = element("tbody", {});
  let before = 0;
  for (const one of cell.attempts) {
    const wait = one.n > 1 ? clock(Math.max(0, (one.t ?? 0) - before) / 1000) : "–";
    before = one.over ?? one.sent ?? one.t ?? 0;
    const faults = (one.faults ?? []).map(at).join(", ");
    const more = one.headers || one.body !== undefined ? element("details", {}, element("summary", {}, at(one.asked)),
      element("pre", { class: "raw" }, [...(one.headers ?? []).map(at), "", at(one.body)].join("\n"), one.body_left ? `\n… ${plural(one.body_left, "character")} left out` : "")) : at(one.asked);
    const ended = `${ENDS[one.how] ?? one.how ?? "not over"}, ${plural(one.size ?? 0, "byte")}`;
    body.append(element("tr", {}, ...[String(one.n), clock((one.t ?? 0) / 1000), wait, more, `${one.status ?? "–"}${one.problem !== undefined ? ` (${at(one.problem)})` : ""}`, faults || "–", ended].map((value) => element("td", {}, value))));
  }
  const head = element("tr", {}, ...["request", "at", "waited", "what was asked", "status", "faults in the reply", "how it ended"].map((one) => element("th", { scope: "col" }, one)));
  return section("Requests", element("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": "Requests" }, element("table", { class: "requests" }, element("thead", {}, head), body)));
}

/** The bytes of every reply, as text or as hex. @param {any[]} replies @param {(n: any) => string} at */
function wire(replies, at) {
  const host = element("div", {});
  let hex = false;
  const draw = () => host.replaceChildren(...replies.map((/** @type {any} */ one, /** @type {number} */ place) => {
    const details = element("details", { open: place === 0 }, element("summary", {}, `Reply ${one.n}: ${plural(one.size, "byte")}`));
    const show = () => { if (details.open && details.children.length === 1) details.append(rawOf(one, at, hex)); };
    details.addEventListener("toggle", show);
    show();
    return details;
  }));
  const text = element("button", { type: "button", class: "small", "aria-pressed": "true", onclick: () => turn(false) }, "As text");
  const dump = element("button", { type: "button", class: "small", "aria-pressed": "false", onclick: () => turn(true) }, "As hex");
  /** @param {boolean} wanted */
  function turn(wanted) {
    hex = wanted;
    text.setAttribute("aria-pressed", String(!hex));
    dump.setAttribute("aria-pressed", String(hex));
    draw();
  }
  draw();
  return section("The bytes on the wire", element("p", { class: "buttons" }, text, " ", dump), host);
}

/** @param {any} reply @param {(n: any) => string} at @param {boolean} hex */
function rawOf(reply, at, hex) {
  const box = element("pre", { class: "raw", tabindex: 0, role: "region", "aria-label": `Bytes of reply ${reply.n}` });
  let strikes = (reply.struck ?? []).map((/** @type {any} */ one) => ({ total: one[0], name: at(one[1]) }));
  let end = 0;
  const gap = (/** @type {number} */ count) => { if (count > 0) box.append(element("span", { class: "left" }, `… ${plural(count, "byte")} left out …\n`)); };
  for (const [start, number] of reply.data) {
    gap(start - end);
    const bytes = bytesOf(at(number));
    let from = 0;
    const cuts = strikes.filter((/** @type {any} */ one) => one.total >= start && one.total <= start + bytes.length);
    strikes = strikes.filter((/** @type {any} */ one) => !cuts.includes(one)); // where two stretches meet it is at the end of the first
    for (const cut of [...cuts, null]) {
      const to = cut ? cut.total - start : bytes.length;
      const part = bytes.subarray(from, to);
      if (hex) box.append(hexLines(part, start + from).join("\n"), part.length ? "\n" : "");
      else box.append(visible(textOf(part)));
      if (cut) box.append(element("span", { class: "strike" }, `${cut.name} strikes here, after ${plural(cut.total, "byte")}`), hex ? "\n" : "");
      from = to;
    }
    end = start + bytes.length;
  }
  gap(reply.size - end);
  return box;
}

/** @param {any[]} calls @param {(n: any) => string} at */
function earlier(calls, at) {
  return section("Earlier calls of the same client, which are not judged", ...calls.map(([scenario, lines, left]) => element("details", {}, element("summary", {}, at(scenario)),
    element("pre", { class: "raw" }, lines.map((/** @type {any} */ one) => `${(one[0] / 1000).toFixed(3).padStart(8)}  ${one[1].padEnd(8)}  ${at(one[2])}`).join("\n"), left ? `\n… ${left} more` : ""))));
}

/** @param {any} cell @param {(n: any) => string} at @param {string} replay */
function again(cell, at, replay) {
  const commands = (cell.again ?? []).map((/** @type {any} */ [what, text]) => [at(what), at(text)]);
  return section("Make it happen again", ...[["This case, with both sides in order of time", replay], ...commands].map(([what, text]) => element("div", { class: "again" }, element("p", {}, what), command(text, what))));
}

/** @param {any} cell @param {string} kind */
function leftOut(cell, kind) {
  const bytes = (cell.attempts ?? []).some((/** @type {any} */ one) => one.data);
  const parts = [];
  if (kind === "pass" || kind === "skip") parts.push("of a case that passed, the first 3,000 bytes of each reply are kept, and no headers and bodies of requests");
  else if (bytes) parts.push("of each reply its beginning, its end and what is around a fault are kept");
  if (cell.marks_left) parts.push(`${plural(cell.marks_left, "mark")} of the timeline are left out`);
  return element("p", { class: "muted small" }, parts.length ? `${capital(parts.join("; "))}; writes close to one another are one burst. All of it is in the history, and streamproof replay shows it.` : "");
}
