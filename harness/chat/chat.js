// @ts-check
/** The page of the chat. All that came over a wire is put in as text, never as markup. */

import { follow, made, post, the } from "./page.js";

/**
 * @typedef {{scenario: string, name: string, title: string, speakers: string[]}} Choice
 * @typedef {{id: string, name: string}} Speaker
 * @typedef {{groups: {name: string, choices: Choice[]}[], default: string, speakers: Speaker[]}} Menu
 * @typedef {"naive" | "resilient"} Side
 * @typedef {{t: number, side: string, what: string}} Line
 */

const NAMES = { naive: "Naive loop", resilient: "Resilient client" };
const SIDES = /** @type {Side[]} */ (["naive", "resilient"]);
const VERDICTS = { pass: "Right, proven from the bytes", honest: "Honest, proven from the bytes", fail: "Wrong, proven from the bytes", unknown: "Not proven", skip: "Not judged" };
const ENDS = {
  complete: "says: complete",
  incomplete: "says: it broke off",
  failed: "says: it failed",
  truncated: "says: cut by the model’s limit",
  refused: "says: refused",
  paused: "says: paused",
};

const select = /** @type {HTMLSelectElement} */ (the("#fault"));
const talks = the("#talks");
const message = /** @type {HTMLTextAreaElement} */ (the("#message"));
const send = /** @type {HTMLButtonElement} */ (the("#send"));
const stop = the("#stop");
const trouble = the("#trouble");
/** @type {Map<string, Choice>} */
const choices = new Map();
/** @type {Speaker[]} */
let speakers = [];
/** @type {string | null} */
let running = null;

/** @param {string} name */
const chosen = (name) => {
  const checked = document.querySelector(`input[name="${name}"]:checked`);
  return checked instanceof HTMLInputElement ? checked.value : "";
};

/** One client's half of a talk. */
class Pane {
  /** @param {Side} side @param {number} number of the question */
  constructor(side, number) {
    const template = /** @type {HTMLTemplateElement} */ (the("#pane"));
    this.element = the(".pane", /** @type {DocumentFragment} */ (template.content.cloneNode(true)));
    this.element.dataset.side = side;
    this.gaveUp = this.isJudged = false;
    this.element.classList.add("busy");
    this.element.setAttribute("aria-label", `${NAMES[side]}, answer ${number}`);
    the("h3", this.element).textContent = NAMES[side];
    this.state("waits for an answer");
  }

  /** @param {string} selector */
  part(selector) {
    return the(selector, this.element);
  }

  /** @param {string} text */
  state(text) {
    this.part(".state").textContent = text;
  }

  /** @param {{text: string}} told */
  shown({ text }) {
    this.part(".answer").append(text);
    this.part(".notice").textContent = "";
    this.state("writes");
  }

  cleared() {
    this.part(".answer").replaceChildren();
    this.part(".notice").textContent = "The answer starts over.";
  }

  /** @param {{what: string}} told */
  noticed({ what }) {
    this.state("recovers");
    this.part(".notice").textContent = `One moment: the client ${what}.`;
  }

  /** @param {{line: Line}} told */
  wire({ line }) {
    this.part(".wire ol").append(row(line));
    if (line.side === "fault") this.struck(line.what);
  }

  /** What the server's record calls the fault, when it strikes for the first time. @param {string} what */
  struck(what) {
    if (!this.part(".struck").textContent) this.part(".struck").textContent = what;
  }

  /** @param {{outcome: keyof typeof ENDS, error: {name: string, message: string} | null, tools?: string[]}} told */
  finished({ outcome, error, tools = [] }) {
    this.over(ENDS[outcome] ?? outcome);
    this.gaveUp = error !== null;
    if (error !== null) this.toast(error);
    const list = this.part(".tools");
    list.hidden = tools.length === 0;
    list.replaceChildren(...tools.map((one) => made("li", {}, `Tool call: ${one}`)));
  }

  /** @param {{name: string, message: string}} error */
  toast({ name, message: text }) {
    const sentence = text && !/[.!?]$/.test(text) ? `${text}.` : text;
    const kept = this.part(".answer").textContent ? "What had come is kept." : "";
    this.part(".toast").replaceChildren(made("strong", {}, name), [sentence, kept].filter(Boolean).join(" "));
  }

  stopped() {
    this.over("stopped by you");
  }

  timed_out() {
    this.over("still waits; we stopped it");
  }

  /** Nothing more comes. */
  ended() {
    if (!this.isJudged) this.over("broke off; the terminal may say why");
  }

  /** @param {string} state */
  over(state) {
    this.element.classList.remove("busy");
    this.part(".notice").textContent = "";
    this.state(state);
  }

  /** @param {{verdict: "pass" | "fail" | "unknown" | "skip", sentence: string, law: string, missing: string, share: number | null, lines: Line[], replay: string}} told */
  truth({ verdict, sentence, law, missing, share, lines, replay }) {
    const truth = this.part(".truth");
    this.isJudged = true;
    // Who gives up and says so keeps every law, and is yet no match for whoever delivers.
    const kind = verdict === "pass" && this.gaveUp ? "honest" : verdict;
    truth.dataset.verdict = kind;
    truth.hidden = false;
    this.part(".verdict").textContent = VERDICTS[kind] + (law ? ` (law ${law})` : "");
    this.part(".sentence").textContent = sentence;
    if (missing) this.missing(missing, share);
    this.part(".wire ol").replaceChildren(...lines.map(row));
    const faults = lines.filter((line) => line.side === "fault"); // those of the network are known at the end only
    if (faults.length > 0) this.struck(faults.length === 1 ? faults[0].what : `the network strikes ${faults.length} times`);
    truth.scrollIntoView({ block: "nearest", behavior: "smooth" });
    const again = this.part(".again");
    again.hidden = !replay;
    again.replaceChildren("The same bytes again: ", made("code", {}, replay));
  }

