// @ts-check
import { textAt } from "./unpack.js";
import { element, plural, short } from "./elements.js";
// The matrix of scenarios and clients, and what is shown of it.

/** @typedef {{only: string, chapter: string, client: string, law: string, q: string}} Filter */

/** @type {Record<string, [string, string, string]>} letter: mark, class, word */
export const STANDS = {
  p: ["✓", "pass", "passed"], f: ["✗", "fail", "failed"], u: ["?", "unknown", "cannot be told"], s: ["–", "skip", "does not concern the client"],
  k: ["x", "known", "known failure"], x: ["!", "fixed", "known failure that passed"], ".": ["", "none", "not run"],
};
/** @type {Filter} */
export const EVERYTHING = { only: "", chapter: "", client: "", law: "", q: "" };
const BAD = "fux";
const WORDS = 3; // clients beside one another whose cells have room for words

/** The run as the matrix knows it. @param {any} data the overview */
export function runOf(data) {
  const clients = data.clients, width = clients.length;
  const scenarios = data.chapters.flatMap((/** @type {any} */ chapter) => chapter.scenarios.map((/** @type {string} */ id, /** @type {number} */ place) => ({
    id, chapter: chapter.id, number: chapter.numbers[place], name: id.slice(id.indexOf(".") + 1),
  })));
  const law = new Int16Array(data.stands.length).fill(-1), harm = new Int32Array(data.stands.length).fill(-1);
  let told = 0;
  for (let place = 0; place < data.stands.length; place++) {
    if (data.stands[place] === "p" || data.stands[place] === ".") continue;
    law[place] = data.law[told];
    harm[place] = data.harm[told++];
  }
  return {
    data, clients, width, scenarios, law, harm, flaky: new Set(data.flaky), changed: new Map(data.changed ?? []),
    stand: (/** @type {number} */ place) => data.stands[place],
    told: (/** @type {number} */ place) => textAt(data.texts, harm[place]),
    lawOf: (/** @type {number} */ place) => data.laws[law[place]] ?? "",
    nameOf: (/** @type {number} */ place) => `${scenarios[Math.floor(place / width)].id}@${clients[place % width]}`,
    placeOf(/** @type {string} */ name) {
      const at = name.lastIndexOf("@"), row = scenarios.findIndex((/** @type {any} */ one) => one.id === name.slice(0, at));
      const column = clients.indexOf(name.slice(at + 1));
      return row < 0 || column < 0 ? -1 : row * width + column;
    },
  };
}

/** Whether the filter wants this cell. @param {any} run @param {Filter} filter @param {number} place */
function wants(run, filter, place) {
  const stand = run.stand(place);
  if (filter.law && run.lawOf(place) !== filter.law) return false;
  switch (filter.only) {
    case "": return true;
    case "bad": return BAD.includes(stand);
    case "changed": return run.changed.has(place);
    case "flaky": return run.flaky.has(place);
    default: return stand === filter.only;
  }
}

const ROOM = 150; // rows that are opened by themselves: more of them are shown by chapter first

/** The matrix in `host`; a chapter's rows are made when it is first opened.
 * @param {HTMLElement} host @param {any} run @param {(text: string) => void} say */
