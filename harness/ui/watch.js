// @ts-check
/** One case while it goes on: its lanes, what the user sees, its requests, and its network by hand. */

import { lanes } from "./lanes.js";
import { follow, made, post, the } from "./page.js";

/**
 * @typedef {import("./ui.js").Menu} Menu
 * @typedef {import("./ui.js").Scenario} Scenario
 * @typedef {import("./ui.js").Client} Client
 * @typedef {import("../web/lanes.js").Mark & {size?: number, text?: string, clears?: boolean, hand?: boolean}} Mark
 * @typedef {{verdict: string, law: string, sentence: string}} Sight
 * @typedef {Sight & {lines: {t: number, side: string, what: string}[], left: number, replay: string, by_hand: boolean}} Truth
 * @typedef {{number: number, t: number, line: string, streams: boolean, headers: [string, string][], body: string, left: number}} Asked
 */

const VERDICTS = { pass: "Right, proven from the bytes", fail: "Wrong, proven from the bytes", unknown: "Not proven", skip: "Not judged" };
const SIGHTS = { pass: "As far as a server can see", fail: "Wrong, proven by its requests", unknown: "Not proven", skip: "Nothing to judge yet" };
const RATES = [0, 64, 16, 8, 4, 2, 1]; // KB/s by the place of the slider; 0 is no limit
const TOGETHER = { bytes: 0.12, text: 0.3 }; // seconds between two marks that are drawn as one