  /** @param {string} text @param {number | null} share */
  missing(text, share) {
    const missing = this.part(".missing");
    missing.hidden = false;
    const part = share === null ? "" : `, ${Math.round(100 * (1 - share))}% of the answer`;
    the("h4", missing).textContent = `Said by the model and never shown${part}`;
    the("p", missing).textContent = text;
  }
}

/** @param {Line} line */
const row = ({ t, side, what }) => made("li", { "data-side": side }, made("time", {}, t.toFixed(2)), made("span", {}, what));

/** What a talk tells, each for the pane that it is about. @param {Map<string, Pane>} panes */
const heard = (panes) =>
  Object.fromEntries(
    /** @type {const} */ (["shown", "cleared", "noticed", "wire", "finished", "stopped", "timed_out", "truth"]).map((name) => [
      name,
      (/** @type {any} */ told) => panes.get(told.side)?.[name](told),
    ]),
  );

/** The keyboard goes along from the question to the stop and back; who has gone elsewhere is left there. @param {boolean} busy */
const isBusy = (busy) => {
  const isHere = the("#composer").contains(document.activeElement);
  send.hidden = busy;
  stop.hidden = !busy;
  if (isHere) (busy ? stop : message).focus({ preventScroll: true });
};

const ask = async () => {
  const text = message.value.trim();
  if (!text || running !== null) return;
  trouble.textContent = "";
  const speaker = chosen("speaker") || speakers[0].id;
  const view = chosen("view");
  // A story costs nothing: both are asked, so that one can switch. A real model is asked only for what is looked at.
  const sides = speaker === "story" || view === "both" ? SIDES : SIDES.filter((side) => side === view);
  try {
    running = "";
    const { talk, seed } = await post("talks", { message: text, fault: select.value, speaker, sides });
    running = talk;
    isBusy(true);
    const panes = opened(text, seed, sides);
    await follow(talk, heard(panes));
    for (const pane of panes.values()) pane.ended();
  } catch (error) {
    trouble.textContent = error instanceof Error ? error.message : String(error);
  } finally {
    running = null;
    isBusy(false);
  }
};

/** A new talk on the page. @param {string} text @param {string} seed @param {Side[]} sides */
const opened = (text, seed, sides) => {
  const template = /** @type {HTMLTemplateElement} */ (the("#talk"));
  const talk = the(".talk", /** @type {DocumentFragment} */ (template.content.cloneNode(true)));
  the(".asked", talk).textContent = text;
  the(".fault", talk).textContent = `${choices.get(select.value)?.title ?? ""} Seed ${seed}, the same for both.`;
  const number = talks.querySelectorAll(".talk").length + 1;
  const panes = new Map(sides.map((side) => [/** @type {string} */ (side), new Pane(side, number)]));
  talk.append(...[...panes.values()].map((pane) => pane.element));
  talks.querySelector(".intro")?.remove();
  talks.append(talk);
  talk.scrollIntoView({ block: "start", behavior: "smooth" });
  return panes;
};

const halt = () => {
  if (running) post(`${running}/stop`).catch((error) => (trouble.textContent = error.message));
};

const describe = () => {
  talks.dataset.view = chosen("view");
  const speaker = speakers.find((one) => one.id === chosen("speaker")) ?? speakers[0];
  const isReal = speaker.id !== "story";
  for (const option of select.options) option.disabled = !choices.get(option.value)?.speakers.includes(speaker.id);
  if (select.selectedOptions[0]?.disabled) select.value = [...select.options].find((one) => !one.disabled)?.value ?? "";
  the("#honest").textContent = isReal
    ? `${speaker.name} answers, through our proxy, and bills each client that is asked. Its words are its own; only the fault is ours.`
    : "Our own server answers, with a story that answers nothing, so that whatever is lost can be proven.";
  const view = chosen("view");
  send.textContent = isReal && view !== "both" ? "Ask" : "Ask both";
};

/** @param {Menu} menu */
const furnish = (menu) => {
  for (const group of menu.groups) {
    const options = group.choices.map((one) => made("option", { value: one.scenario }, one.name));
    for (const one of group.choices) choices.set(one.scenario, one);
    select.append(made("optgroup", { label: group.name }, ...options));
  }
  select.value = menu.default;
  speakers = menu.speakers;
  the("#speakers").hidden = speakers.length < 2;
  the("#speakers .segments").append(
    ...speakers.map((one, index) => {
      const input = made("input", { type: "radio", name: "speaker", value: one.id, ...(index ? {} : { checked: "" }) });
      return made("label", {}, input, made("span", {}, one.name));
    }),
  );
  describe();
  send.disabled = false;
};

the("#controls").addEventListener("change", describe);
the("#controls").addEventListener("submit", (event) => event.preventDefault());
the("#composer").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
stop.addEventListener("click", halt);
message.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    ask();
  }
});
document.addEventListener("keydown", (event) => event.key === "Escape" && halt());
addEventListener("pagehide", () => {
  if (running) fetch(`${running}/stop`, { method: "POST", keepalive: true });
});

furnish(await (await fetch("menu")).json());
message.focus();
message.select();
