// Every school and every open incident as they stand, kept up to date from the live events.

import { runFrame } from "./frame.js";
import { Live } from "./live.js";

export class District {
  schools = new Map();
  incidents = new Map();
  kpi = null;
  #heardMs = null;
  #tickFrame;

  /** `changed(kind, data)` is called after each snapshot and change. */
  constructor(changed) {
    this.live = new Live("/api/v1/events", (kind, data) => this.#hear(kind, data, changed));
    this.#tickFrame = runFrame(this.live, () => this.#heardMs);
  }

  /** The collector's time. */
  now() {
    return this.live.now();
  }

  /** What a school is called; its id where it is not known. */
  name(id) {
    return this.schools.get(id)?.name ?? id;
  }

  #hear(kind, data, changed) {
    if (kind === "state") return this.#tickFrame();
    this.#heardMs = data.heard_ms;
    if (kind === "tick") return undefined;
    if (kind === "snapshot") {
      this.schools.clear();
      this.incidents.clear();
    }
    for (const school of data.schools) this.schools.set(school.id, school);
    for (const incident of data.incidents) {
      if (incident.resolved_at === null) this.incidents.set(incident.id, incident);
      else this.incidents.delete(incident.id);
    }
    this.kpi = data.kpi;
    if (kind === "snapshot") this.#tickFrame();
    return changed(kind, data);
  }
}
