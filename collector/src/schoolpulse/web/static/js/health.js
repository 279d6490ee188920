// How the collector itself is doing: its parts, how far they lag, what was put aside, its agents by version.

import { District } from "./district.js";
import { byId, h, say, sign } from "./dom.js";
import { parse } from "./exposition.js";
import { byName, number, t, tOr } from "./texts.js";

const ASK_MS = 5_000;
const MEGABYTE = 1e6;

let before = null;
const district = new District(drawAgents);

async function load() {
  try {
    const [ready, alive, figures] = await Promise.all([fetch("/readyz"), fetch("/healthz"), fetch("/metrics")]);
    drawParts((await ready.json()).parts);
    say(byId("version"), t("web.health.version", { version: (await alive.json()).version }));
    if (figures.ok) drawFigures(parse(await figures.text()));
    byId("problem").hidden = figures.ok;
    if (!figures.ok) say(byId("problem"), t("web.health.guarded"));
  } catch {
    byId("problem").hidden = false;
    say(byId("problem"), t("web.refused.0"));
  } finally {
    setTimeout(load, ASK_MS);
  }
}

function drawParts(parts) {
  list("parts", Object.entries(parts), ([name, word]) => [
    tOr(`web.part.${name}`, name),
    word === "ok" ? sign("online", t("web.health.works")) : h("span", {}, sign("down", t("web.health.fails")), h("small", { class: "note" }, word)),
  ]);
}

function drawFigures(samples) {
  const value = (name) => samples[`schoolpulse_${name}`]?.reduce((sum, one) => sum + one.value, 0) ?? 0;
  const by = (name, label) => (samples[`schoolpulse_${name}`] ?? []).map(({ labels, value: count }) => [labels[label], count]);
  const now = { at: Date.now(), messages: value("journalled_messages_total"), points: value("points_written_total") };
  const rate = (name) => (before ? ((now[name] - before[name]) * 1_000) / (now.at - before.at) : null);
  const each = (name) => (rate(name) === null ? "–" : t("web.health.per_second", { value: number(rate(name), 1) }));
  const position = value("journal_position");
  list("flow", [
    [t("web.health.broker"), value("broker_connected") ? sign("online", t("web.health.connected")) : sign("down", t("web.health.away"))],
    [t("web.health.messages"), each("messages")],
    [t("web.health.points"), each("points")],
    ...by("sink_position", "sink").map(([sink, at]) => [
      t("web.health.lag", { part: tOr(`web.part.${sink}`, sink) }),
      t("web.health.messages_count", { count: number(Math.max(0, position - at)) }),
    ]),
    [t("web.health.open_incidents"), number(value("open_incidents"))],
    [t("web.health.webhooks"), number(value("webhooks_pending"))],
  ], (row) => row);
  list("journal", [
    [t("web.health.journal_size"), t("web.health.megabytes", { value: number(value("journal_bytes") / MEGABYTE, 1) })],
    [t("web.health.journal_position"), number(position)],
    [t("web.health.journal_room"), value("journal_blocked") ? sign("down", t("web.health.full")) : sign("online", t("web.health.room"))],
    [t("web.health.duplicates"), number(value("duplicate_batches_total"))],
    [t("web.health.discarded"), number(value("discarded_batches_total"))],
    [t("web.health.refused"), number(value("points_refused_total"))],
  ], (row) => row);
  const aside = by("quarantined_messages_total", "reason").filter(([, count]) => count);
  list("quarantine", aside.length ? aside : [null], (row) => (row ? [tOr(`web.reason.${row[0]}`, row[0]), number(row[1])] : [t("web.health.quarantine_none"), "0"]));
  before = now;
}

function drawAgents() {
  const versions = new Map();
  let quiet = 0;
  for (const { agent_id: agent, now } of district.schools.values()) {
    if (agent === null) continue;
    if (!now?.agent_version) quiet += 1;
    else versions.set(now.agent_version, (versions.get(now.agent_version) ?? 0) + 1);
  }
  const rows = [...versions].sort((a, b) => byName(b[0], a[0])).map(([version, count]) => [version, number(count)]);
  if (quiet) rows.push([t("web.health.agents_quiet"), number(quiet)]);
  const without = [...district.schools.values()].filter(({ agent_id: agent }) => agent === null).length;
  if (without) rows.push([t("web.health.agents_none"), number(without)]);
  list("agents", rows.length ? rows : [[t("web.wall.empty"), ""]], (row) => row);
}

function list(id, rows, pair) {
  byId(id).replaceChildren(
    ...rows.flatMap((row) => {
      const [name, value] = pair(row);
      return [h("dt", {}, name), h("dd", {}, value)];
    }),
  );
}

load();
