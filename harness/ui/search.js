// @ts-check
/** A search for failures while it goes on. */

import { follow, made, post, the } from "./page.js";

/**
 * @typedef {{cases: number, goal: number, seconds: number, speed: number, distinct: number, pairs: number, states: string[], failures: {code: string, times: number, harm: string}[], coverage: [string, number[]][]}} Score
 */

/** @param {import("./ui.js").Menu} menu */
export const searching = (menu) => {
  const begin = /** @type {HTMLButtonElement} */ (the("#begin")), halt = the("#halt");
  const target = /** @type {HTMLSelectElement} */ (the("#target")), seed = /** @type {HTMLInputElement} */ (the("#campaign-seed"));
  const examples = /** @type {HTMLInputElement} */ (the("#examples")), jobs = /** @type {HTMLInputElement} */ (the("#jobs"));
  const trouble = the("#search-trouble"), state = the("#search-state"), done = /** @type {HTMLProgressElement} */ (the("#done"));
  const whole = new Intl.NumberFormat("en");
  /** @type {string | null} */
  let running = null;

  /** @param {Score} score */
  const show = (score) => {
    done.value = score.goal ? score.cases / score.goal : 0;
    for (const name of /** @type {const} */ (["cases", "speed", "distinct", "pairs"])) the(`#n-${name}`).textContent = whole.format(score[name]);
    const code = (/** @type {{code: string, times: number, harm: string}} */ one) =>
      made("tr", {}, made("td", {}, one.code), made("td", { class: "number" }, whole.format(one.times)), made("td", {}, one.harm));
    the("#failures tbody").replaceChildren(...score.failures.map(code));
    cover(score);
  };

  /** @param {Score} score */
  const cover = ({ states, coverage }) => {
    const most = Math.max(1, ...coverage.flatMap(([, counts]) => counts));
    // A logarithm, so that what struck once can be told from what never did.
    const level = (/** @type {number} */ count) => (count ? 1 + Math.floor((2.99 * Math.log(count)) / Math.log(most + 1)) : 0);
    const head = made("tr", {}, made("th", { scope: "col" }, "Fault"), ...states.map((one) => made("th", { scope: "col", class: "number" }, one)));
    const rows = coverage.map(([fault, counts]) => {
      const cells = counts.map((count) => made("td", { class: "number", "data-level": String(level(count)) }, count ? whole.format(count) : "–"));
      return made("tr", {}, made("th", { scope: "row" }, fault), ...cells);
    });
    the("#coverage thead").replaceChildren(head);
    the("#coverage tbody").replaceChildren(...rows);
  };

  /** @param {{stopped: boolean, again: string}} told */
  const over = ({ stopped, again }) => {
    state.dataset.over = "yes";
    state.replaceChildren(stopped ? "Stopped. " : "Over. ", "To find the same, make it as simple as can be, and prove it on sockets: ", made("code", {}, again));
  };

  /** @param {boolean} busy */
  const isBusy = (busy) => {
    const isThere = document.activeElement === (busy ? begin : halt);
    begin.hidden = busy;
    halt.hidden = !busy;
    if (isThere) (busy ? halt : begin).focus({ preventScroll: true });
  };

  const search = async () => {
    if (running !== null) return;
    running = "";
    trouble.textContent = "";
    try {
      const told = await post("searches", { client: target.value, seed: seed.value.trim(), examples: +examples.value, jobs: +jobs.value });
      running = told.search;
      state.textContent = `Searching with seed ${told.seed}.`;
      isBusy(true);
      state.dataset.over = "";
      await follow(told.search, { score: show, over });
      if (!state.dataset.over) state.textContent = "It broke off; the terminal may say why.";
    } catch (error) {
      trouble.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      running = null;
      isBusy(false);
    }
  };

  const stop = () => {
    if (running) post(`${running}/stop`).catch((error) => (trouble.textContent = error.message));
  };
  the("#campaign").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  halt.addEventListener("click", stop);
  document.addEventListener("keydown", (event) => event.key === "Escape" && !the("#search").hidden && stop());
  addEventListener("pagehide", () => {
    if (running) fetch(`${running}/stop`, { method: "POST", keepalive: true });
  });

  const possible = menu.clients.filter((one) => one.search);
  target.append(...possible.map((one) => made("option", { value: one.name }, one.name)));
  target.value = possible.some((one) => one.name === "naive") ? "naive" : (possible[0]?.name ?? "");
  seed.value = menu.seed;
  begin.disabled = possible.length === 0;
};
