// How a device is shown: what the record says beside what is measured.

import { h, sign } from "./dom.js";
import { kindOf } from "./record-fields.js";
import { t } from "./texts.js";

const LOOKS = { both: "online", seen_only: "degraded", recorded_only: "unknown" };

/** The state of its measurement: up, down, or nothing heard. */
export function measured({ measured: now }) {
  if (!now) return sign("unknown", t("web.devices.unseen"));
  const words = now.up ? t("web.devices.up") : t("web.devices.down");
  return [sign(now.up ? "online" : "down", words), now.in_use ? h("small", {}, t("web.devices.in_use")) : null];
}

/** A word to sort and filter it by. */
export const upWord = ({ measured: now }) => (now ? (now.up ? "up" : "down") : "unseen");

/** Which of both sides there is. */
export const recordedSign = ({ state }) => (state === "both" ? t("web.devices.both") : sign(LOOKS[state], t(`web.devices.${state}`)));

/** What it is; where record and measurement differ, both. */
export function kindCell({ recorded, measured: now }) {
  const word = recorded?.kind ?? now?.kind ?? "";
  const differs = recorded && now && now.kind && recorded.kind !== now.kind;
  return [kindOf(word), differs ? h("small", {}, t("web.devices.kind_differs", { kind: kindOf(now.kind) })) : null];
}

/** What it is called, with its id. */
export function nameCell({ recorded, device_id: id }) {
  return recorded?.name ? [h("strong", {}, recorded.name), h("small", {}, id)] : h("strong", {}, id);
}
