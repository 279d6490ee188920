// Asks the API for a school's past, and picks what the charts show.

import { get } from "./api.js";

const HOUR = 3_600_000;
const MINUTE = 60_000;

/** Agents report each minute while nothing changes: a shorter hole is their rhythm, not a silence. */
export const RHYTHM_MS = 2.5 * MINUTE;

/** The ranges one can choose, each with the width of its windows. */
export const RANGES = {
  "15m": { length: 15 * MINUTE, step: MINUTE / 4 },
  "1h": { length: HOUR, step: MINUTE / 2 },
  "24h": { length: 24 * HOUR, step: 5 * MINUTE },
  "7d": { length: 7 * 24 * HOUR, step: 30 * MINUTE },
  "30d": { length: 30 * 24 * HOUR, step: 2 * HOUR },
};

/** The range that suits a school that was first measured at `first`: the last day, or less where all is newer. */
export function suitableRange(first, now) {
  return Object.keys(RANGES).find((name) => first >= now - RANGES[name].length || name === "24h");
}

/** Everything about `school` in `range`: latency, loss, traffic, when it was measured, and its incidents. */
export async function loadPast(school, { from, to, step }) {
  const series = async (measurement, field, ...by) => {
    const parameters = [
      ...Object.entries({ measurement, field, from: Math.floor(from), to: Math.ceil(to), step }),
      ...by.map((tag) => ["by", tag]),
    ];
    return (await get(`schools/${encodeURIComponent(school)}/series`, parameters)).series;
  };
  const [rtt, loss, received, sent, uptime] = await Promise.all([
    series("reachability", "rtt_ms", "scope", "method"),
    series("reachability", "loss_ratio", "scope", "method"),
    series("interface", "rx_bps", "name"),
    series("interface", "tx_bps", "name"),
    series("system", "uptime_s"),
  ]);
  return { rtt: byScope(rtt), loss: byScope(loss), received, sent, starts: uptime[0]?.at_ms ?? [] };
}

/** The school's incidents that touch the range, newest first. */
export async function loadIncidents(school, { from, to }) {
  const parameters = { school, from: Math.floor(from), to: Math.ceil(to), limit: 100 };
  return (await get("incidents", parameters)).items;
}

/** One series a scope: by probes of addresses, of which icmp is preferred to tcp. */
function byScope(all) {
  const preference = ["icmp", "tcp"];
  const chosen = new Map();
  for (const series of all) {
    const at = preference.indexOf(series.tags.method);
    const known = chosen.get(series.tags.scope);
    if (at >= 0 && (!known || at < preference.indexOf(known.tags.method))) chosen.set(series.tags.scope, series);
  }
  return chosen;
}

/** Of several interfaces the one that is the school's line: the uplink in use, else the busiest. */
export function ofUplink(all, uplink) {
  const volume = (series) => series.mean.reduce((sum, value) => sum + value, 0);
  const named = uplink && all.find(({ tags }) => [uplink.interface, uplink.name].includes(tags.name));
  return named || all.toSorted((a, b) => volume(b) - volume(a))[0] || null;
}
