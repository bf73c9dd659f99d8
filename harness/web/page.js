// @ts-check
/** What the scripts of our pages share. All that came over a wire is put in as text, never as markup. */

/** The element that `selector` finds; there must be one.
 * @template {HTMLElement} T @param {string} selector @param {ParentNode} [within] @returns {T} */
export const the = (selector, within = document) => {
  const found = within.querySelector(selector);
  if (found === null) throw new Error(`nothing is ${selector}`);
  return /** @type {T} */ (found);
};

/** A new element. @param {string} name @param {Record<string, string>} [attributes] @param {...(Node | string)} children */
export const made = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

/** Ask the server for something; what it refuses is an error in its words. @param {string} url @param {unknown} [body] */
export const post = async (url, body = {}) => {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const text = await response.text();
  const told = parsed(text);
  if (told === undefined || !response.ok) throw new Error(told?.error ?? (text || response.statusText));
  return told;
};

/** What the JSON says; undefined where it is none, but words. @param {string} text */
const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Hear what a channel tells, until its end. @param {string} url @param {Record<string, (told: any) => void>} hear by name */
export const follow = (url, hear) =>
  new Promise((resolve) => {
    const source = new EventSource(url);
    for (const [name, take] of Object.entries(hear)) source.addEventListener(name, (event) => take(JSON.parse(event.data)));
    const over = () => {
      source.close();
      resolve(undefined);
    };
    source.addEventListener("end", over);
    source.addEventListener("error", () => source.readyState === EventSource.CLOSED && over());
  });
