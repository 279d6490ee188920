// What one agent is told to do, and what became of it.

import { get, send } from "./api.js";
import { byId, h, sayNone, say, sign } from "./dom.js";
import { form } from "./form.js";
import { Table } from "./table.js";
import { shortTime, t, tOr } from "./texts.js";

const RELOAD_MS = 2_000;
const IDLE_ROUNDS = 8; // what nothing is awaited of is asked for so much less often
const PROBES = ["reachability", "wan", "modem", "interface", "device", "snmp", "wifi", "system", "classroom"];
const LOOKS = { waiting: "unknown", sent: "unknown", answered: "online", refused: "down", expired: "stopped" };

let chosen = null;
let awaited = false;
let round = 0;
let table = null;

const probe = (name) => tOr(`web.probe.${name}`, name);
const CHOICES = [
  ...PROBES.map((name) => [`run_probe ${name}`, `${t("web.command.run_probe")}: ${probe(name)}`]),
  ...["speed_test", "send_birth"].map((what) => [what, t(`web.command.${what}`)]),
];

function what({ do: command, arguments: { probe: name, interval_s: seconds } }) {
  const more = [name && probe(name), seconds && t("web.time.second", { n: seconds })].filter(Boolean).join(", ");
  return t(`web.command.${command}`) + (more ? `: ${more}` : "");
}

function orderTable() {
  return new Table(byId("sent"), {
    name: "orders",
    label: t("web.orders.title"),
    key: ({ id }) => id,
    sort: "-made",
    columns: [
      { name: "made", title: t("web.orders.made"), down: true, value: ({ made_ms: ms }) => ms, cell: ({ made_ms: ms, made_by: by }) => h("div", {}, shortTime(ms, Date.now()), h("small", {}, by)) },
      { name: "what", title: t("web.orders.what"), value: what, cell: what },
      { name: "result", title: t("web.orders.result"), value: ({ state }) => state, cell: ({ state, error, code }) => h("div", {}, sign(LOOKS[state], t(`web.order.${state}`)), error ? h("small", {}, tOr(`refusal.${code}`, error)) : "") },
      { name: "answered", title: t("web.orders.answered"), value: ({ answered_ms: ms }) => ms, cell: ({ answered_ms: ms }) => (ms === null ? "–" : shortTime(ms, Date.now())) },
    ],
  });
}

/** Opens the commands to `agent` below the table of agents. */
export function showOrders(agent) {
  chosen = agent;
  table = orderTable();
  sayNone(byId("sent-none"), "");
  say(byId("orders-label"), t("web.orders.of", { agent }));
  byId("order").replaceChildren(
    h("p", { class: "lead" }, t("web.orders.lead")),
    form({
      label: t("web.orders.of", { agent }),
      fields: [{ name: "what", label: t("web.orders.what"), kind: "select", required: true, options: CHOICES }],
      buttons: [{ text: t("web.orders.send"), main: true, act: (values) => give(agent, values.what) }],
    }),
  );
  const section = byId("orders");
  section.hidden = false;
  section.focus({ preventScroll: true });
  section.scrollIntoView({ block: "nearest" });
  return load();
}

async function give(agent, choice) {
  const [command, name] = choice.split(" ");
  await send("POST", `agents/${encodeURIComponent(agent)}/commands`, { do: command, probe: name ?? null });
  await load();
  return t("web.orders.given");
}

async function load() {
  const mine = chosen;
  try {
    const { items } = await get(`agents/${encodeURIComponent(mine)}/commands`);
    if (mine !== chosen) return;
    table.show(items);
    awaited = items.some(({ state }) => state === "waiting" || state === "sent");
    sayNone(byId("sent-none"), items.length ? "" : t("web.orders.none"));
  } catch (error) {
    if (mine === chosen) sayNone(byId("sent-none"), error.message);
  }
}

setInterval(() => {
  round += 1;
  if (chosen !== null && (awaited || round % IDLE_ROUNDS === 0)) load();
}, RELOAD_MS);
