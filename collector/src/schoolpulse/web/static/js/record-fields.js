// The fields by which schools, lines, devices and contacts are recorded, shared by the pages that write them.

import { t, technology, tOr } from "./texts.js";

const TECHNOLOGIES = ["fibre", "cable", "dsl", "leased", "5g", "4g", "satellite", "unknown"];
const DEVICE_KINDS = ["access_point", "switch", "router", "ups", "printer", "projector", "display", "pc", "camera", "generic"];
const ID = "[A-Za-z0-9_\\-]{1,64}";

/** A device's kind in words. */
export const kindOf = (word) => tOr(`web.device.${word}`, word);

const among = (words, text, known) => [...new Set([...words, ...(known ? [known] : [])])].map((word) => [word, text(word)]);

const levelField = (value) => ({
  name: "level",
  label: t("web.list.level"),
  kind: "select",
  value,
  empty: "",
  options: [["", "–"], ...["mam_non", "tieu_hoc", "thcs"].map((word) => [word, t(`web.level.${word}`)])],
});

/** Fields of who a school is and where; `school` is as it is recorded, empty for a new one. */
export function schoolFields(school = {}) {
  return [
    { name: "name", label: t("web.edit.name"), required: true, max: 200, value: school.name },
    levelField(school.level),
    { name: "area", label: t("web.filter.area"), value: school.area?.join(" / "), hint: t("web.edit.area_hint"), max: 400, empty: "" },
    { name: "lat", label: t("web.edit.lat"), kind: "number", step: "any", min: -90, max: 90, value: school.lat },
    { name: "lon", label: t("web.edit.lon"), kind: "number", step: "any", min: -180, max: 180, value: school.lon },
  ];
}

const idField = { name: "id", label: t("web.edit.id"), required: true, max: 64, pattern: ID, hint: t("web.edit.id_hint") };
/** Fields of a school that is not recorded yet. */
export function newSchoolFields() {
  const [name, ...rest] = schoolFields();
  return [name, idField, ...rest];
}

/** The field of an agent's id. */
export const agentField = (value) => ({ name: "agent_id", label: t("web.edit.agent_id"), max: 64, pattern: "[a-z0-9\\-]{1,64}", value, hint: t("web.edit.agent_id_hint") });

/** What a school's form says, as the API takes it. */
export function schoolOf({ area, level, ...rest }) {
  return { ...rest, level: level ?? "", area: (area ?? "").split("/").map((name) => name.trim()).filter(Boolean) };
}

/** Fields of a line's contract. */
export function lineFields(line = {}) {
  return [
    { name: "provider", label: t("web.filter.provider"), max: 64, value: line.provider, empty: "" },
    { name: "technology", label: t("web.edit.technology"), kind: "select", required: true, value: line.technology ?? "fibre", options: among(TECHNOLOGIES, technology, line.technology) },
    { name: "contracted_down_mbps", label: t("web.edit.down_mbps"), kind: "number", min: 0, step: "any", value: line.contracted_down_mbps },
    { name: "contracted_up_mbps", label: t("web.edit.up_mbps"), kind: "number", min: 0, step: "any", value: line.contracted_up_mbps },
    { name: "cost_per_month", label: t("web.edit.cost"), kind: "number", min: 0, step: "any", value: line.cost_per_month },
  ];
}

/** What a line's form says, as the API takes it: a cost is in đồng where nothing else is recorded. */
export const lineOf = (values, line = {}) => ({ ...values, currency: values.cost_per_month === null ? "" : line.currency || "VND" });

export const roleField = {
  name: "role",
  label: t("web.edit.role"),
  kind: "select",
  options: [["primary", t("web.school.primary")], ["backup", t("web.school.backup")]],
};

/** Fields of a device's record. */
export function deviceFields(device = {}) {
  return [
    { name: "kind", label: t("web.devices.kind"), kind: "select", required: true, value: device.kind, options: among(DEVICE_KINDS, kindOf, device.kind) },
    { name: "name", label: t("web.edit.device_name"), max: 200, value: device.name, empty: "" },
    { name: "room", label: t("web.devices.room"), max: 200, value: device.room, empty: "" },
    { name: "model", label: t("web.devices.model"), max: 200, value: device.model, empty: "" },
    { name: "serial", label: t("web.devices.serial"), max: 200, value: device.serial, empty: "" },
    { name: "parent", label: t("web.devices.parent"), max: 128, value: device.parent, empty: "" },
    { name: "bought_on", label: t("web.devices.bought"), kind: "date", value: device.bought_on },
    { name: "warranty_until", label: t("web.devices.warranty"), kind: "date", value: device.warranty_until },
  ];
}