export function matrix(host, run, say) {
  /** @type {Part[]} */
  let parts = [];
  /** @typedef {{chapter: any, first: number, behind: number, head: HTMLElement, body: HTMLElement, button: HTMLElement, counts: HTMLElement[], rows: HTMLTableRowElement[]}} Part */
  /** @type {Map<string, boolean>} by hand */
  const opened = new Map();
  /** @type {number[]} */
  let columns = [];
  /** @type {Filter} */
  let filter = { ...EVERYTHING };
  /** @type {HTMLAnchorElement | null} */
  let current = null;
  const link = document.createElement("a");
  link.tabIndex = -1;
  const table = element("table", { class: "matrix" });
  const scroller = element("div", { class: "scroller" }, table);
  host.append(scroller);
  const searched = run.scenarios.map((/** @type {any} */ one) => `${one.id} ${one.number}`.toLowerCase());

  /** Head and chapters, without rows. */
  function build() {
    columns = run.clients.map((/** @type {string} */ _, /** @type {number} */ place) => place).filter((/** @type {number} */ place) => !filter.client || run.clients[place] === filter.client);
    table.className = `matrix${columns.length <= WORDS ? " few" : ""}${columns.length > 7 ? " many" : ""}`;
    const heads = columns.map((place) => element("th", { scope: "col" }, element("span", {}, run.clients[place])));
    let behind = 0;
    parts = run.data.chapters.map((/** @type {any} */ chapter) => partOf(chapter, behind, (behind += chapter.scenarios.length)));
    table.replaceChildren(element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "scenario"), ...heads)), ...parts.flatMap((one) => [one.head, one.body]));
    current = null;
  }

  /** @param {any} chapter @param {number} first @param {number} behind @returns {Part} */
  function partOf(chapter, first, behind) {
    const button = element("button", { type: "button", class: "fold", onclick: () => fold(chapter.id) }, chapter.id.replaceAll("_", " "));
    const title = element("span", { class: "chapter-title" }, chapter.title);
    const counts = columns.map(() => document.createElement("td"));
    const head = element("tbody", { class: "chapter" }, element("tr", {}, element("th", { scope: "row" }, button, title), ...counts));
    return { chapter, first, behind, head, body: document.createElement("tbody"), button, counts, rows: [] };
  }

  /** @param {Part} part */
  function fill(part) {
    for (let index = part.first; index < part.behind; index++) {
      const line = document.createElement("tr"), head = document.createElement("th"), scenario = run.scenarios[index];
      head.scope = "row";
      head.append(element("span", { class: "numbered" }, scenario.number), " ", scenario.name);
      line.append(head, ...columns.map((column) => cellOf(index * run.width + column)));
      part.rows.push(line);
    }
    part.body.append(...part.rows);
  }

  /** @param {number} place */
  function cellOf(place) {
    const cell = document.createElement("td"), stand = run.stand(place), [mark, kind, word] = STANDS[stand];
    if (stand === ".") { cell.append(element("span", { class: "unseen" }, word)); return cell; }
    const made = /** @type {HTMLAnchorElement} */ (link.cloneNode());
    made.className = kind;
    made.href = `#case=${encodeURIComponent(run.nameOf(place))}`;
    made.textContent = run.flaky.has(place) ? `${mark}~` : mark;
    made.dataset.place = String(place);
    if (run.changed.has(place)) cell.className = "changed";
    if (columns.length > WORDS) made.setAttribute("aria-label", word);
    else made.append(element("span", { class: "harm" }, short(run.told(place), 160) || word));
    cell.append(made);
    return cell;
  }

  const isMarking = () => filter.only !== "" || filter.law !== "";

  /** What a chapter is for each client: how many of its cases did not pass, or are what the filter wants. Rows without a hit do not count.
   * @param {Part} part @param {number[]} hits */
  function count(part, hits) {
    columns.forEach((column, at) => {
      let found = 0, judged = 0;
      for (let row = part.first; row < part.behind; row++) {
        if (!hits[row]) continue;
        const place = row * run.width + column, stand = run.stand(place);
        if (isMarking() ? wants(run, filter, place) : BAD.includes(stand)) found++;
        if (stand !== "s" && stand !== ".") judged++;
      }
      const share = found && judged ? Math.min(4, Math.ceil((found / judged) * 4)) : 0;
      const cell = part.counts[at];
      const kind = judged || found ? `share-${filter.only === "p" || filter.only === "s" ? 0 : share}` : "share-none";
      const text = found ? String(found) : isMarking() ? "" : judged ? "✓" : "–";
      const words = isMarking() ? `${found} of these` : judged ? `${found} of ${judged} not passed` : "does not concern the client";
      if (cell.className !== kind) cell.className = kind;
      if (cell.textContent !== text) cell.textContent = text;
      cell.setAttribute("aria-label", words);
    });
  }

  /** @param {string} id */
  function fold(id) {
    const part = parts.find((one) => one.chapter.id === id);
    if (part) opened.set(id, part.body.hidden);
    apply();
  }

  /** How many cells of a row the filter wants; 0 hides it. @param {number} row @param {string[]} words */
  function hitsOf(row, words) {
    if (filter.chapter && filter.chapter !== run.scenarios[row].chapter) return 0;
    if (!words.every((one) => searched[row].includes(one))) return 0;
    return columns.filter((column) => wants(run, filter, row * run.width + column)).length;
  }

  function apply() {
    const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = run.scenarios.map((/** @type {any} */ _, /** @type {number} */ row) => hitsOf(row, words));
    const rows = hits.filter(Boolean).length, cells = hits.reduce((/** @type {number} */ all, /** @type {number} */ one) => all + one, 0);
    table.classList.toggle("hits", isMarking());
    for (const part of parts) {
      const own = hits.slice(part.first, part.behind).filter(Boolean).length;
      part.head.hidden = own === 0;
      const isOpen = own > 0 && (opened.get(part.chapter.id) ?? (rows <= ROOM || filter.chapter !== ""));
      part.body.hidden = !isOpen;
      part.button.setAttribute("aria-expanded", String(isOpen));
      if (own > 0) count(part, hits);
      if (!isOpen) continue;
      if (!part.rows.length) fill(part);
      part.rows.forEach((line, at) => {
        line.hidden = !hits[part.first + at];
        if (!isMarking() || line.hidden) return;
        columns.forEach((column, place) => line.children[place + 1].classList.toggle("hit", wants(run, filter, (part.first + at) * run.width + column)));
      });
    }
    if (!current || current.closest("tbody[hidden], tr[hidden]")) stopAt(table.querySelector("tbody:not([hidden]) > tr:not([hidden]) > td > a"));
    say(rows ? `${plural(rows, "scenario")}, ${plural(cells, "case")}` : "Nothing matches.");
  }

  /** The one cell that Tab stops at; the arrow keys go on from there. @param {HTMLAnchorElement | null} cell */
  function stopAt(cell) {
    if (current) current.tabIndex = -1;
    current = cell;
    if (current) current.tabIndex = 0;
  }

  /** Show what the filter wants. @param {Filter} wanted */
  function show(wanted) {
    const rebuild = wanted.client !== filter.client || parts.length === 0;
    if (JSON.stringify(wanted) !== JSON.stringify(filter)) opened.clear();
    filter = wanted;
    if (rebuild) build();
    apply();
  }

  /** @param {boolean} open */
  function foldAll(open) {
    for (const chapter of run.data.chapters) opened.set(chapter.id, open);
    apply();
  }

  table.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const at = /** @type {HTMLElement} */ (event.target).closest("td");
    if (!step || !at) return;
    event.preventDefault();
    const to = neighbour(at, step[0], step[1])?.querySelector("a");
    if (!to) return;
    stopAt(to);
    to.focus();
    to.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  /** @param {HTMLTableCellElement} from @param {number} down @param {number} across */
  function neighbour(from, down, across) {
    if (across) {
      const beside = across > 0 ? from.nextElementSibling : from.previousElementSibling;
      return beside instanceof HTMLTableCellElement && beside.tagName === "TD" ? beside : null;
    }
    const lines = parts.filter((one) => !one.body.hidden).flatMap((one) => one.rows.filter((line) => !line.hidden));
    return lines[lines.indexOf(/** @type {any} */ (from.parentElement)) + down]?.children[from.cellIndex] ?? null;
  }

  /** The cells that the filter wants, in order, as places. */
  function wanted() {
    const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
    return run.scenarios.flatMap((/** @type {any} */ _, /** @type {number} */ row) => (hitsOf(row, words) ? columns.map((column) => row * run.width + column) : []))
      .filter((/** @type {number} */ place) => run.stand(place) !== "." && wants(run, filter, place));
  }

  return { show, foldAll, wanted, table, scroller };
}
