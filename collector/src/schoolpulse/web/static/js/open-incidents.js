// The open incidents on the wall: which school, what, since when, why, how far.

import { byId, h, icon, say } from "./dom.js";
import { causeText, kindText, scopeText, severity, statusOfKind, takenText } from "./status.js";
import { duration, shortName, shortTime, t } from "./texts.js";

export class OpenIncidents {
  #incidents = new Map();
  #rows = new Map();
  #name;

  /** @param {(id: string) => string} name of a school */
  constructor(name) {
    this.#name = name;
  }

  /** Everything anew. */
  replace(incidents) {
    this.#incidents = new Map();
    this.update(incidents);
  }

  /** Some changed; the resolved ones go. */
  update(incidents) {
    for (const incident of incidents) {
      if (incident.resolved_at === null) this.#incidents.set(incident.id, incident);
      else this.#incidents.delete(incident.id);
    }
  }

  /** Draws the list as of `now`. */
  draw(now) {
    // An incident that belongs to a larger one is told by that one.
    const told = [...this.#incidents.values()].filter(({ parent }) => !this.#incidents.has(parent));
    told.sort(
      (a, b) =>
        severity(statusOfKind(a.kind)) - severity(statusOfKind(b.kind)) || b.start - a.start,
    );
    this.#rows = new Map(told.map((incident) => [incident, this.#row(incident, now)]));
    byId("open-list").replaceChildren(...[...this.#rows.values()].map(({ item }) => item));
    byId("open-list").hidden = told.length === 0;
    byId("open-none").hidden = told.length > 0;
    say(byId("open-count"), told.length ? String(told.length) : "");
  }

  /** Brings the durations up to date. */
  tick(now) {
    for (const [incident, { age }] of this.#rows) say(age, duration(now - incident.start));
  }

  #row(incident, now) {
    const status = statusOfKind(incident.kind);
    const sign = icon(status);
    sign.classList.add(`ink-${status}`);
    const age = h("span", { class: "for" }, duration(now - incident.start));
    const href = incident.school ? `/schools/${encodeURIComponent(incident.school)}` : null;
    const where = incident.school ? shortName(this.#name(incident.school)) : scopeText(incident);
    const facts = [
      t("web.wall.since", { time: shortTime(incident.start, now) }),
      (incident.school && scopeText(incident)) || incident.provider,
      causeText(incident),
    ];
    const taken = incident.acknowledged_by && [takenText(incident), shortTime(incident.acknowledged_ms, now)].join(" · ");
    const item = h(
      "li",
      {},
      h(
        "a",
        { href },
        sign,
        h("strong", {}, where),
        age,
        h("p", { class: "kind" }, kindText(incident)),
        h("p", {}, facts.filter(Boolean).join(" · ")),
        taken && h("p", { class: "taken" }, taken),
      ),
    );
    return { item, age };
  }
}
