// The lines of a school with their history: a new contract from a day on, and what was recorded wrongly.

import { send } from "./api.js";
import { formDialog } from "./dialog.js";
import { byId, h } from "./dom.js";
import { lineFields, lineOf, roleField } from "./record-fields.js";
import { Table } from "./table.js";
import { number, t, technology, time } from "./texts.js";

const AHEAD_MS = 7 * 3_600_000; // Asia/Ho_Chi_Minh, all year
let table = null;
let path = "";
let reload = null;

const day = (ms) => (ms === null ? null : new Date(ms + AHEAD_MS).toISOString().slice(0, 10));
const speeds = (line) => [line.contracted_down_mbps, line.contracted_up_mbps].map((one) => (one === null ? "–" : number(one, 1))).join(" / ");

/** Sets the section up; `load` asks for the record anew. */
export function runLines(school, load) {
  [path, reload] = [`${school}/lines`, load];
  table = new Table(byId("lines"), {
    name: "lines",
    label: t("web.school.lines"),
    none: t("web.school.lines_none"),
    key: ({ id }) => String(id),
    sort: "role",
    columns: [
      { name: "role", title: t("web.edit.role"), value: ({ role, valid_from_ms: from }) => `${role === "primary" ? 0 : 1}${9e15 - (from ?? 0)}`, cell: ({ role, current }) => [h("span", {}, t(`web.school.${role}`)), current ? h("span", { class: "badge" }, t("web.edit.current")) : null] },
      { name: "provider", title: t("web.filter.provider"), value: ({ provider }) => provider, cell: ({ provider }) => provider },
      { name: "technology", title: t("web.edit.technology"), value: (line) => technology(line.technology), cell: (line) => technology(line.technology) },
      { name: "speed", title: t("web.edit.speeds"), figure: true, value: ({ contracted_down_mbps: down }) => down, cell: speeds },
      { name: "cost", title: t("web.edit.cost"), figure: true, value: ({ cost_per_month: cost }) => cost, cell: ({ cost_per_month: cost, currency }) => (cost === null ? "" : `${number(cost)} ${currency}`) },
      { name: "from", title: t("web.edit.valid_from"), value: ({ valid_from_ms: ms }) => ms, cell: ({ valid_from_ms: ms }) => (ms === null ? t("web.edit.always") : dated(ms)) },
      { name: "to", title: t("web.edit.valid_to"), value: ({ valid_to_ms: ms }) => ms, cell: ({ valid_to_ms: ms }) => (ms === null ? "" : dated(ms)) },
      { name: "actions", title: t("web.form.actions"), needs: "admin", cell: actions },
    ],
  });
  byId("add-line").addEventListener("click", add);
}

/** Shows these periods. */
export const drawLines = (lines) => table.show(lines);

const dated = (ms) => `${time(ms, "day")}/${new Date(ms + AHEAD_MS).getUTCFullYear()}`;

function add() {
  formDialog({
    title: t("web.edit.add_line"),
    lead: t("web.edit.add_line_lead"),
    submit: t("web.edit.add_line"),
    fields: [roleField, ...lineFields(), { name: "valid_from", label: t("web.edit.valid_from"), kind: "date" }],
    act: async (values) => {
      await send("POST", path, lineOf(values));
      await reload();
    },
  });
}

function actions(line) {
  const correct = () =>
    formDialog({
      title: t("web.edit.correct_line"),
      lead: t("web.edit.correct_lead"),
      submit: t("web.form.save"),
      fields: [
        ...lineFields(line),
        { name: "valid_from", label: t("web.edit.valid_from"), kind: "date", value: day(line.valid_from_ms) },
        { name: "valid_to", label: t("web.edit.valid_to"), kind: "date", value: day(line.valid_to_ms) },
      ],
      act: async (values) => {
        await send("PATCH", `${path}/${line.id}`, lineOf(values, line), line.etag);
        await reload();
      },
    });
  const remove = () =>
    formDialog({
      title: t("web.edit.remove_line"),
      lead: t("web.edit.remove_line_lead"),
      fields: [],
      submit: t("web.form.remove"),
      danger: true,
      act: async () => {
        await send("DELETE", `${path}/${line.id}`, undefined, line.etag);
        await reload();
      },
    });
  return h(
    "div",
    { class: "actions" },
    h("button", { class: "tool", type: "button", onclick: correct }, t("web.form.change")),
    h("button", { class: "tool", type: "button", onclick: remove }, t("web.form.remove")),
  );
}
