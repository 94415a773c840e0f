// Owns how the server is asked: the public interface of this address, and nothing else.

import { hear } from "./clock.js";

export const ORDERS = "/agent-work-orders";

/** Path of an order. */
export const orderPath = id => `${ORDERS}/${encodeURIComponent(id)}`;

/** Whatever was not answered as asked, told to a person by `message`. */
export class Problem extends Error {
  constructor(kind, status, detail, more = {}) {
    super(detail);
    this.kind = kind;
    this.status = status;
    this.errors = more.errors ?? [];
    this.retryAfter = more.retryAfter ?? null;
  }

  /** Whether the same may be asked again soon. */
  get passes() {
    return this.kind === "unreachable" || this.status === 429 || this.status >= 500;
  }
}

let refused = () => {};

/** What to do when the server does not know who asks. */
export function onRefused(act) {
  refused = act;
}

/** Asks, and gives the answer when its head is there; a problem is thrown. */
export async function send(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw new Problem("unreachable", 0, "the server cannot be reached; what is shown may be old");
  }
  hear(answer.headers.get("date"));
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  if (problem.status === 401) refused(problem);
  throw problem;
}

async function problemOf(answer) {
  const body = await answer.json().catch(() => ({}));
  const kind = typeof body.type === "string" ? body.type.replace("urn:awo:problem:", "") : "unknown";
  const detail = body.detail ?? `the server answered ${answer.status}`;
  const seconds = Number(answer.headers.get("retry-after"));
  return new Problem(kind, answer.status, detail, { errors: body.errors, retryAfter: seconds > 0 ? seconds : null });
}

/** Something as JSON. */
export async function getJson(path, options) {
  return (await getWithHead(path, options)).value;
}

/** Something as JSON, and the headers of its answer. */
export async function getWithHead(path, options) {
  const answer = await send(path, options);
  return { value: await body(answer, it => it.json()), headers: answer.headers };
}

/** Something as text. */
export async function getText(path, options) {
  return body(await send(path, options), answer => answer.text());
}

/** Has the server do something; what it answers, or null. */
export async function change(method, path, value, headers = {}) {
  const options = { method, headers };
  if (value !== undefined) {
    options.body = JSON.stringify(value);
    options.headers = { "content-type": "application/json", ...headers };
  }
  const answer = await send(path, options);
  return answer.status === 204 ? null : body(answer, it => it.json());
}

/** A body may break off after its head was there. */
async function body(answer, read) {
  try {
    return await read(answer);
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw new Problem("unreachable", 0, "the answer broke off; what is shown may be old");
  }
}

/** The query of a path: fields without a value are left out, lists are repeated. */
export function query(fields) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") parameters.append(name, one);
  }
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

/** A key by which the same request can be sent again safely. */
export function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("");
}
