// @ts-check
import { unpacked } from "./unpack.js";
import { capital, element, grouped, plural, short } from "./elements.js";
import { EVERYTHING, STANDS, matrix, runOf } from "./matrix.js";
import { chapterOf, showCase } from "./case.js";
// The page: filters, the matrix, a case. Where it is, is said by the address: #case=…, or the filters.

const data = await unpacked("overview");
const run = runOf(data);
const app = /** @type {HTMLElement} */ (document.getElementById("app"));
const summary = /** @type {HTMLElement} */ (document.getElementById("summary"));

const status = element("p", { class: "muted", role: "status" });
const view = element("section", { class: "cases", "aria-labelledby": "matrix-title" }, element("h2", { id: "matrix-title" }, "Every case"));
const caseNav = element("nav", { class: "case-nav", "aria-label": "Cases" });
const caseHost = element("div", {});
const caseView = element("main", { class: "case", hidden: true }, caseNav, caseHost);
const laws = lawList();

// ---- filters ----

/** @param {string} label @param {string} key @param {[string, string][]} options */
function choice(label, key, options) {
  const select = element("select", { id: `filter-${key}`, onchange: () => change(key, select.value) }, ...options.map(([value, text]) => element("option", { value }, text)));
  return element("div", { class: "field" }, element("label", { for: `filter-${key}` }, label), select);
}
const search = element("input", { id: "filter-q", type: "search", placeholder: "part of a name, or a number", autocomplete: "off", spellcheck: "false", oninput: () => change("q", search.value) });
/** @type {[string, string][]} */
const quick = [["", "All"], ["bad", "Only failures"]];
if (data.changed) quick.push(["changed", `Only changes (${data.changed.length})`]);
const buttons = quick.map(([value, text]) => element("button", { type: "button", "data-only": value, onclick: () => change("only", value) }, text));
/** @type {[string, string][]} */
const verdicts = Object.entries(STANDS).filter(([letter]) => data.stands.includes(letter)).map(([letter, [mark, , word]]) => [letter, `${mark} ${word}`]);
if (run.flaky.size) verdicts.push(["flaky", "~ flaky"]);
const bar = element("div", { class: "filters", role: "group", "aria-label": "Filter" },
  element("div", { class: "buttons" }, ...buttons),
  choice("Verdict", "only", [["", "any"], ["bad", "not passed"], ...(data.changed ? /** @type {[string, string][]} */ ([["changed", "changed"]]) : []), ...verdicts]),
  choice("Chapter", "chapter", [["", "all"], ...data.chapters.map((/** @type {any} */ one) => [one.id, one.id.replaceAll("_", " ")])]),
  choice("Client", "client", [["", "all"], ...run.clients.map((/** @type {string} */ one) => [one, one])]),
  choice("Law", "law", [["", "any"], ...data.laws.map((/** @type {string} */ one) => [one, one])]),
  element("div", { class: "field grows" }, element("label", { for: "filter-q" }, "Search"), search),
);
const folds = element("div", { class: "buttons under" },
  element("button", { type: "button", class: "small", onclick: () => grid.foldAll(true) }, "Open all chapters"),
  element("button", { type: "button", class: "small", onclick: () => grid.foldAll(false) }, "Close all"), status);
view.append(bar, folds);
const grid = matrix(view, run, (text) => { status.textContent = text; });
const hint = element("p", { class: "hint", "aria-hidden": "true" });
view.append(hint);
app.append(laws, view);
document.body.append(caseView);

/** @param {string} key @param {string} value */
function change(key, value) {
  const filter = { ...filterOf(), [key]: value };
  history.replaceState(null, "", addressOf(filter));
  showFilter(filter);
}
function filterOf() {
  const told = new URLSearchParams(location.hash.slice(1));
  return /** @type {import("./matrix.js").Filter} */ (Object.fromEntries(Object.keys(EVERYTHING).map((key) => [key, told.get(key) ?? ""])));
}
/** @param {Record<string, string>} filter */
function addressOf(filter) {
  const told = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ""));
  return `#${told}`;
}
/** @param {import("./matrix.js").Filter} filter */
function showFilter(filter) {
  for (const [key, value] of Object.entries(filter)) {
    const field = /** @type {HTMLInputElement | null} */ (document.getElementById(`filter-${key}`));
    if (field && field.value !== value) field.value = value;
  }
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.only === filter.only));
  const began = performance.now();
  grid.show(filter);
  void grid.table.offsetHeight; // laid out, so that what is measured is what a reader waits for
  performance.measure("filter", { start: began, end: performance.now() });
  lastFilter = filter;
}
let lastFilter = { ...EVERYTHING };

// ---- what users saw, by law ----

