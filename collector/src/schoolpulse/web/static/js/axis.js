// Where the marks of a time axis stand: at round times of Asia/Ho_Chi_Minh (seven hours ahead, all year).

import { time } from "./texts.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const AHEAD = 7 * HOUR;
const STEPS = [1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60_000);
STEPS.push(...[1, 2, 3, 6, 12].map((hours) => hours * HOUR), DAY, 2 * DAY, 3 * DAY, 5 * DAY, 7 * DAY);

/** At most `most` marks between two times, each `{ at, text }`. */
export function marks(from, to, most) {
  const step = STEPS.find((width) => (to - from) / width <= most) ?? STEPS.at(-1);
  const found = [];
  for (let at = Math.ceil((from + AHEAD) / step) * step - AHEAD; at <= to; at += step) {
    const midnight = (at + AHEAD) % DAY === 0;
    found.push({ at, text: step >= DAY || midnight ? time(at, "day") : time(at) });
  }
  return found;
}
