// What stands around every page: clock, theme, language, and how the page's own connection is doing.

import { byId, remember, say } from "./dom.js";
import { capital, duration, t, time } from "./texts.js";

const OLD_MS = 10_000;
const SILENT_MS = 3 * 60_000;

/** Runs the frame. `live` gives the time and the connection, `heard()` when any school last spoke. */
export function runFrame(live, heard) {
  const since = { lost: null };
  byId("theme").addEventListener("click", () => {
    const light = document.documentElement.dataset.theme !== "light";
    document.documentElement.dataset.theme = light ? "light" : "dark";
    remember("theme", light ? "light" : "dark");
    document.dispatchEvent(new Event("themechange"));
  });
  const tick = () => {
    const now = live.now();
    say(byId("clock-time"), time(now, "clock"));
    say(byId("clock-date"), capital(time(now, "date")));
    showConnection(live.state, now, heard(), since);
  };
  tick();
  setInterval(tick, 1_000);
  return tick;
}

function showConnection(state, now, heardMs, since) {
  since.lost = state === "lost" ? (since.lost ?? now) : null;
  document.body.dataset.connection = state;
  const pulse = byId("pulse");
  pulse.dataset.state = state;
  say(pulse, pulseText(state, now, heardMs));
  const notice = byId("notice");
  const quiet = state === "live" && heardMs !== null && now - heardMs > SILENT_MS;
  notice.hidden = state !== "lost" && !quiet;
  notice.dataset.kind = quiet ? "silent" : "lost";
  if (state === "lost") say(notice, t("web.connection.lost_detail", { time: time(since.lost, "clock") }));
  else if (quiet) {
    say(notice, t("web.connection.silent_detail", { age: duration(now - heardMs, { coarse: true }) }));
  }
}

function pulseText(state, now, heardMs) {
  if (state === "lost") return t("web.connection.lost");
  if (state === "connecting") return t("web.connection.connecting");
  const age = now - heardMs;
  let freshness = t("web.connection.never_heard");
  if (heardMs !== null) {
    const old = t("web.connection.heard", { age: duration(age, { coarse: true }) });
    freshness = age < OLD_MS ? t("web.connection.heard_now") : old;
  }
  return `${t("web.connection.live")} · ${freshness}`;
}
