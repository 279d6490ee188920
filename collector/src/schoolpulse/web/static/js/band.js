// The school's connection over time as one band: measured, not measured, and its incidents upon it.

import { marks } from "./axis.js";
import { byId, h, say } from "./dom.js";
import { RHYTHM_MS } from "./series.js";
import { kindText, statusOfKind } from "./status.js";
import { duration, percent, shortTime, t } from "./texts.js";

/** The stretches in which windows follow one another, as [from, to]; the newest lasts until now. */
function stretches(starts, step, to) {
  const found = [];
  const bridge = Math.max(step, RHYTHM_MS);
  for (const at of starts) {
    const last = found.at(-1);
    const end = Math.min(at + step, to);
    if (last && at - last[1] <= bridge) last[1] = end;
    else found.push([at, end]);
  }
  const newest = found.at(-1);
  if (newest && to - newest[1] <= bridge) newest[1] = to;
  return found;
}

/**
 * @param {{from: number, to: number, step: number}} range
 * @param {number[]} starts of the windows that hold samples
 * @param {any[]} incidents of the school
 */
export function drawBand(range, starts, incidents) {
  const { from, to, step } = range;
  const span = to - from;
  const part = (name, start, end, title) => {
    const left = Math.max(start, from);
    const right = Math.min(end, to);
    if (right <= left) return null;
    const bar = h("i", { class: `fill-${name}`, title });
    bar.style.left = `${(100 * (left - from)) / span}%`;
    bar.style.width = `${(100 * (right - left)) / span}%`;
    return bar;
  };
  const measured = stretches(starts, step, to);
  const bars = measured.map(([start, end]) => part("online", start, end, t("web.chart.measured")));
  for (const incident of incidents.toReversed()) {
    const end = incident.end ?? to;
    const title = `${kindText(incident)} · ${shortTime(incident.start, to)} · ${duration(end - incident.start)}`;
    bars.push(part(statusOfKind(incident.kind), incident.start, end, title));
  }
  byId("band").replaceChildren(...bars.filter(Boolean));
  const covered = measured.reduce((sum, [start, end]) => sum + end - Math.max(start, from), 0);
  const summary = starts.length
    ? t("web.chart.presence_summary", { percent: percent(Math.min(1, covered / span)) })
    : t("web.chart.empty");
  say(byId("presence-summary"), summary);
  byId("band").setAttribute("aria-label", summary);
  drawAxis(from, to);
}

function drawAxis(from, to) {
  const axis = byId("band-axis");
  const most = Math.max(4, Math.floor(axis.clientWidth / 90));
  axis.replaceChildren(
    ...marks(from, to, most)
      .map(({ at, text }) => ({ share: (at - from) / (to - from), text }))
      .filter(({ share }) => share > 0.015 && share < 0.985)
      .map(({ share, text }) => {
        const mark = h("span", {}, text);
        mark.style.left = `${100 * share}%`;
        return mark;
      }),
  );
}
