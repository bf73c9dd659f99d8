// @ts-check
// The blocks of data in the page: base64 of deflated JSON, with texts that are kept once.

/** The JSON in the block with that id. @param {string} id @returns {Promise<any>} */
export async function unpacked(id) {
  const text = document.getElementById(id)?.textContent?.trim() ?? "";
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

/** A text by its number; one may be the beginning of another. @param {any[]} texts @param {number} [place] */
export function textAt(texts, place) {
  if (place === undefined || place < 0) return "";
  const kept = texts[place];
  return typeof kept === "string" ? kept : texts[kept[0]].slice(0, kept[1]);
}
