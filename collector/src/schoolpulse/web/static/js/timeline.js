// What happened to an incident, in order: what the engine found, and why, and what people said.

import { h } from "./dom.js";
import { capital, duration, number, shortTime, t, time, tOr } from "./texts.js";

/** The list items of an incident's record. */
export function timeline(detail, notes, now) {
  const items = [
    { at: detail.start, kind: "world", what: t("web.timeline.began"), why: [] },
    ...(detail.detected_at > detail.start ? [{ at: detail.detected_at, kind: "seen", what: t("web.timeline.detected"), why: [] }] : []),
    ...detail.transitions.map((transition) => ({
      at: transition.at_ms,
      kind: transition.pages && transition.change === "amended" ? "page" : transition.change,
      what: headline(transition, detail),
      why: transition.evidence.map(factText).filter(Boolean),
    })),
    ...notes.map((note) => ({
      at: note.at_ms,
      kind: note.kind,
      what: t(note.kind === "ack" ? "web.timeline.acknowledged" : "web.timeline.noted", { who: note.person }),
      why: note.text ? [note.text] : [],
    })),
    ...(detail.end === null ? [] : [{ at: detail.end, kind: "world", what: t("web.timeline.ended"), why: [] }]),
  ];
  items.sort((a, b) => a.at - b.at);
  return items.map((item) => element(item, detail.start, now));
}

function element(item, start, now) {
  const after = item.at - start;
  return h(
    "li",
    { data: { kind: item.kind } },
    h(
      "time",
      { datetime: new Date(item.at).toISOString() },
      `${time(item.at, "clock")} ${shortTime(item.at, now).includes(",") ? time(item.at, "day") : ""}`,
      after >= 1_000 ? h("small", { class: "note" }, `+ ${duration(after)}`) : "",
    ),
    h("strong", {}, item.what),
    ...item.why.map((text) => h("p", { class: "why" }, text)),
  );
}

/** What a transition did, and what it changed. */
function headline(transition, detail) {
  if (transition.change !== "amended") return t(`web.change.${transition.change}`);
  const before = detail.transitions[transition.number - 2]?.incident;
  const after = transition.incident;
  const changed = [];
  if (before?.kind !== after.kind) changed.push(t("web.timeline.now_kind", { what: t(`kind.${after.kind}`) }));
  if (before?.cause !== after.cause) changed.push(t("web.timeline.now_cause", { cause: t(`cause.${after.cause}`) }));
  if (before?.start !== after.start) changed.push(t("web.timeline.now_start", { time: time(after.start, "clock") }));
  if (before?.parent !== after.parent && after.parent) changed.push(t("web.timeline.now_parent"));
  return changed.length ? capital(changed.join("; ")) : t("web.change.amended");
}

/** One piece of evidence in words; as it stands where the page does not know it. */
function factText(fact) {
  const { fact: name, ...values } = fact;
  const told = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, typeof value === "number" ? number(value) : String(value ?? "")]),
  );
  if (values.why) told.why = tOr(`web.why.${values.why}`, values.why);
  const text = tOr(`web.fact.${name}`, null);
  if (text === null) return `${name} ${Object.entries(told).map(([key, value]) => `${key}=${value}`).join(" ")}`.trim();
  if (name === "paged" && values.why) return t("web.fact.paged_because", told);
  return text.replace(/\{(\w+)\}/g, (whole, key) => told[key] ?? whole);
}
