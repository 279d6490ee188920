// Agents: who they are, whether they may connect, a code for a technician, their end, what they are told to do.

import { showOrders } from "./agent-orders.js";
import { get } from "./api.js";
import { District } from "./district.js";
import { byId, h, say, sayNone, sign } from "./dom.js";
import { codeDialog, enrolmentSign, revocable, revokeDialog } from "./enrol-code.js";
import { may } from "./session.js";
import { Table } from "./table.js";
import { number, plain, shortTime, t } from "./texts.js";

const RELOAD_MS = 10_000;

let agents = null;
const known = new Map();
const inputs = { enrolment: byId("enrolment"), search: byId("search") };
const district = new District((kind) => {
  if (kind === "snapshot") load();
});
const when = (ms) => (ms === null ? "–" : shortTime(ms, district.now()));

const table = new Table(byId("table"), {
  name: "agents",
  label: t("web.agents.title"),
  key: ({ id }) => id,
  sort: "school",
  columns: [
    { name: "id", title: t("web.agents.id"), value: ({ id }) => id, cell: ({ id }) => h("strong", {}, id) },
    { name: "school", title: t("web.list.school"), value: ({ school_name: school }) => school, cell: schoolCell },
    { name: "role", title: t("web.agents.role"), value: ({ role }) => role, cell: ({ role }) => t(role === "classroom" ? "web.agents.classroom" : "web.agents.gateway") },
    { name: "version", title: t("web.school.version"), value: ({ version }) => version, cell: ({ version, hardware }) => h("div", {}, version ?? "–", hardware ? h("small", {}, hardware) : "") },
    { name: "heard", title: t("web.school.heard"), down: true, value: ({ heard_ms: heard }) => heard, cell: ({ heard_ms: heard }) => when(heard) },
    { name: "enrolment", title: t("web.enrol.state"), value: ({ enrolment }) => enrolment, cell: enrolmentCell },
    { name: "account", title: t("web.account.title"), value: ({ account }) => accountWord(account), cell: accountCell },
    { name: "actions", title: t("web.form.actions"), cell: actions },
  ],
});

function schoolCell({ school_id: id, school_name: name, classroom }) {
  if (id === null) return t("web.agents.nowhere");
  return h("div", {}, h("a", { href: `/schools/${encodeURIComponent(id)}` }, name), classroom ? h("small", {}, classroom) : "");
}

function enrolmentCell(agent) {
  const waits = agent.code ? h("small", {}, t("web.agents.code_until", { time: when(agent.code.expires_ms) })) : "";
  return h("div", {}, enrolmentSign(agent), waits);
}

/** How the account stands with the broker. */
function accountWord(account) {
  if (account === null) return "none";
  if (account.trouble) return "trouble";
  if (account.owed) return "owed";
  return account.active ? "active" : "ended";
}

function accountCell({ account }) {
  const word = accountWord(account);
  if (word === "none") return t("web.account.none");
  const looks = { active: "online", ended: "stopped", owed: "degraded", trouble: "down" };
  const { trouble, by_certificate: certificate, changed_ms: ms, changed_by: by } = account;
  const more = [trouble, certificate && t("web.account.by_certificate"), t("web.agents.changed", { time: when(ms), by })];
  return h("div", {}, sign(looks[word], t(`web.account.${word}`)), ...more.filter(Boolean).map((text) => h("small", {}, text)));
}

function actions(agent) {
  const { id } = agent;
  const button = (text, act, look = "") => h("button", { class: `tool ${look}`.trim(), type: "button", onclick: act }, text);
  return h(
    "div",
    { class: "actions" },
    button(t("web.orders.title"), () => showOrders(id)),
    may("admin") ? button(t("web.agents.new_code"), () => codeDialog({ agent: id, school: agent.school_id, made: load })) : "",
    may("admin") && revocable(agent) ? button(t("web.enrol.revoke"), () => revokeDialog(id, load), "danger") : "",
  );
}

/** Keeps the rows of agents that only spoke again, so that their buttons keep the focus. */
function settled(agent) {
  const before = known.get(agent.id);
  const fixed = (one) => JSON.stringify({ ...one, heard_ms: null });
  if (before && fixed(before) === fixed(agent)) return Object.assign(before, agent);
  known.set(agent.id, agent);
  return agent;
}

async function load() {
  try {
    agents = (await get("agents")).items.map(settled);
    show();
  } catch (error) {
    sayNone(byId("none"), error.message);
  }
}

function show() {
  if (agents === null) return;
  const { enrolment, search } = inputs;
  const wanted = plain(search.value.trim());
  const text = ({ id, school_id: school, school_name: name, classroom, version }) => plain([id, school, name, classroom, version].join(" "));
  const shown = agents.filter((agent) => (!enrolment.value || agent.enrolment === enrolment.value) && (!wanted || text(agent).includes(wanted)));
  table.show(shown);
  table.tick("heard");
  say(byId("count"), t("web.agents.count", { count: number(shown.length) }));
  sayNone(byId("none"), shown.length ? "" : t(agents.length ? "web.agents.none_match" : "web.agents.none"));
}

for (const input of Object.values(inputs)) input.addEventListener("input", show);
byId("make").addEventListener("click", () => codeDialog({ schools: [...district.schools.values()], made: load }));
setInterval(load, RELOAD_MS);
