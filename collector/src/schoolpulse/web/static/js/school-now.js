// How a school is now: its state, its lines against their contracts, latency by scope, its gateway.

import { byId, h, icon, say } from "./dom.js";
import { statusText } from "./status.js";
import { duration, figure, number, percent, shortTime, t, technology, tOr } from "./texts.js";

export const SCOPES = ["lan_gateway", "isp_edge", "national", "international"];
const MBPS = 1e6;
const OLD_MS = 3 * 60_000;
const SILENT = new Set(["down", "stopped", "unknown"]);

/** Whether the figures are of the past: nobody measures, or what is measured does not reach us. */
function isOld(school, now) {
  return SILENT.has(school.status) || now - (school.now?.heard_ms ?? 0) > OLD_MS;
}

/** Draws everything that is so now. */
export function drawNow(school, now) {
  document.title = `${school.name} · ${t("web.app.name")}`;
  drawState(school, now);
  const old = isOld(school, now);
  drawLines(school, old);
  drawReach(school, old);
  drawGateway(school, now);
}

function drawState(school, now) {
  const hero = byId("hero");
  if (hero.dataset.status !== school.status || !byId("hero-sign").children.length) {
    hero.dataset.status = school.status;
    byId("hero-sign").replaceChildren(icon(school.status));
  }
  say(byId("name"), school.name);
  const level = tOr(`web.level.${school.level}`, "");
  say(byId("place"), [level, ...school.area.toReversed()].filter(Boolean).join(" · "));
  say(byId("state"), statusText(school.status));
  const meaning = school.agent_id === null ? t("web.school.no_agent") : t(`web.status_meaning.${school.status}`);
  say(byId("meaning"), meaning);
  tickState(school, now);
}

/** Brings the state's duration up to date. */
export function tickState(school, now) {
  const known = school.since_ms !== null;
  say(byId("since"), known ? t("web.school.since", { time: shortTime(school.since_ms, now) }) : "");
  say(byId("for"), known ? `(${duration(now - school.since_ms)})` : "");
}

function drawLines(school, old) {
  const lines = school.lines.map((line) => lineElement(line, old ? null : school.now));
  byId("lines").replaceChildren(
    ...(lines.length ? lines : [h("p", { class: "none" }, t("web.school.lines_none"))]),
  );
}

function lineElement(line, now) {
  const inUse = now?.uplink?.role === line.role;
  const [down, up] = [line.contracted_down_mbps, line.contracted_up_mbps];
  const mbps = (value) => t("web.school.mbps", { value: figure(value) });
  const contract = [down && `↓ ${mbps(down)}`, up && `↑ ${mbps(up)}`].filter(Boolean).join("  ");
  const kind = t(line.role === "backup" ? "web.school.backup" : "web.school.primary");
  return h(
    "div",
    { class: "line" },
    h("h3", {}, [line.provider, technology(line.technology)].filter(Boolean).join(" · "), " ", h("small", {}, kind)),
    inUse ? h("span", { class: "badge" }, t("web.school.in_use")) : null,
    inUse && now.traffic ? gauges(now.traffic, down, up) : null,
    contract ? h("p", { class: "contract" }, `${t("web.school.contracted")}: ${contract}`) : null,
  );
}

function gauges(traffic, down, up) {
  return h(
    "div",
    { class: "gauges" },
    gauge(t("web.school.down_now"), traffic.rx_bps, down),
    gauge(t("web.school.up_now"), traffic.tx_bps, up),
  );
}

function gauge(label, bps, contracted) {
  if (bps === null) return h("div", { class: "gauge" }, label, h("b", {}, t("web.school.not_measured")));
  const mbps = bps / MBPS;
  const share = contracted ? mbps / contracted : null;
  const bar = share === null ? null : h("i", {});
  bar?.style.setProperty("--share", Math.min(1, share));
  return h(
    "div",
    { class: "gauge" },
    label,
    h("b", {}, t("web.school.mbps", { value: mbps > 0 && mbps < 0.1 ? `< ${figure(0.1)}` : figure(mbps) })),
    bar,
    share === null ? null : t("web.school.share_of_contract", { percent: percent(share, 0) }),
  );
}

function drawReach(school, old) {
  say(byId("reach-label"), t(old && school.now ? "web.school.reach_last" : "web.school.reach"));
  const reach = school.now?.reachability ?? {};
  byId("reach").replaceChildren(
    ...SCOPES.flatMap((scope) => {
      const answer = reach[scope];
      let value = h("dd", { class: "none" }, t("web.school.not_measured"));
      const kind = old ? "old" : null;
      if (answer && !answer.up) value = h("dd", { class: kind ?? "bad" }, t("web.school.no_answer"));
      else if (answer) {
        value = h("dd", { class: kind }, answer.rtt_ms === null ? "–" : t("web.wall.rtt", { ms: figure(answer.rtt_ms) }));
      }
      return [h("dt", {}, t(`web.reach.${scope}`)), value];
    }),
  );
}

function drawGateway(school, now) {
  const known = school.now ?? {};
  const ago = known.heard_ms ? t("web.school.ago", { age: duration(now - known.heard_ms, { coarse: true }) }) : null;
  const devices = known.devices_total
    ? t("web.school.devices_of", { up: number(known.devices_up), total: number(known.devices_total) })
    : null;
  const facts = [
    ["heard", ago],
    ["uptime", known.uptime_s ? duration(known.uptime_s * 1000) : null],
    ["devices", devices],
    ["hardware", known.hardware],
    ["version", known.agent_version],
  ];
  byId("gateway").replaceChildren(
    ...facts.flatMap(([name, value]) => [
      h("dt", {}, t(`web.school.${name}`)),
      value ? h("dd", {}, value) : h("dd", { class: "none" }, "–"),
    ]),
  );
}
