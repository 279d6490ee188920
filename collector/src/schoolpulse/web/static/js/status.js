// The states of a school, worst first: the order of the wall, of its figures and of its legend.

import { capital, t } from "./texts.js";

export const STATUSES = ["down", "on_backup", "degraded", "unknown", "stopped", "online"];

/** Those that somebody should look at now; their tiles are larger. */
export const ALARMING = new Set(["down", "on_backup", "degraded"]);

const rank = new Map(STATUSES.map((status, number) => [status, number]));

/** How bad a state is: 0 is the worst. */
export const severity = (status) => rank.get(status) ?? STATUSES.length;

/** The word of a state. */
export const statusText = (status) => t(`web.status.${status}`);

/** The state that an incident of that kind looks like. */
export function statusOfKind(kind) {
  if (kind === "on_backup") return "on_backup";
  return kind === "outage" || kind === "blind" ? "down" : "degraded";
}

/** What an incident is. */
export const kindText = (incident) => t(`kind.${incident.kind}`);

/** Why it is, as far as known. */
export const causeText = (incident) => capital(t(`cause.${incident.cause}`));

/** Who took an incident on. */
export const takenText = (incident) => t("web.timeline.acknowledged", { who: incident.acknowledged_by });

/** What an incident's scope is called; of a single school that goes without saying. */
export function scopeText(incident) {
  if (incident.scope === "school") return "";
  return t(`web.scope.${incident.scope}`, { provider: incident.provider ?? "" });
}
