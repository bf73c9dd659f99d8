// @ts-check
import { textAt } from "./unpack.js";
import { element, plural } from "./elements.js";
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
    case "": return stand !== "s" || !filter.law;
    case "bad": return BAD.includes(stand);
    case "changed": return run.changed.has(place);
    case "flaky": return run.flaky.has(place);
    default: return stand === filter.only;
  }
}

/** The matrix in `host`. @param {HTMLElement} host @param {any} run @param {(text: string) => void} say */
export function matrix(host, run, say) {
  /** @type {{row: HTMLElement, index: number, search: string}[]} */
  let rows = [];
  /** @type {{chapter: any, head: HTMLElement, body: HTMLElement, button: HTMLElement}[]} */
  let parts = [];
  const closed = new Set(run.scenarios.length > 150 ? run.data.chapters.map((/** @type {any} */ one) => one.id) : []);
  /** @type {number[]} */
  let columns = [];
  /** @type {Filter} */
  let filter = { ...EVERYTHING };
  /** @type {HTMLAnchorElement | null} */
  let current = null;
  const table = element("table", { class: "matrix" });
  const scroller = element("div", { class: "scroller" }, table);
  host.append(scroller);

  function build() {
    columns = run.clients.map((/** @type {string} */ _, /** @type {number} */ place) => place).filter((/** @type {number} */ place) => !filter.client || run.clients[place] === filter.client);
    rows = []; parts = [];
    const few = columns.length <= WORDS;
    table.className = `matrix${few ? " few" : ""}${columns.length > 7 ? " many" : ""}`;
    const heads = columns.map((place) => element("th", { scope: "col" }, element("span", {}, run.clients[place])));
    const pieces = [element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "scenario"), ...heads))];
    const link = document.createElement("a");
    link.tabIndex = -1;
    let row = 0;
    for (const chapter of run.data.chapters) {
      const body = document.createElement("tbody"), first = row;
      for (const id of chapter.scenarios) {
        const line = document.createElement("tr"), head = document.createElement("th"), scenario = run.scenarios[row];
        head.scope = "row";
        head.append(element("span", { class: "numbered" }, scenario.number), scenario.name);
        line.append(head);
        for (const column of columns) line.append(cellOf(row * run.width + column, link, few));
        body.append(line);
        rows.push({ row: line, index: row, search: `${id} ${scenario.number}`.toLowerCase() });
        row++;
      }
      pieces.push(...headOf(chapter, first, row, body));
    }
    table.replaceChildren(...pieces);
    table.style.setProperty("--clients", String(columns.length));
    current = table.querySelector("td a");
    if (current) current.tabIndex = 0;
  }

  /** @param {number} place @param {HTMLAnchorElement} link @param {boolean} few */
  function cellOf(place, link, few) {
    const cell = document.createElement("td"), stand = run.stand(place);
    const [mark, kind, word] = STANDS[stand];
    if (stand === ".") { cell.append(element("span", { class: "unseen" }, word)); return cell; }
    const made = /** @type {HTMLAnchorElement} */ (link.cloneNode());
    made.className = kind;
    made.href = `#case=${encodeURIComponent(run.nameOf(place))}`;
    made.textContent = run.flaky.has(place) ? `${mark}~` : mark;
    made.dataset.place = String(place);
    if (run.changed.has(place)) cell.className = "changed";
    if (!few) made.setAttribute("aria-label", word);
    else made.append(element("span", { class: "harm" }, run.told(place) || word));
    cell.append(made);
    return cell;
  }

  /** @param {any} chapter @param {number} first @param {number} behind @param {HTMLElement} body */
  function headOf(chapter, first, behind, body) {
    const button = element("button", { type: "button", class: "fold", onclick: () => fold(chapter.id) }, chapter.id.replaceAll("_", " "));
    const title = element("span", { class: "chapter-title" }, chapter.title);
    const counts = columns.map((column) => {
      const stands = [];
      for (let row = first; row < behind; row++) stands.push(run.stand(row * run.width + column));
      const bad = stands.filter((one) => BAD.includes(one)).length, judged = stands.filter((one) => !"s.".includes(one)).length;
      const share = judged ? Math.ceil((bad / judged) * 4) : 0;
      const text = !judged ? "–" : bad ? String(bad) : "✓";
      return element("td", { class: judged ? `share-${share}` : "share-none" }, element("span", { "aria-hidden": "true" }, text),
        element("span", { class: "unseen" }, judged ? `${bad} of ${judged} not passed` : "does not concern the client"));
    });
    const head = element("tbody", { class: "chapter" }, element("tr", {}, element("th", { scope: "row" }, button, title), ...counts));
    parts.push({ chapter, head, body, button });
    return [head, body];
  }

  /** @param {string} id */
  function fold(id) {
    if (closed.has(id)) closed.delete(id); else closed.add(id);
    apply();
  }

  function apply() {
    const isFiltered = filter.only !== "" || filter.law !== "" || filter.q !== "";
    const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
    let seen = 0, cells = 0, hits = 0;
    table.classList.toggle("hits", filter.only !== "" || filter.law !== "");
    for (const part of parts) {
      let open = 0;
      for (; seen < rows.length && run.scenarios[rows[seen].index].chapter === part.chapter.id; seen++) {
        const { row, index, search } = rows[seen];
        let own = 0;
        columns.forEach((column, place) => {
          const hit = wants(run, filter, index * run.width + column);
          own += hit ? 1 : 0;
          row.children[place + 1].classList.toggle("hit", hit);
        });
        const shows = (!filter.chapter || filter.chapter === part.chapter.id) && words.every((one) => search.includes(one)) && own > 0;
        row.hidden = !shows;
        if (shows) { open++; cells += own; }
      }
      hits += open;
      part.head.hidden = open === 0;
      const isOpen = open > 0 && (isFiltered || filter.chapter !== "" || !closed.has(part.chapter.id));
      part.body.hidden = !isOpen;
      part.button.setAttribute("aria-expanded", String(isOpen));
    }
    say(hits ? `${plural(hits, "scenario")}, ${plural(cells, "case")}` : "Nothing matches.");
  }

  /** Show what the filter wants. @param {Filter} wanted */
  function show(wanted) {
    const rebuild = wanted.client !== filter.client || rows.length === 0;
    filter = wanted;
    if (rebuild) build();
    apply();
  }

  /** @param {boolean} open */
  function foldAll(open) {
    for (const chapter of run.data.chapters) if (open) closed.delete(chapter.id); else closed.add(chapter.id);
    apply();
  }

  table.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const at = /** @type {HTMLElement} */ (event.target).closest("td");
    if (!step || !at) return;
    event.preventDefault();
    const to = neighbour(at, step[0], step[1])?.querySelector("a");
    if (!to) return;
    if (current) current.tabIndex = -1;
    current = to;
    to.tabIndex = 0;
    to.focus();
    to.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  /** @param {HTMLTableCellElement} from @param {number} down @param {number} across */
  function neighbour(from, down, across) {
    if (across) {
      const beside = across > 0 ? from.nextElementSibling : from.previousElementSibling;
      return beside instanceof HTMLTableCellElement && beside.tagName === "TD" ? beside : null;
    }
    const lines = rows.map((one) => one.row).filter((one) => !one.hidden && !(/** @type {HTMLElement} */ (one.parentElement)).hidden);
    return lines[lines.indexOf(/** @type {any} */ (from.parentElement)) + down]?.children[from.cellIndex] ?? null;
  }

  /** The cells that the filter wants, in order, as places. */
  const wanted = () => rows.filter((one) => !one.row.hidden).flatMap((one) => columns.map((column) => one.index * run.width + column)).filter((place) => run.stand(place) !== "." && wants(run, filter, place));

  return { show, foldAll, wanted, table, scroller };
}