/** @param {Menu} menu */
export const watching = (menu) => {
  const form = the("#case"), run = /** @type {HTMLButtonElement} */ (the("#run")), stop = the("#stop");
  const scenario = /** @type {HTMLSelectElement} */ (the("#scenario")), client = /** @type {HTMLSelectElement} */ (the("#client"));
  const find = /** @type {HTMLInputElement} */ (the("#find")), seed = /** @type {HTMLInputElement} */ (the("#seed"));
  const trouble = the("#trouble"), state = the("#state"), shown = the("#shown"), verdict = the("#verdict");
  const view = lanes(the("#lanes"), { lanes: menu.lanes, live: true, title: "Timeline of the case; the lines below hold the same." });
  /** @type {Map<string, Scenario>} */
  const known = new Map(menu.chapters.flatMap((one) => one.scenarios.map((each) => [each.id, each])));
  /** @type {Map<string, Client>} */
  const clients = new Map(menu.clients.map((one) => [one.name, one]));
  /** @type {string | null} */
  let running = null;

  // ---- what is to happen

  const isServed = () => /** @type {HTMLInputElement} */ (the('input[name="who"]:checked')).value === "theirs";
  /** Why the chosen client cannot be shown this; empty when it can. @param {Scenario} one */
  const hindrance = (one) => {
    const who = clients.get(client.value);
    if (isServed() || who === undefined) return "";
    if (!one.dialects.includes(who.dialect)) return `${who.name} speaks another API`;
    const lacking = one.needs.filter((need) => !who.can.includes(need));
    return lacking.length ? `${who.name} cannot: ${lacking.join(", ")}` : "";
  };

  const list = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean), chosen = scenario.value || menu.default;
    const groups = menu.chapters.map(({ name, scenarios }) => {
      const fitting = scenarios.filter((one) => words.every((word) => `${one.number} ${one.id} ${one.title}`.toLowerCase().includes(word)));
      const options = fitting.map((one) => made("option", { value: one.id }, `${one.number}  ${one.id.slice(one.id.indexOf(".") + 1).replaceAll("_", " ")}`));
      return made("optgroup", { label: name.replaceAll("_", " ") }, ...options);
    });
    scenario.replaceChildren(...groups.filter((one) => one.childElementCount));
    scenario.value = chosen;
    if (!scenario.value) scenario.selectedIndex = 0;
    describe();
  };

  const describe = () => {
    const one = known.get(scenario.value), why = one ? hindrance(one) : "No scenario has these words.";
    for (const option of scenario.options) option.disabled = hindrance(/** @type {Scenario} */ (known.get(option.value))) !== "";
    the("#title").textContent = `${one ? one.title : ""}${one && why ? ` (${why}.)` : ""}` || why;
    the("#of-client").hidden = isServed();
    run.textContent = isServed() ? "Serve" : "Run";
    run.disabled = one === undefined || why !== "";
  };

  // ---- what happens

  /** @type {Record<string, Mark & {size: number}>} */
  let last = {};
  let began = 0, ticking = 0;
  const lines = the("#record tbody"), requests = the("#requests");

  const clear = () => {
    view.clear();
    view.now(1);
    last = {};
    for (const one of [shown, lines, requests]) one.replaceChildren();
    the("#no-requests").hidden = false;
    verdict.hidden = the("#served").hidden = true;
    trouble.textContent = "";
  };

  /** Put a mark on its lane; bytes and text that come close behind one another are one. @param {Mark} mark */
  const put = (mark) => {
    const before = last[mark.lane], gap = TOGETHER[/** @type {keyof typeof TOGETHER} */ (mark.kind)];
    const size = mark.size ?? 0;
    if (before?.kind === mark.kind && gap !== undefined && mark.t - (before.end ?? before.t) < gap) {
      before.size += size;
      view.stretch(before, mark.t, mark.kind === "text" ? before.label + mark.label : `${before.size} bytes`);
      return;
    }
    const own = { ...mark, size, label: mark.kind === "bytes" ? `${size} bytes` : mark.label };
    if (mark.kind !== "event") last[mark.lane] = own;
    view.add(own);
  };

  /** What a mark adds to the page beside the picture. @param {Mark} mark */
  const tell = (mark) => {
    if (mark.clears) shown.replaceChildren();
    if (mark.text) {
      const isAtEnd = shown.scrollTop + shown.clientHeight > shown.scrollHeight - 8;
      shown.append(mark.text);
      if (isAtEnd) shown.scrollTop = shown.scrollHeight;
    }
    if (!["bytes", "event", "text"].includes(mark.kind))
      lines.append(row({ t: mark.t, side: mark.kind === "fault" ? "fault" : mark.hand ? "by hand" : mark.lane, what: mark.detail ?? mark.label }));
  };

  /** @param {{t: number, side: string, what: string}} line */
  const row = ({ t, side, what }) => made("tr", { "data-side": side }, made("td", {}, t < 0 ? "before" : t.toFixed(2)), made("td", {}, side), made("td", {}, what));

  /** @param {{t: number, marks: Mark[]}} news */
  const take = ({ t, marks }) => {
    began = performance.now() - t * 1000;
    for (const mark of marks) {
      put(mark);
      tell(mark);
    }
  };

  /** @param {Asked} asked */
  const request = ({ number, t, line, streams, headers, body, left }) => {
    const template = /** @type {HTMLTemplateElement} */ (the("#request"));
    const one = the(".request", /** @type {DocumentFragment} */ (template.content.cloneNode(true)));
    the("summary", one).textContent = `${number} · ${t.toFixed(2)} s · ${streams ? "streaming" : "not streaming"}`;
    const rest = left ? `\n… and ${left} characters more` : "";
    the("pre", one).textContent = `${line}\n${headers.map(([name, text]) => `${name}: ${text}`).join("\n")}\n\n${body}${rest}`;
    the("#no-requests").hidden = true;
    one.dataset.number = String(number);
    requests.append(one);
  };

  /** @param {{number: number, status: number, problem: string}} replied */
  const answered = ({ number, status, problem }) => {
    const summary = requests.querySelector(`[data-number="${number}"] summary`);
    summary?.append(" · ", made("span", status < 400 ? {} : { class: "fail" }, `${status}${problem ? ` ${problem}` : ""}`));
  };

  /** @param {Sight} sight @param {Record<string, string>} words */
  const judge = ({ verdict: which, law, sentence }, words) => {
    verdict.hidden = false;
    verdict.dataset.verdict = which;
    the(".which", verdict).textContent = `${words[which]}${law ? ` (law ${law})` : ""}`;
    the(".sentence", verdict).textContent = sentence;
    the(".again", verdict).hidden = true;
  };

  /** @param {Truth} truth */
  const conclude = (truth) => {
    judge(truth, isShowingServed ? SIGHTS : VERDICTS);
    lines.replaceChildren(...truth.lines.map(row));
    if (truth.left) lines.append(row({ t: truth.lines.at(-1)?.t ?? 0, side: "", what: `… and ${truth.left} more` }));
    const again = the(".again", verdict);
    again.hidden = !truth.replay && !truth.by_hand;
    if (truth.by_hand) again.textContent = "You changed the network: the client might give up, and was judged for lies alone.";
    else if (truth.replay) again.replaceChildren("The same bytes again: ", made("code", {}, truth.replay));
  };

  let isShowingServed = false, patience = 0;
  /** @param {string} url */
  const opened = (url) => {
    state.textContent = isShowingServed ? "Waits for your program." : `Running. The client is to wait ${patience} s in silence.`;
    if (!isShowingServed) return;
    the("#served").hidden = false;
    the("#url").textContent = url;
    the("#curl").textContent = `curl -N ${url}/v1/messages \\\n  -H 'x-api-key: any' -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' \\\n  -d '{"model": "claude-sonnet-5-5", "max_tokens": 1024, "stream": true,\n       "messages": [{"role": "user", "content": "Hello"}]}'`;
  };

  /** @param {boolean} busy @param {boolean} [hand] whether there is a network */
  const isBusy = (busy, hand = true) => {
    const focused = document.activeElement;
    const isThere = focused === (busy ? run : stop) || (!busy && strikes.some((one) => one === focused));
    run.hidden = busy;
    stop.hidden = !busy;
    for (const one of strikes) one.disabled = !busy || !hand;
    the("#hand-hint").textContent = busy && !hand ? "This scenario has no server to reach, and so no network." : "Acts at once, on the open connection too.";
    if (isThere) (busy ? stop : run).focus({ preventScroll: true });
    if (!busy) silence.setAttribute("aria-pressed", "false");
    clearInterval(ticking);
    if (busy && !matchMedia("(prefers-reduced-motion: reduce)").matches) ticking = setInterval(() => began && view.now((performance.now() - began) / 1000), 100);
  };

  const begin = async () => {
    if (running !== null) return;
    running = "";
    clear();
    began = 0;
    isShowingServed = isServed();
    the("#seen").hidden = isShowingServed;
    let isJudged = false;
    isStale = false;
    try {
      const told = await post("shows", { scenario: scenario.value, client: isShowingServed ? "" : client.value, seed: seed.value.trim(), knobs: knobs() });
      running = told.show;
      state.textContent = "Begins.";
      the("#limits").textContent = `This scenario gives a client ${told.limits.first_byte} s for the first byte, ${told.limits.idle} s of silence, ${told.limits.progress} s without content; whoever waits longer is told so.`;
      patience = told.limits.idle;
      isBusy(true, told.hand);
      if (isStale && told.hand) turn(); // a slider was moved while the case was asked for
      await follow(told.show, {
        opened: ({ url }) => opened(url),
        marks: take,
        request,
        reply: answered,
        so_far: (sight) => judge(sight, SIGHTS),
        truth: (truth) => {
          isJudged = true;
          conclude(truth);
        },
      });
      state.textContent = isJudged ? "Over." : "It broke off; the terminal may say why.";
    } catch (error) {
      trouble.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      running = null;
      view.over();
      isBusy(false);
    }
  };

  // ---- the network, by hand

  const silence = /** @type {HTMLButtonElement} */ (the("#silence"));
  const strikes = /** @type {HTMLButtonElement[]} */ ([silence, ...document.querySelectorAll("[data-strike]")]);
  const sliders = /** @type {HTMLInputElement[]} */ (["#latency", "#jitter", "#bandwidth"].map((one) => the(one)));
  const [latency, jitter, bandwidth] = sliders;
  const knobs = () => ({ latency: +latency.value, jitter: +jitter.value, bandwidth: RATES[+bandwidth.value], silence: silence.getAttribute("aria-pressed") === "true" });

  const label = () => {
    const { latency: ms, jitter: spread, bandwidth: rate } = knobs();
    const said = [ms ? `${ms} ms` : "none", spread ? `± ${spread} ms` : "none", rate ? `${rate} KB/s` : "no limit"];
    sliders.forEach((one, place) => {
      one.setAttribute("aria-valuetext", said[place]);
      the(`output[for="${one.id}"]`).textContent = said[place];
    });
  };

  let isTurning = false, isStale = false;
  /** Tell how the knobs stand; while one change is under way only the newest of those behind it counts. */
  const turn = async () => {
    label();
    isStale = true;
    if (isTurning) return;
    isTurning = true;
    try {
      while (isStale && running) {
        isStale = false;
        await post(`${running}/knobs`, knobs());
      }
    } catch (error) {
      trouble.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      isTurning = false;
    }
  };

  for (const one of sliders) one.addEventListener("input", turn);
  silence.addEventListener("click", () => {
    silence.setAttribute("aria-pressed", String(silence.getAttribute("aria-pressed") !== "true"));
    turn();
  });
  for (const one of strikes.slice(1))
    one.addEventListener("click", () => post(`${running}/strike`, { how: one.dataset.strike }).catch((error) => (trouble.textContent = error.message)));
  the("#calm").addEventListener("click", () => {
    for (const one of sliders) one.value = "0";
    silence.setAttribute("aria-pressed", "false");
    turn();
  });
  the("#hand").addEventListener("submit", (event) => event.preventDefault());

  // ---- the rest of the page

  const halt = () => {
    if (running) post(`${running}/stop`).catch((error) => (trouble.textContent = error.message));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    begin();
  });
  form.addEventListener("change", describe);
  find.addEventListener("input", list);
  stop.addEventListener("click", halt);
  the("#copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(the("#url").textContent ?? "");
    state.textContent = "The base URL is copied.";
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && !the("#watch").hidden && halt());
  addEventListener("pagehide", () => {
    if (running) fetch(`${running}/stop`, { method: "POST", keepalive: true });
  });

  client.append(...menu.clients.map((one) => made("option", { value: one.name }, one.name)));
  client.value = clients.has("naive") ? "naive" : (menu.clients[0]?.name ?? "");
  seed.value = menu.seed;
  view.now(1);
  label();
  list();
};
