// @ts-check
// Elements whose text is only ever text, and invisible characters made visible.

/** An element. Attributes that are undefined or false are left out.
 * @param {string} name @param {Record<string, any>} attributes @param {(Node | string | null | undefined)[]} children
 * @returns {any} */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false || value === null) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined) made.append(child);
  return made;
}

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u00a0\ufffe\uffff]/gu;
/** @type {Record<string, string>} */
const SIGNS = { "\n": "↵", "\r": "\\r", "\t": "\\t" };

/** What stands for a character that nobody would see. @param {string} char */
export function sign(char) {
  const code = char.codePointAt(0) ?? 0;
  if (SIGNS[char]) return SIGNS[char];
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`; // a byte that is no UTF-8
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** `text` as nodes, with signs for what is invisible. @param {string} text @param {boolean} [lines] break at line ends */
export function visible(text, lines = true) {
  const parts = document.createDocumentFragment();
  let end = 0;
  for (const found of text.matchAll(HIDDEN)) {
    parts.append(text.slice(end, found.index), element("span", { class: "sign" }, sign(found[0])));
    if (found[0] === "\n" && lines) parts.append("\n");
    end = (found.index ?? 0) + found[0].length;
  }
  parts.append(text.slice(end));
  return parts;
}

/** `text` in one line, with signs. @param {string} text */
export function oneLine(text) {
  return text.replace(HIDDEN, sign);
}

/** `1,234`. @param {number} count */
export function grouped(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ","); // toLocaleString takes 30 ms when first called
}

/** @param {number} count @param {string} what */
export function plural(count, what) {
  return `${grouped(count)} ${what}${count === 1 ? "" : "s"}`;
}

/** `text`, cut to `most` characters. @param {string} text @param {number} most */
export function short(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** A command with a button that copies it. @param {string} text @param {string} [what] for which it is */
export function command(text, what) {
  const said = element("span", { class: "unseen", role: "status" });
  const copy = element("button", { type: "button", class: "small", "aria-label": `Copy: ${what ?? text}` }, "Copy");
  copy.addEventListener("click", async () => {
    const done = await copied(text);
    copy.textContent = done ? "Copied" : "Select and copy";
    said.textContent = done ? "Copied" : "";
    setTimeout(() => { copy.textContent = "Copy"; }, 1600);
  });
  return element("div", { class: "command" }, element("pre", {}, element("code", {}, text)), copy, said);
}

/** @param {string} text */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // a file that was opened from disk may have no clipboard
    const area = element("textarea", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** @param {string} text */
export function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
