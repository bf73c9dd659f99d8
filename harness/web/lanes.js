// @ts-check
/*
 * Lanes on one time axis, drawn as SVG: what went over the wire, the events in it, what the client showed.
 *
 * A finished history:
 *
 *     import { lanes } from "./lanes.js";
 *     const view = lanes(host, {
 *       lanes: [{ id: "wire", name: "wire" }, { id: "events", name: "events" }, { id: "client", name: "client" }],
 *       marks: [
 *         { lane: "wire", kind: "request", t: 0.01, label: "request 1" },
 *         { lane: "wire", kind: "bytes", t: 0.02, end: 0.31, label: "812 bytes" },
 *         { lane: "wire", kind: "fault", t: 0.31, label: "clean end" },
 *         { lane: "client", kind: "text", t: 0.05, end: 0.3, label: "The gentle river …" },
 *         { lane: "client", kind: "bad", t: 0.32, label: "ended: complete" },
 *       ],
 *     });
 *     view.zoom(2, 0.31);  view.whole();  view.choose(mark);
 *
 * Live, growing data: begin with `live: true` and what there is (perhaps nothing). The axis then grows with what comes:
 *
 *     view.add({ lane: "wire", kind: "bytes", t, label });   // in any order; several adds are drawn once
 *     view.stretch(mark, end, label);                        // the last burst or piece of text goes on
 *     view.now(seconds);                                     // time passes though nothing comes; the axis follows
 *     view.over();                                           // nothing more comes
 *     view.clear();                                          // begin anew, with the axis at 0
 *
 * While its reader has zoomed in, a live view stays where it is; "Whole" follows again. Labels are text, whatever they
 * hold. The look is in base.css. Times are seconds from the beginning. The picture has one sentence for those who
 * cannot see it (`title`); the axis begins at `begin`, or at 0; give them the same marks as a table beside it.
 */

/** @typedef {"bytes" | "event" | "text" | "request" | "wait" | "fault" | "note" | "good" | "bad"} Kind */
/** @typedef {{lane: string, kind: Kind, t: number, end?: number, label: string, detail?: string}} Mark */
/** @typedef {{id: string, name: string}} Lane */
/** @typedef {{lanes: Lane[], marks?: Mark[], title?: string, live?: boolean, begin?: number, picked?: (mark: Mark) => void}} Setup */

const LANES_SVG = "http://www.w3.org/2000/svg";
const LANE_HEIGHT = 64, FLAG_HEIGHT = 22, AXIS_HEIGHT = 24, SIDE = 10, LETTER = 6.1;
const NARROWEST = 0.002; // seconds on the whole axis: times are kept to the millisecond