function lawList() {
  /** @type {Map<string, {count: number, clients: Set<number>, example: number}>} */
  const found = new Map();
  for (let place = 0; place < data.stands.length; place++) {
    if (data.stands[place] !== "f") continue;
    const law = run.lawOf(place), known = found.get(law) ?? { count: 0, clients: new Set(), example: place };
    known.count++;
    known.clients.add(place % run.width);
    found.set(law, known);
  }
  if (!found.size) return element("div", {});
  const items = [...found].sort((a, b) => b[1].count - a[1].count).map(([law, one]) => element("li", {},
    element("p", { class: "seen" }, element("a", { href: `#case=${encodeURIComponent(run.nameOf(one.example))}` }, capital(short(run.told(one.example), 300)) || law)),
    element("p", { class: "muted" }, element("a", { href: `#only=f&law=${law}` }, plural(one.count, "case")), ` of ${plural(one.clients.size, "client")} like this; here ${run.nameOf(one.example).replace("@", ", ")}. ${law}: ${data.titles[law] ?? ""}`)));
  const most = 5, rest = items.slice(most);
  return element("section", { "aria-labelledby": "seen-title" }, element("h2", { id: "seen-title" }, "What users saw"),
    element("ol", { class: "laws" }, ...items.slice(0, most)),
    rest.length ? element("details", {}, element("summary", {}, `${plural(rest.length, "more law")} broken`), element("ol", { class: "laws" }, ...rest)) : null);
}

// ---- a case ----

/** @param {number} place */
function neighbours(place) {
  const all = grid.wanted(), bad = all.filter((one) => "fux".includes(run.stand(one)));
  const order = bad.includes(place) ? bad : all;
  const at = order.indexOf(place);
  return { back: order[at - 1], next: at < 0 ? undefined : order[at + 1], at, count: order.length, isBad: order === bad };
}
/** @param {number} place @param {any} chapter with the case in it */
function openCase(place, chapter) {
  if (grid.table.tHead === null) showFilter(filterOf());
  const { back, next, at, count, isBad } = neighbours(place);
  const step = (/** @type {string} */ text, /** @type {number | undefined} */ to, /** @type {string} */ rel) => to === undefined ? null : element("a", { class: "button", rel, href: `#case=${encodeURIComponent(run.nameOf(to))}` }, text);
  caseNav.replaceChildren(element("a", { class: "button back", href: addressOf(lastFilter) }, "← All cases"),
    element("span", { class: "muted" }, at < 0 ? "" : `${at + 1} of ${grouped(count)} ${isBad ? "failures" : "cases"}`), ...[step("Previous", back, "prev"), step("Next", next, "next")].filter(Boolean));
  showCase(caseHost, run, place, chapter);
  summary.hidden = true;
  caseView.hidden = false;
  document.title = `${run.nameOf(place)} · streamproof`;
  scrollTo(0, 0);
  caseHost.querySelector("h1")?.focus({ preventScroll: true });
}
const title = document.title;
let scrolled = 0, wasCase = "", gone = 0;
async function go() {
  const turn = ++gone;
  const name = new URLSearchParams(location.hash.slice(1)).get("case");
  if (name !== null) {
    const place = run.placeOf(name.replace(/:[^:@]*$/, "")) >= 0 ? run.placeOf(name.replace(/:[^:@]*$/, "")) : run.placeOf(name);
    if (place >= 0) {
      if (!wasCase) scrolled = scrollY;
      wasCase = run.nameOf(place);
      const chapter = await chapterOf(run, place);
      if (turn === gone) openCase(place, chapter); // else the reader has gone on while it was unpacked
      return;
    }
  }
  caseView.hidden = true;
  summary.hidden = false;
  document.title = title;
  caseHost.replaceChildren();
  showFilter(filterOf());
  if (name !== null) status.textContent = "The address names a case that is not in this run."; // instead of what the filter says
  if (!wasCase) return;
  scrollTo(0, scrolled);
  const from = grid.table.querySelector(`a[href="#case=${CSS.escape(encodeURIComponent(wasCase))}"]`);
  if (from instanceof HTMLElement) from.focus({ preventScroll: true });
  wasCase = "";
}
addEventListener("hashchange", go);
document.addEventListener("keydown", (event) => {
  const within = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || within.closest("input, select, textarea")) return;
  if (event.key === "/" && caseView.hidden) { event.preventDefault(); search.focus(); }
  if (event.key === "Escape" && !caseView.hidden) location.hash = addressOf(lastFilter);
  const rel = { j: "next", k: "prev" }[event.key];
  if (rel && !caseView.hidden) /** @type {HTMLElement | null} */ (caseNav.querySelector(`[rel=${rel}]`))?.click();
});
/** @param {Event} event */
function tellHint(event) {
  const link = /** @type {HTMLElement} */ (event.target).closest?.("a[data-place]");
  if (!(link instanceof HTMLElement)) { hint.classList.remove("shows"); return; }
  const place = Number(link.dataset.place), [, kind, word] = STANDS[run.stand(place)];
  const changed = run.changed.has(place) ? `  (${data.kinds[run.changed.get(place)]})` : "";
  hint.replaceChildren(element("strong", {}, run.nameOf(place)), `  `, element("span", { class: kind }, word), changed, run.told(place) ? `: ${short(run.told(place), 300)}` : "");
  hint.classList.add("shows");
}
grid.table.addEventListener("pointerover", tellHint);
grid.table.addEventListener("focusin", tellHint);
grid.scroller.addEventListener("pointerleave", () => hint.classList.remove("shows"));
addEventListener("beforeprint", () => { for (const one of document.querySelectorAll("details")) one.open = true; });

await go();
document.documentElement.dataset.ready = "yes";
performance.mark("ready");
