// @ts-check
// Bytes as they were sent: a text in which a lone surrogate U+DC80 to U+DCFF is a byte that is no UTF-8.

/** @param {string} text @returns {Uint8Array} */
export function bytesOf(text) {
  const encoder = new TextEncoder();
  const parts = [];
  let size = 0, end = 0;
  for (const found of text.matchAll(/[\udc80-\udcff]/gu)) {
    const before = encoder.encode(text.slice(end, found.index));
    parts.push(before, new Uint8Array([found[0].charCodeAt(0) - 0xdc00]));
    size += before.length + 1;
    end = (found.index ?? 0) + 1;
  }
  const rest = encoder.encode(text.slice(end));
  parts.push(rest);
  const bytes = new Uint8Array(size + rest.length);
  let place = 0;
  for (const part of parts) { bytes.set(part, place); place += part.length; }
  return bytes;
}

/** The text of some bytes, in the same way. @param {Uint8Array} bytes */
export function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return slowly(bytes);
  }
}

/** @param {Uint8Array} bytes */
function slowly(bytes) {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "", place = 0;
  while (place < bytes.length) {
    const first = bytes[place];
    const size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    try {
      if (size === 0) throw new TypeError("no beginning of a character");
      text += decoder.decode(bytes.subarray(place, place + size));
      place += size;
    } catch {
      text += String.fromCharCode(0xdc00 + first);
      place += 1;
    }
  }
  return text;
}

/** Lines of a hex dump: offset, 16 bytes, the same as ASCII. @param {Uint8Array} bytes @param {number} from */
export function hexLines(bytes, from) {
  const lines = [];
  for (let place = 0; place < bytes.length; place += 16) {
    const row = [...bytes.subarray(place, place + 16)];
    const digits = row.map((one) => one.toString(16).padStart(2, "0"));
    const hex = `${digits.slice(0, 8).join(" ")}  ${digits.slice(8).join(" ")}`.padEnd(49);
    const ascii = row.map((one) => (one >= 0x20 && one < 0x7f ? String.fromCharCode(one) : "·")).join("");
    lines.push(`${(from + place).toString(16).padStart(6, "0")}  ${hex} ${ascii}`);
  }
  return lines;
}
