// Where a school hangs and hung: from which day a move counts, and every area with its first day.

import { h } from "./dom.js";
import { t, time } from "./texts.js";

const AHEAD_MS = 7 * 3_600_000; // Asia/Ho_Chi_Minh, all year

const day = (ms) => new Date(ms + AHEAD_MS).toISOString().slice(0, 10);

/** The field of the day: today, unless there is no area that it could have moved from. */
export const areaFromField = (school) => ({
  name: "area_from",
  label: t("web.edit.area.from"),
  kind: "date",
  value: school.area.length ? day(Date.now()) : null,
  hint: t("web.edit.area.from_hint"),
});

/** Every area of a record by time, those to come too; nothing of a school that never moved. */
export function areaHistory({ areas }) {
  if (areas.length < 2) return "";
  const facts = areas.flatMap(({ area, valid_from_ms: from }) => [
    h("dt", {}, from === null ? t("web.edit.always") : t("web.edit.area.since", { day: `${time(from, "day")}/${day(from).slice(0, 4)}` })),
    h("dd", {}, area.join(" / ") || t("web.edit.area.nowhere")),
  ]);
  return h("dl", { class: "facts", id: "areas" }, ...facts);
}
