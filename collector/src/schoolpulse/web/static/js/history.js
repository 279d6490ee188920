// The incidents of one school in the chosen range, as a table.

import { byId, h, icon } from "./dom.js";
import { causeText, kindText, statusOfKind } from "./status.js";
import { duration, shortTime, t } from "./texts.js";

/** Draws `incidents`, newest first; null where they could not be loaded. */
export function drawHistory(incidents, now) {
  const none = byId("history-none");
  none.hidden = Boolean(incidents?.length);
  none.textContent = t(incidents === null ? "web.incidents.history_failed" : "web.incidents.history_none");
  byId("history").closest("table").hidden = !incidents?.length;
  byId("history").replaceChildren(...(incidents ?? []).map((incident) => row(incident, now)));
}

function row(incident, now) {
  const status = statusOfKind(incident.kind);
  const sign = icon(status);
  sign.classList.add(`ink-${status}`);
  return h(
    "tr",
    {},
    h("td", {}, h("span", { class: "what" }, sign, kindText(incident))),
    h("td", {}, causeText(incident)),
    h("td", {}, shortTime(incident.start, now)),
    h("td", {}, incident.end === null ? t("web.incidents.still_open") : shortTime(incident.end, now)),
    h("td", {}, duration((incident.end ?? now) - incident.start)),
  );
}
