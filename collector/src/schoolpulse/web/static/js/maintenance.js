// Announced work: what is planned and under way, to announce and to end; and the school calendar.

import { get, send } from "./api.js";
import { drawCalendar } from "./calendar.js";
import { formDialog } from "./dialog.js";
import { District } from "./district.js";
import { byId, h, sayNone } from "./dom.js";
import { may } from "./session.js";
import { Table } from "./table.js";
import { byName, duration, shortTime, t } from "./texts.js";

const HOUR_MS = 3_600_000;
const RELOAD_MS = 30_000;

const district = new District((kind) => {
  if (kind === "snapshot") load();
});

const table = new Table(byId("windows"), {
  name: "windows",
  label: t("web.maintenance.windows"),
  key: ({ id }) => id,
  sort: "from",
  columns: [
    { name: "state", title: t("web.filter.status"), value: ({ from_ms }) => from_ms, cell: (one) => h("span", { class: "badge" }, stateOf(one)) },
    { name: "scope", title: t("web.maintenance.scope"), value: scope, cell: scope },
    { name: "from", title: t("web.maintenance.from"), value: ({ from_ms }) => from_ms, cell: ({ from_ms }) => shortTime(from_ms, district.now()) },
    { name: "to", title: t("web.maintenance.to"), value: ({ to_ms }) => to_ms, cell: ({ to_ms }) => shortTime(to_ms, district.now()) },
    { name: "duration", title: t("web.incidents.duration"), figure: true, value: (one) => one.to_ms - one.from_ms, cell: (one) => duration(one.to_ms - one.from_ms) },
    { name: "reason", title: t("web.maintenance.reason"), cell: ({ reason }) => reason },
    { name: "actions", title: t("web.form.actions"), needs: "operator", cell: actions },
  ],
});

const isRunning = ({ from_ms }) => from_ms <= district.now();
const stateOf = (window) => t(isRunning(window) ? "web.maintenance.running" : "web.maintenance.planned");

function scope({ school, provider, area }) {
  const parts = [school && district.name(school), provider && t("web.scope.provider", { provider }), area?.split("/").toReversed().join(", ")];
  return parts.filter(Boolean).join(" · ") || t("web.maintenance.everybody");
}

function actions(window) {
  const text = t(isRunning(window) ? "web.maintenance.end" : "web.maintenance.take_back");
  const ask = () =>
    formDialog({
      title: text,
      lead: `${scope(window)} · ${shortTime(window.from_ms, district.now())} – ${shortTime(window.to_ms, district.now())}`,
      fields: [],
      submit: text,
      danger: true,
      act: async () => {
        await send("POST", `maintenance/${encodeURIComponent(window.id)}/end`);
        await load();
      },
    });
  return h("button", { class: "tool", type: "button", onclick: ask }, text);
}

async function load() {
  try {
    const { items } = await get("maintenance");
    table.show(items);
    sayNone(byId("windows-none"), items.length ? "" : t("web.maintenance.none"));
  } catch (error) {
    sayNone(byId("windows-none"), error.message);
  }
}

byId("announce").addEventListener("click", () => {
  const schools = [...district.schools.values()].sort((a, b) => byName(a.name, b.name));
  const each = (values) => [["", t("web.filter.all")], ...[...new Set(values)].filter(Boolean).sort(byName).map((one) => [one, one.split("/").at(-1)])];
  const paths = schools.flatMap(({ area }) => area.map((_, at) => area.slice(0, at + 1).join("/")));
  const start = Math.ceil(district.now() / HOUR_MS) * HOUR_MS;
  formDialog({
    title: t("web.maintenance.announce"),
    lead: t("web.maintenance.announce_lead"),
    submit: t("web.maintenance.announce"),
    fields: [
      { name: "from_ms", label: t("web.maintenance.from"), kind: "datetime-local", value: start, required: true },
      { name: "to_ms", label: t("web.maintenance.to"), kind: "datetime-local", value: start + 2 * HOUR_MS, required: true },
      { name: "school", label: t("web.list.school"), kind: "select", options: [["", t("web.filter.all")], ...schools.map(({ id, name }) => [id, name])] },
      { name: "provider", label: t("web.filter.provider"), kind: "select", options: each(schools.flatMap(({ lines }) => lines.map(({ provider }) => provider))) },
      { name: "area", label: t("web.filter.area"), kind: "select", options: each(paths) },
      { name: "reason", label: t("web.maintenance.reason"), max: 200, wide: true, empty: "" },
    ],
    act: async (values) => {
      await send("POST", "maintenance", values);
      await load();
    },
  });
});

setInterval(load, RELOAD_MS);
drawCalendar();
byId("announce").hidden = !may("operator");
