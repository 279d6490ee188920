// Who is told of incidents: how each receiver does, a test message, and what was sent.

import { get, send } from "./api.js";
import { byId, h, icon, say, sayNone, sign } from "./dom.js";
import { runFrame } from "./frame.js";
import { kindText, scopeText } from "./status.js";
import { Table } from "./table.js";
import { duration, number, shortTime, t } from "./texts.js";

const RELOAD_MS = 15_000;
const LOOKS = { fine: "online", new: "unknown", failing: "degraded", dead: "down", disabled: "stopped" };

runFrame();
let chosen = null;
let next = null;
let rows = [];
const cards = new Map();
const known = new Map();
const names = new Map();

const table = new Table(byId("deliveries"), {
  name: "deliveries",
  label: t("web.endpoints.history"),
  key: ({ seq }) => String(seq),
  sort: "-created",
  columns: [
    { name: "created", title: t("web.delivery.created"), down: true, value: ({ created_ms }) => created_ms, cell: ({ created_ms }) => shortTime(created_ms, Date.now()) },
    { name: "state", title: t("web.filter.status"), value: ({ state }) => state, cell: ({ state }) => sign({ delivered: "online", given_up: "down" }[state] ?? "degraded", t(`web.delivery.${state}`)) },
    { name: "incident", title: t("web.incidents.one"), cell: subject },
    { name: "attempts", title: t("web.delivery.attempts"), figure: true, value: ({ attempts }) => attempts, cell: ({ attempts }) => number(attempts) },
    { name: "last", title: t("web.delivery.last"), value: ({ last_ms }) => last_ms, cell: lastOf },
    { name: "next", title: t("web.delivery.next"), cell: ({ state, next_ms }) => (state === "pending" ? shortTime(next_ms, Date.now()) : "") },
  ],
});

const isIncident = (id) => /^i[0-9a-f]/.test(id);

/** The incident that was told of: what, and where; its id alone where it is too old to be known here. */
function subject({ incident: id }) {
  if (!isIncident(id)) return id;
  const link = (...words) => h("a", { href: `/incidents/${encodeURIComponent(id)}` }, ...words);
  const found = known.get(id);
  if (!found) return link(id);
  return [link(kindText(found)), h("small", {}, found.school ? (names.get(found.school) ?? found.school) : scopeText(found))];
}

/** Asks what the incidents are that these rows tell of, once for each. */
async function learn(deliveries) {
  const strange = deliveries.filter(({ incident: id }) => isIncident(id) && !known.has(id));
  if (!strange.length) return;
  for (const { incident: id } of strange) known.set(id, null);
  const [incidents, schools] = await Promise.all([get("incidents", { limit: 200 }), names.size ? null : get("schools")]);
  for (const { id, name } of schools?.items ?? []) names.set(id, name);
  for (const incident of incidents.items) known.set(incident.id, incident);
}

function lastOf({ last_ms, last_error, last_status }) {
  if (last_ms === null) return "";
  return [shortTime(last_ms, Date.now()), h("small", {}, last_error || (last_status ? `HTTP ${last_status}` : ""))];
}

async function load() {
  try {
    const { items } = await get("endpoints");
    for (const endpoint of items) draw(endpoint);
    sayNone(byId("none"), items.length ? "" : t("web.endpoints.none"));
    if (chosen === null && items.length) choose(items[0].id);
    else if (chosen !== null && next === null) loadDeliveries();
  } catch (error) {
    sayNone(byId("none"), error.message);
  }
}

function draw(endpoint) {
  let card = cards.get(endpoint.id);
  if (!card) {
    card = newCard(endpoint);
    cards.set(endpoint.id, card);
    byId("list").append(card.element);
  }
  card.state.replaceChildren(sign(LOOKS[endpoint.status] ?? "unknown", t(`web.endpoint.${endpoint.status}`)));
  card.enable.hidden = endpoint.status !== "disabled";
  const now = Date.now();
  const when = (ms) => (ms === null ? "–" : shortTime(ms, now));
  const facts = [
    [t("web.endpoints.target"), endpoint.target],
    [t("web.endpoints.format"), endpoint.format],
    [t("web.endpoints.ok"), when(endpoint.ok_ms)],
    [t("web.endpoints.failed"), endpoint.failed_ms === null ? "–" : [when(endpoint.failed_ms), h("small", { class: "note" }, endpoint.error)]],
    [t("web.endpoints.pending"), endpoint.pending ? t("web.endpoints.pending_since", { count: number(endpoint.pending), age: duration(now - endpoint.oldest_ms, { coarse: true }) }) : "0"],
    [t("web.endpoints.counts"), t("web.endpoints.delivered_of", { delivered: number(endpoint.delivered), given_up: number(endpoint.given_up) })],
  ];
  card.facts.replaceChildren(...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, ...[value].flat())]));
}

function newCard({ id }) {
  const card = { state: h("span", {}), facts: h("dl", { class: "facts" }), word: h("p", { role: "status", class: "note" }) };
  const test = h("button", { class: "tool main", type: "button", onclick: () => tryOut(id, test, card.word) }, t("web.endpoints.test"));
  card.enable = h("button", { class: "tool", type: "button", onclick: () => enable(id) }, t("web.endpoints.enable"));
  const history = h("button", { class: "tool", type: "button", onclick: () => choose(id, true) }, t("web.endpoints.history"));
  card.element = h(
    "section",
    { class: "card", "aria-labelledby": `endpoint-${id}`, data: { endpoint: id } },
    h("div", { class: "headline" }, h("h2", { id: `endpoint-${id}` }, id), card.state),
    card.facts,
    h("div", { class: "actions" }, test, history, card.enable),
    card.word,
  );
  return card;
}

async function tryOut(id, button, word) {
  button.disabled = true;
  say(word, t("web.endpoints.testing"));
  try {
    const { delivered, status, error } = await send("POST", `endpoints/${encodeURIComponent(id)}/test`);
    const text = delivered ? t("web.endpoints.test_ok") : t("web.endpoints.test_failed", { error: error || `HTTP ${status}` });
    word.replaceChildren(icon(delivered ? "online" : "down"), text);
    word.className = `sign ink-${delivered ? "online" : "down"}`;
  } catch (error) {
    say(word, error.message);
  } finally {
    button.disabled = false;
  }
}

async function enable(id) {
  await send("POST", `endpoints/${encodeURIComponent(id)}/enable`);
  await load();
}

function choose(id, show = false) {
  chosen = id;
  next = null;
  byId("history").hidden = false;
  say(byId("history-label"), t("web.endpoints.history_of", { id }));
  loadDeliveries();
  if (show) byId("history").scrollIntoView({ block: "nearest" });
}

async function loadDeliveries(older = false) {
  const parameters = { limit: 100, ...(byId("state").value && { state: byId("state").value }), ...(older && { before: next }) };
  const answer = await get(`endpoints/${encodeURIComponent(chosen)}/deliveries`, parameters);
  rows = older ? [...rows, ...answer.items] : answer.items;
  next = older || answer.items.length === 100 ? answer.next : null;
  await learn(rows);
  table.show(rows);
  byId("deliveries-none").hidden = rows.length > 0;
  byId("more").hidden = next === null;
}

byId("state").addEventListener("change", () => loadDeliveries());
byId("older").addEventListener("click", () => loadDeliveries(true));
load();
setInterval(load, RELOAD_MS);
