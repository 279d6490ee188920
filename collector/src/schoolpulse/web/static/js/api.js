// Asks the collector and tells it things; every refusal becomes a `Refusal` that a person can read.

import { t, tOr } from "./texts.js";

const API = "/api/v1/";

/** What the collector refused, and why: `status`, a sentence, and what is wrong by field. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(sentence(status, problem));
    this.status = status;
    this.errors = problem?.errors ?? [];
  }
}

function sentence(status, problem) {
  const detail = problem?.detail ?? "";
  return t(tOr(`web.refused.${status}`, null) ? `web.refused.${status}` : "web.refused.other", { status, detail });
}

/** The JSON at `path` under /api/v1/; with `parameters` in its query. */
export async function get(path, parameters) {
  const query = parameters ? `?${new URLSearchParams(parameters)}` : "";
  return (await ask(path + query, { headers: { Accept: "application/json" } })).json();
}

/** The JSON at `path` with the tag that a change of it has to show. */
export async function getTagged(path) {
  const response = await ask(path, { headers: { Accept: "application/json" } });
  return { data: await response.json(), etag: response.headers.get("ETag") };
}

/**
 * Tells the collector something; gives its answer's JSON, null where it has none. `etag` is that of what was
 * looked at: a change of what somebody else has changed meanwhile is refused.
 */
export async function send(method, path, body, etag) {
  const headers = { Accept: "application/json", ...(etag && { "If-Match": etag }) };
  const form = body instanceof FormData;
  if (body !== undefined && !form) headers["Content-Type"] = "application/json";
  const response = await ask(path, { method, headers, body: form || body === undefined ? body : JSON.stringify(body) });
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** A file the collector makes, as a blob and the name that it gives it. */
export async function download(path, parameters) {
  const response = await ask(`${path}?${new URLSearchParams(parameters)}`, {});
  const name = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
  return { blob: await response.blob(), name };
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(API + path, { credentials: "same-origin", ...options });
  } catch {
    throw new Refusal(0, null);
  }
  if (response.ok) return response;
  if (response.status === 401 && !path.startsWith("session")) return leaveForLogin();
  const problem = await response.json().catch(() => null);
  throw new Refusal(response.status, problem);
}

/** Nobody is logged in: to the login page, and back here afterwards. Never comes back. */
export function leaveForLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
  return new Promise(() => {});
}
