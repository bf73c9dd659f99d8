// @ts-check
/** The control room: which view is open, and what can be chosen. */

import { the } from "./page.js";
import { watching } from "./watch.js";
import { searching } from "./search.js";

/**
 * @typedef {{id: string, number: string, title: string, needs: string[], dialects: string[], hand: boolean}} Scenario
 * @typedef {{name: string, version: string, policy: string, can: string[], dialect: string, search: boolean}} Client
 * @typedef {{chapters: {name: string, scenarios: Scenario[]}[], default: string, clients: Client[], absent: number, lanes: {id: string, name: string}[], seed: string}} Menu
 */

const views = ["watch", "search"];

/** Open the view that the address names. */
const open = () => {
  const wanted = location.hash.slice(1);
  const view = views.includes(wanted) ? wanted : views[0];
  for (const one of views) the(`#${one}`).hidden = one !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
};

addEventListener("hashchange", () => {
  open();
  scrollTo({ top: 0, behavior: "instant" });
});
open();
const menu = /** @type {Menu} */ (await (await fetch("menu")).json());
watching(menu);
searching(menu);
