// Owns how text of others is shown: agents, repositories and people may put anything into it. It is only ever shown as text;
// here, what would hide or reorder it is made visible.

/** Controls, what turns the direction of text, and what is invisible: the same that a terminal of this program shows. */
const HIDDEN = new RegExp("[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u115f\\u1160\\u180e\\u200b\\u200e\\u200f" +
  "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\\u{e0000}-\\u{e0fff}]" +
  // Marks that one character does not need climb over the lines around.
  "|(?<=[\\p{Mn}\\p{Me}\\u200c\\u200d]{4})[\\p{Mn}\\p{Me}\\u200c\\u200d]", "gu");

/** The text with each hidden or reordering character as a sign that can be seen. Line breaks and tabs stay. */
export function visible(text) {
  return String(text).replaceAll("\r\n", "\n").replace(HIDDEN, sign);
}

function sign(character) {
  const code = character.codePointAt(0);
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** The first line that says something. */
export function firstLine(text) {
  return /\S[^\r\n]*/.exec(String(text ?? ""))?.[0].trim() ?? "";
}

/** At most so many characters, with a sign where some are left out. */
export function shorten(text, most) {
  const characters = Array.from(text);
  return characters.length <= most ? text : characters.slice(0, most - 1).join("") + "…";
}

/** The end of a repository's address that people know it by. */
export function shortRepository(address) {
  const parts = String(address).replace(/\.git$/, "").replace(/\/+$/, "").split(/[/:]/).filter(part => part !== "");
  return parts.slice(-2).join("/");
}

/** The address, if it is one that a page may link to: http or https. */
export function safeLink(address) {
  if (typeof address !== "string") return null;
  try {
    const { protocol, href } = new URL(address);
    return protocol === "http:" || protocol === "https:" ? href : null;
  } catch {
    return null;
  }
}
