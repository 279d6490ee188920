// What was changed, in the reader's words: things, deeds, the names of fields and what stands in them.

import { h } from "./dom.js";
import { kindOf } from "./record-fields.js";
import { number, shortTime, t, technology, tOr } from "./texts.js";

const ISO_DAY = /^\d{4}-\d\d-\d\d$/;
const VALUES = {
  technology,
  backup_technology: technology,
  kind: kindOf,
  level: (value) => tOr(`web.level.${value}`, value),
  contracted_down_mbps: megabits,
  contracted_up_mbps: megabits,
};

/** What a thing of the record is called, then what was done to it. */
export const deedText = (thing, deed) => `${tOr(`web.record.${thing}`, thing)} · ${tOr(`web.record.${deed}`, deed)}`;

/** Who did it: a name, or a way in that has none. */
export const callerText = (caller) => tOr(`web.caller.${caller}`, caller);

/** A field of the registry by its name. */
export const fieldText = (field) => tOr(`web.field.${field}`, field);

/** What is changed: a line's role in words, everything else by its name. */
export const subjectText = (kind, subject) =>
  kind === "line" && ["primary", "backup"].includes(subject) ? t(`web.school.${subject}`) : subject;

/** A field with what stood in it and what stands there now. */
export function fieldCell({ field, old, new: now }) {
  const was = old ? [h("span", { class: "was" }, valueText(field, old)), " → "] : [];
  return h("small", {}, `${fieldText(field)}: `, ...was, now ? valueText(field, now) : "–");
}

const valueText = (field, value) => VALUES[field]?.(value) ?? (ISO_DAY.test(value) ? value.split("-").reverse().join("/") : value);

/** What the log of deeds keeps beside a deed, in words as far as it has them. */
export function detailText(detail) {
  const told = Object.entries(detail).filter(([, value]) => value !== null && value !== "");
  return told.map(([name, value]) => `${fieldText(name.replace(/_ms$/, ""))}: ${detailValue(name, value)}`).join(", ");
}

function detailValue(name, value) {
  if (name.endsWith("_ms") && Number.isFinite(value)) return shortTime(value, Date.now());
  if (name === "role") return tOr(`web.role.${value}`, tOr(`web.school.${value}`, value));
  return typeof value === "object" ? JSON.stringify(value) : valueText(name, String(value));
}

function megabits(value) {
  return Number.isFinite(Number(value)) ? `${number(Number(value), 1)} Mbps` : value;
}
