// Owns the form of server-sent events: pieces of text in, messages out. Pure.

/** A reader that is fed with pieces as they come and calls `message` with each `{id, event, data}` when it is whole. */
export function eventReader(message) {
  let rest = "";
  let fields = {};
  const line = text => {
    if (text === "") {
      if (fields.data !== undefined) message({ id: fields.id ?? null, event: fields.event ?? "message", data: fields.data });
      fields = {};
      return;
    }
    const colon = text.indexOf(":");
    if (colon === 0) return; // a sign of life
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (name === "data" && fields.data !== undefined) fields.data += `\n${value}`;
    else fields[name] = value;
  };
  return piece => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop();
    lines.forEach(text => line(text.replace(/\r$/, "")));
  };
}
