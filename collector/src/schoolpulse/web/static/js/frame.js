// What stands around every page: navigation, clock, theme, language, who is logged in, and how the page's own
// connection is doing.

import { send } from "./api.js";
import { byId, h, remember, say } from "./dom.js";
import { session } from "./session.js";
import { capital, duration, t, time } from "./texts.js";

const OLD_MS = 10_000;
const SILENT_MS = 3 * 60_000;

/**
 * Runs the frame. `live` gives the time and the connection, `heard()` when any school last spoke; a page that
 * asks once and does not watch has neither.
 */
export function runFrame(live = null, heard = () => null) {
  const since = { lost: null };
  runTheme();
  runMenu();
  showAccount();
  byId("pulse").hidden = live === null;
  const tick = () => {
    const now = live?.now() ?? Date.now();
    say(byId("clock-time"), time(now, "clock"));
    say(byId("clock-date"), capital(time(now, "date")));
    if (live) showConnection(live.state, now, heard(), since);
  };
  tick();
  setInterval(tick, 1_000);
  return tick;
}

/** The button that turns dark ground to light and back. */
export function runTheme() {
  byId("theme").addEventListener("click", () => {
    const chosen = document.documentElement.dataset.theme === "light" ? "dark" : "light";
    remember("theme", chosen);
    document.dispatchEvent(new CustomEvent("themechosen", { detail: chosen }));
  });
}

function runMenu() {
  const [button, nav] = [byId("menu"), byId("nav")];
  const open = (wanted) => {
    nav.toggleAttribute("data-open", wanted);
    button.setAttribute("aria-expanded", String(wanted));
  };
  button.addEventListener("click", () => open(!nav.hasAttribute("data-open")));
  nav.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !nav.hasAttribute("data-open")) return;
    event.stopPropagation();
    open(false);
    button.focus();
  });
  // The switch keeps what the address says besides the language.
  const language = document.querySelector("[data-language]");
  language.addEventListener("click", () => {
    const query = new URLSearchParams(location.search);
    query.set("lang", language.hreflang);
    language.href = `?${query}${location.hash}`;
  });
}

function showAccount() {
  const account = byId("account");
  account.hidden = false;
  if (session.state === "open") {
    const words = h("span", { class: "badge", title: t("web.app.open_meaning") }, t("web.app.open"));
    account.append(h("a", { href: "/users", "data-needs": "admin" }, words));
  } else if (session.state === "in") {
    account.append(
      h("a", { href: "/users#me", title: t(`web.role.${session.role}`) }, session.name),
      h("button", { class: "tool", type: "button", onclick: logOut }, t("web.app.log_out")),
    );
  }
}

async function logOut() {
  await send("DELETE", "session");
  location.assign("/login");
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