/** An SVG element. @param {string} name @param {Record<string, string | number>} attributes @param {string} [text] */
function shape(name, attributes, text) {
  const made = document.createElementNS(LANES_SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A time in words, as exact as the distance between two times that should be told apart.
 * @param {number} seconds @param {number} step */
export function clock(seconds, step = 0.001) {
  const digits = Math.max(0, Math.min(4, Math.ceil(-Math.log10(step) - 1e-9)));
  return `${seconds.toFixed(digits)} s`;
}

/** Round times for an axis, about `most` of them. @param {number} from @param {number} to @param {number} most */
export function ticks(from, to, most) {
  const rough = (to - from) / Math.max(1, most), power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10);
  const found = [];
  for (let at = Math.ceil(from / step - 1e-9) * step; at <= to + step * 1e-6; at += step) found.push(at);
  return { step, at: found };
}

/** Draw lanes into `host`; see the top of this file. @param {HTMLElement} host @param {Setup} setup */
export function lanes(host, setup) {
  /** @type {Mark[]} */
  let marks = [...(setup.marks ?? [])];
  let live = setup.live ?? false, time = 0, asked = false;
  /** @type {[number, number] | null} */
  let window_ = null; // null: the whole, whatever comes
  /** @type {Mark | null} */
  let chosen = null;
  let width = 640;

  const box = document.createElement("div");
  const bar = document.createElement("div");
  const range = document.createElement("span");
  const told = document.createElement("p");
  const picture = /** @type {SVGSVGElement} */ (shape("svg", { role: "img", tabindex: 0 }));
  box.className = "lanes"; bar.className = "lanes-bar"; range.className = "lanes-range"; told.className = "lanes-told";
  range.setAttribute("role", "status");
  /** @param {string} name @param {string} what @param {() => void} act */
  const button = (name, what, act) => {
    const made = document.createElement("button");
    made.type = "button"; made.className = "small"; made.textContent = name; made.dataset.zoom = what;
    made.addEventListener("click", act);
    bar.append(made);
    return made;
  };
  button("Zoom in", "in", () => zoom(2));
  button("Zoom out", "out", () => zoom(0.5));
  button("Whole", "whole", whole);
  const toFault = button("To the fault", "fault", fault);
  bar.append(range);
  told.textContent = "Drag over the picture to zoom in, double-click for the whole; keys: + − 0, arrows, f.";
  box.append(bar, picture, told);
  host.append(box);

  const begin = setup.begin ?? 0;
  const extent = () => {
    const last = marks.reduce((most, one) => Math.max(most, one.end ?? one.t), time);
    return last + Math.max((last - begin) * 0.04, 0.004);
  };
  const shownRange = () => window_ ?? /** @type {[number, number]} */ ([begin, extent()]);

  /** Look at `from` to `to`. @param {number} from @param {number} to */
  function look(from, to) {
    const end = extent(), all = end - begin, size = Math.min(Math.max(to - from, NARROWEST), all);
    const start = Math.max(begin, Math.min(from, end - size));
    window_ = size >= all * 0.999 ? null : [start, start + size];
    ask();
  }
  /** Zoom by `factor`, keeping `at` where it is. @param {number} factor @param {number} [at] seconds; the middle */
  function zoom(factor, at) {
    const [from, to] = shownRange(), middle = at ?? chosen?.t ?? (from + to) / 2;
    const fixed = middle < from || middle > to ? (from + to) / 2 : middle;
    look(fixed - (fixed - from) / factor, fixed + (to - fixed) / factor);
  }
  function whole() { window_ = null; ask(); }
  function fault() {
    const struck = marks.find((one) => one.kind === "fault");
    if (struck === undefined) return;
    const size = Math.max(0.04, (extent() - begin) / 20);
    look(struck.t - size / 2, struck.t + size / 2);
  }
  /** @param {number} share of what is seen */
  function pan(share) {
    const [from, to] = shownRange();
    look(from + (to - from) * share, to + (to - from) * share);
  }

  function ask() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  }

  const x = (/** @type {number} */ t) => {
    const [from, to] = shownRange();
    return SIDE + ((t - from) / (to - from)) * (width - 2 * SIDE);
  };
  const timeAt = (/** @type {number} */ place) => {
    const [from, to] = shownRange();
    return from + ((place - SIDE) / (width - 2 * SIDE)) * (to - from);
  };

  function draw() {
    const height = FLAG_HEIGHT + setup.lanes.length * LANE_HEIGHT + AXIS_HEIGHT;
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    picture.setAttribute("height", String(height));
    const [from, to] = shownRange();
    const { step, at } = ticks(from, to, width / 90);
    const parts = [shape("title", {}, setup.title ?? "Timeline")];
    for (const one of at) {
      parts.push(shape("line", { class: "grid", x1: x(one), x2: x(one), y1: FLAG_HEIGHT, y2: height - AXIS_HEIGHT }));
      const side = x(one) < 28 ? "start" : x(one) > width - 28 ? "end" : "middle";
      parts.push(shape("text", { x: side === "middle" ? x(one) : side === "start" ? 4 : width - 4, y: height - 8, "text-anchor": side }, clock(one, step)));
    }
    setup.lanes.forEach((lane, row) => parts.push(...drawLane(lane, FLAG_HEIGHT + row * LANE_HEIGHT, from, to)));
    parts.push(...drawFaults(height, from, to));
    if (chosen && chosen.t >= from && chosen.t <= to)
      parts.push(shape("line", { class: "chosen", x1: x(chosen.t), x2: x(chosen.t), y1: FLAG_HEIGHT, y2: height - AXIS_HEIGHT }));
    picture.replaceChildren(...parts);
    const seen = `${clock(from, step / 10)} – ${clock(to, step / 10)}${window_ ? "" : ", the whole"}`;
    if (range.textContent !== seen && !(live && !window_)) range.textContent = seen;
    toFault.hidden = !marks.some((one) => one.kind === "fault");
  }

  /** @param {Lane} lane @param {number} top @param {number} from @param {number} to */
  function drawLane(lane, top, from, to) {
    const base = top + LANE_HEIGHT;
    const parts = [shape("line", { class: "rule", x1: 0, x2: width, y1: base, y2: base })];
    const own = marks.filter((one) => one.lane === lane.id && one.kind !== "fault" && (one.end ?? one.t) >= from && one.t <= to);
    own.sort((a, b) => a.t - b.t);
    /** @type {Record<string, number>} */
    const drawnTo = {};
    let labelledTo = -Infinity;
    own.forEach((one, place) => {
      const left = Math.max(x(one.t), 0), right = Math.min(x(one.end ?? one.t), width);
      const wide = Math.max(right - left, one.kind === "event" ? 1.5 : 5);
      const next = own.slice(place + 1).find((other) => other.label !== "" || x(other.t) > left + 400);
      const room = (next ? x(next.t) : width) - left - 4;
      if (left + wide > (drawnTo[one.kind] ?? -Infinity) + 0.7) {
        drawnTo[one.kind] = left + wide;
        parts.push(drawMark(one, left, wide, base));
      }
      const place_ = one.kind === "text" || one.kind === "bytes" ? Math.max(wide, 0) : room;
      if (left < labelledTo || one.label === "") return;
      const important = one.kind === "good" || one.kind === "bad" || one.kind === "request" || one.kind === "wait";
      const fits = Math.floor((important ? width - left - 4 : place_ - 6) / LETTER);
      const label = one.label.length <= fits ? one.label : one.kind === "text" && fits > 3 ? `${one.label.slice(0, fits - 1)}…` : "";
      if (label) {
        const y = one.kind === "bytes" || one.kind === "text" ? base - 14 : base - 31;
        parts.push(shape("text", { class: `t-${one.kind}`, x: left + (one.kind === "wait" ? 2 : 4), y }, label));
        labelledTo = one.kind === "bytes" || one.kind === "text" ? labelledTo : left + label.length * LETTER + 8;
      } else if (important) { // at the right end there is no room behind it
        const y = base - 31, shown = one.label.slice(0, Math.floor(width / LETTER) - 4);
        parts.push(shape("text", { class: `t-${one.kind}`, x: left - 4, y, "text-anchor": "end" }, shown));
      }
    });
    parts.push(shape("text", { class: "lane-name", x: SIDE, y: top + 14 }, lane.name));
    return parts;
  }

  /** @param {Mark} mark @param {number} left @param {number} wide @param {number} base */
  function drawMark(mark, left, wide, base) {
    const kind = `m-${mark.kind}`;
    switch (mark.kind) {
      case "bytes": case "text": return shape("rect", { class: kind, x: left, y: base - 26, width: wide, height: 18, rx: 2 });
      case "event": return shape("rect", { class: kind, x: left, y: base - 26, width: wide, height: 18 });
      case "wait": return shape("path", { class: kind, d: `M${left} ${base - 17}h${wide}` });
      case "request": return shape("path", { class: kind, d: `M${left} ${base - 8}v-22h2v22z` });
      default: return shape("path", { class: kind, d: `M${left} ${base - 25}l5 8l-5 8l-5 -8z` });
    }
  }

  /** Faults go through all lanes. @param {number} height @param {number} from @param {number} to */
  function drawFaults(height, from, to) {
    const parts = [];
    let free = 0;
    for (const one of marks.filter((mark) => mark.kind === "fault" && mark.t >= from && mark.t <= to).sort((a, b) => a.t - b.t)) {
      const label = one.label.length > 60 ? `${one.label.slice(0, 59)}…` : one.label;
      const at = x(one.t), long = label.length * (LETTER + 0.7) + 14, left = Math.max(0, Math.min(at - 4, width - long));
      parts.push(shape("line", { class: "m-fault", x1: at, x2: at, y1: 0, y2: height - AXIS_HEIGHT }));
      if (left < free) continue;
      free = left + long + 4;
      parts.push(shape("rect", { class: "flag", x: left, y: 2, width: long, height: 17, rx: 3 }));
      parts.push(shape("text", { class: "t-fault", x: left + 7, y: 14.5 }, label));
    }
    return parts;
  }

  /** The mark under the pointer. @param {MouseEvent} event */
  function markAt(event) {
    const area = picture.getBoundingClientRect();
    const t = timeAt(event.clientX - area.left), near = timeAt(SIDE + 6) - timeAt(SIDE);
    const row = Math.floor((event.clientY - area.top - FLAG_HEIGHT) / LANE_HEIGHT);
    const lane = setup.lanes[row]?.id;
    let best = null, distance = near;
    for (const one of marks) {
      if (one.lane !== lane && one.kind !== "fault") continue;
      const off = Math.max(one.t - t, t - (one.end ?? one.t), 0);
      if (off < distance || (off === distance && one.t > (best?.t ?? 0))) [best, distance] = [one, off];
    }
    return best;
  }
  /** @param {Mark} mark */
  function tell(mark) {
    told.textContent = `${clock(mark.t)}${mark.end && mark.end - mark.t >= 0.001 ? ` – ${clock(mark.end)}` : ""}  ${mark.label}${mark.detail ? `  ${mark.detail}` : ""}`;
  }
  /** Show where `mark` is, and what it is. @param {Mark} mark */
  function choose(mark) {
    chosen = mark;
    const [from, to] = shownRange();
    if (mark.t < from || mark.t > to) look(mark.t - (to - from) / 2, mark.t + (to - from) / 2);
    tell(mark);
    ask();
  }

  // ---- mouse and keyboard ----
  /** @type {number | null} */
  let dragFrom = null;
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    dragFrom = event.clientX - picture.getBoundingClientRect().left;
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    const at = event.clientX - picture.getBoundingClientRect().left;
    if (dragFrom !== null && Math.abs(at - dragFrom) > 4) {
      picture.querySelector(".selection")?.remove();
      picture.append(shape("rect", { class: "selection", x: Math.min(at, dragFrom), y: 0, width: Math.abs(at - dragFrom), height: "100%" }));
      return;
    }
    const mark = markAt(event);
    if (mark) tell(mark);
  });
  picture.addEventListener("pointerup", (event) => {
    const at = event.clientX - picture.getBoundingClientRect().left, began = dragFrom;
    dragFrom = null;
    picture.querySelector(".selection")?.remove();
    if (began === null) return;
    if (Math.abs(at - began) > 4) return look(timeAt(Math.min(at, began)), timeAt(Math.max(at, began)));
    const mark = markAt(event);
    if (mark) { choose(mark); setup.picked?.(mark); }
  });
  picture.addEventListener("dblclick", whole);
  picture.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) zoom(event.deltaY < 0 ? 1.4 : 1 / 1.4, timeAt(event.clientX - picture.getBoundingClientRect().left));
    else if (event.deltaX !== 0 && window_) pan(event.deltaX / width);
    else return; // the page scrolls
    event.preventDefault();
  }, { passive: false });
  picture.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      "+": () => zoom(2), "=": () => zoom(2), "-": () => zoom(0.5), "0": whole, f: fault,
      ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), Home: () => pan(-1e6), End: () => pan(1e6),
    }[event.key];
    if (act === undefined) return;
    act();
    event.preventDefault();
  });
  const watcher = new ResizeObserver(() => {
    const now = Math.round(picture.getBoundingClientRect().width);
    if (now > 0 && now !== width) { width = now; draw(); }
  });
  watcher.observe(picture);
  width = Math.round(picture.getBoundingClientRect().width) || width;
  draw();

  return {
    /** One more mark. @param {Mark} mark */
    add(mark) { marks.push(mark); ask(); return mark; },
    /** The mark goes on until `end`. @param {Mark} mark @param {number} end @param {string} [label] */
    stretch(mark, end, label) { mark.end = end; mark.label = label ?? mark.label; ask(); },
    /** It is `seconds` now. @param {number} seconds */
    now(seconds) { time = Math.max(time, seconds); ask(); },
    /** Nothing more comes. */
    over() { live = false; ask(); },
    clear() { marks = []; time = 0; window_ = null; chosen = null; live = setup.live ?? false; range.textContent = ""; ask(); },
    /** Take it off the page. */
    remove() { watcher.disconnect(); box.remove(); },
    zoom, whole, look, fault, choose, range: shownRange,
  };
}
