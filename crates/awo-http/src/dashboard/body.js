// Owns how the fields of a form become the body of a request. Pure.

/** `[["limits.max_turns", 3], …]` as `{limits: {max_turns: 3}, …}`; what is empty is left out. */
export function bodyOf(entries) {
  const body = {};
  for (const [name, value] of entries) {
    if (value === "" || value === null || (Array.isArray(value) && value.length === 0)) continue;
    const path = name.split(".");
    const last = path.pop();
    let place = body;
    for (const part of path) place = place[part] ??= {};
    place[last] = value;
  }
  return body;
}

/** What was typed as a number; as it is where it is none, so that the server says what is wrong with it. */
export function number(text) {
  if (text === "") return "";
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}
