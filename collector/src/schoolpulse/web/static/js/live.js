// The page's line to the collector: what is so, and then what changes. Says when it is lost, also when
// nothing arrives although the connection seems to stand.

import { get } from "./api.js";

const SILENCE_MS = 15_000;
const RETRY_MS = 3_000;

export class Live {
  #url;
  #hear;
  #source = null;
  #lastEvent = 0;
  #offset = 0;
  #state = "connecting";
  #everything = false;

  /**
   * @param {string} url of the events
   * @param {(kind: "snapshot"|"change"|"tick"|"state", data: any) => void} hear
   */
  constructor(url, hear) {
    this.#url = url;
    this.#hear = hear;
    this.#open();
    setInterval(() => this.#watch(), 1_000);
  }

  /** `connecting`, `live` or `lost`. */
  get state() {
    return this.#state;
  }

  /** The collector's time, in milliseconds since 1970. */
  now() {
    return Date.now() + this.#offset;
  }

  #open() {
    this.#source?.close();
    this.#source = new EventSource(this.#url);
    this.#lastEvent = Date.now();
    for (const kind of ["snapshot", "change", "tick"]) {
      this.#source.addEventListener(kind, (event) => this.#take(kind, JSON.parse(event.data)));
    }
    this.#source.addEventListener("error", () => {
      this.#become("lost");
      // Closed for good: perhaps nobody is logged in any more, and then asking leads to the login page.
      if (this.#source.readyState === EventSource.CLOSED) get("kpi").catch(() => {});
    });
  }

  #take(kind, data) {
    this.#lastEvent = Date.now();
    // Small differences are the network's; following them would make the clock jitter.
    const offset = data.at_ms - Date.now();
    if (Math.abs(offset - this.#offset) > 1_500) this.#offset = offset;
    this.#everything ||= kind === "snapshot";
    if (this.#everything) this.#become("live");
    this.#hear(kind, data);
  }

  #watch() {
    const silent = Date.now() - this.#lastEvent;
    if (silent > SILENCE_MS) this.#become("lost");
    // A browser gives up where the answer is no event stream, a proxy's error page say. We do not.
    const gaveUp = this.#source.readyState === EventSource.CLOSED && silent > RETRY_MS;
    if (gaveUp || silent > SILENCE_MS) this.#open();
  }

  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#hear("state", { state });
  }
}
