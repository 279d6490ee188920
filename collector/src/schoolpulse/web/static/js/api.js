// Asks the collector and tells it things; every refusal becomes a `Refusal` that a person can read.

import { capital, number, t, tOr } from "./texts.js";

const API = "/api/v1/";

/** What the collector refused, and why, in the page's words: `status`, a sentence, and what is wrong by field. */
export class Refusal extends Error {
  constructor(status, problem) {
    const errors = (problem?.errors ?? []).map((one) => ({ ...one, message: said(one) ?? one.message }));
    super(errors.length ? listed(errors) : capital(said(problem) ?? ofStatus(status, problem)));
    this.status = status;
    this.errors = errors;
  }
}

/** What is wrong with several fields, as one sentence; `labelOf` gives what people call a field, if anything. */
export function listed(errors, labelOf = () => null) {
  const each = errors.map(({ where, message }) => [labelOf(where), message].filter(Boolean).join(": "));
  return t("web.refused.fields", { errors: each.join("; ") });
}

/** The text of a refusal's code, in `refusals.toml` or among the registry's mistakes; null where there is none. */
function said(refused) {
  const key = ["refusal", "registry.mistake"].map((room) => `${room}.${refused?.code}`).find((one) => tOr(one, null));
  const values = Object.entries(refused?.values ?? {}).map(([name, value]) => [name, word(name, value)]);
  return key ? t(key, Object.fromEntries(values)) : null;
}

/** A value as people read it: a number in the language's writing, `role` and `own_role` by their names. */
function word(name, value) {
  if (typeof value === "number") return number(value, 3);
  return name.endsWith("role") ? t(`web.role.${value}`) : value;
}

/** What is said where an answer has no code: it is a proxy's, or there is none. */
function ofStatus(status, problem) {
  return t(tOr(`web.refused.${status}`, null) ? `web.refused.${status}` : "web.refused.other", { status, detail: problem?.detail ?? "" });
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
