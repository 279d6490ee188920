// A school's page: what is so now arrives by itself; the past is asked for in the chosen range.

import { get } from "./api.js";
import { drawBand } from "./band.js";
import { constantPoints, pointsOf, rangeText, TimeChart } from "./charts.js";
import { byId, say } from "./dom.js";
import { runFrame } from "./frame.js";
import { drawHistory } from "./history.js";
import { Live } from "./live.js";
import { drawNow, SCOPES, tickState } from "./school-now.js";
import { followRooms, runRecord } from "./school-record.js";
import { loadIncidents, loadPast, ofUplink, RANGES, suitableRange } from "./series.js";
import { t } from "./texts.js";

const MBPS = 1e6;
const RELOAD_MS = 60_000;
const RETRY_MS = 10_000;
const COLORS = { lan_gateway: "--chart-4", isp_edge: "--chart-2", national: "--chart-1", international: "--chart-3" };

let school = null;
let chosen = Boolean(RANGES[location.hash.slice(1)]);
let rangeName = chosen ? location.hash.slice(1) : "24h";
let asked = 0;
let reload = null;

const id = decodeURIComponent(location.pathname.split("/").at(-1));
const live = new Live(`/api/v1/events?school=${encodeURIComponent(id)}`, hear);
const tickFrame = runFrame(live, () => school?.now?.heard_ms ?? null);
const charts = {
  latency: new TimeChart(byId("chart-latency"), { unit: "ms", digits: 1, least: 10 }),
  bandwidth: new TimeChart(byId("chart-bandwidth"), { unit: "Mbps", digits: 1, least: 1 }),
  loss: new TimeChart(byId("chart-loss"), { unit: "%", digits: 1, least: 5 }),
};

setInterval(() => {
  if (school) tickState(school, live.now());
}, 1_000);

function hear(kind, data) {
  if (kind === "state") return tickFrame();
  if (kind === "tick") return undefined;
  const before = school;
  school = data.schools.find((candidate) => candidate.id === id) ?? school;
  if (!school) return undefined;
  drawNow(school, live.now());
  tickFrame();
  followRooms(school);
  if (!before || data.incidents.length) loadAll();
  else appendNow(school.now);
  return undefined;
}

function currentRange() {
  const to = live.now();
  const { length, step } = RANGES[rangeName];
  return { from: to - length, to, step };
}

/** Asks for the past anew, and again after a while; only the newest question's answer is drawn. */
async function loadAll() {
  asked += 1;
  const question = asked;
  clearTimeout(reload);
  const range = currentRange();
  const [past, incidents] = await Promise.allSettled([loadPast(id, range), loadIncidents(id, range)]);
  if (question !== asked) return;
  if (!chosen && past.value?.starts.length) {
    chosen = true;
    const suitable = suitableRange(past.value.starts[0], live.now());
    if (suitable !== rangeName) return choose(suitable);
  }
  say(byId("range-text"), rangeText(range));
  const known = incidents.value ?? null;
  drawHistory(known, live.now());
  if (past.value) drawPast(range, past.value, known ?? []);
  else for (const chart of Object.values(charts)) chart.explain(t("web.chart.unavailable"));
  const failed = !past.value || known === null;
  reload = setTimeout(loadAll, failed ? RETRY_MS : Math.max(RELOAD_MS, range.step / 2));
  return undefined;
}

function drawPast(range, past, incidents) {
  const lines = (byScope, factor) =>
    SCOPES.filter((scope) => byScope.has(scope)).map((scope) => ({
      label: t(`web.reach.${scope}`),
      color: COLORS[scope],
      points: pointsOf(byScope.get(scope), range.step, factor),
    }));
  charts.latency.show(range, lines(past.rtt, 1));
  charts.loss.show(range, lines(past.loss, 100));
  charts.bandwidth.show(range, bandwidthLines(range, past));
  drawBand(range, past.starts, incidents);
}

function bandwidthLines(range, past) {
  const uplink = school.now?.uplink;
  const [received, sent] = [past.received, past.sent].map((all) => ofUplink(all, uplink));
  const points = (series) => (series ? pointsOf(series, range.step, 1 / MBPS) : []);
  const found = [
    { label: t("web.chart.received"), color: "--chart-1", points: points(received), fill: true },
    { label: t("web.chart.sent"), color: "--chart-3", points: points(sent) },
  ];
  const contracted = school.lines.find(({ role }) => role === "primary")?.contracted_down_mbps;
  if (contracted && (received || sent)) {
    const level = constantPoints(range, contracted);
    found.push({ label: t("web.chart.contract"), color: "--chart-2", points: level, dash: [6, 5] });
  }
  return found;
}

/** The newest figures go straight onto charts of the last hour; longer ranges wait for their next question. */
function appendNow(now) {
  if (RANGES[rangeName].length > RANGES["1h"].length || !now) return;
  for (const scope of SCOPES) {
    const answer = now.reachability[scope];
    if (answer?.rtt_ms !== null && answer?.up) charts.latency.append(t(`web.reach.${scope}`), answer.at_ms, answer.rtt_ms);
    if (answer && answer.loss_ratio !== null) {
      charts.loss.append(t(`web.reach.${scope}`), answer.at_ms, answer.loss_ratio * 100);
    }
  }
  const { traffic } = now;
  if (traffic?.rx_bps != null) charts.bandwidth.append(t("web.chart.received"), traffic.at_ms, traffic.rx_bps / MBPS);
  if (traffic?.tx_bps != null) charts.bandwidth.append(t("web.chart.sent"), traffic.at_ms, traffic.tx_bps / MBPS);
  for (const chart of Object.values(charts)) chart.refresh(live.now());
}

const ranges = [...byId("ranges").children];
function choose(name) {
  rangeName = name;
  chosen = true;
  history.replaceState(null, "", `#${name}`);
  showChoice();
  if (school) loadAll();
}
function showChoice() {
  for (const button of ranges) {
    const current = button.dataset.range === rangeName;
    button.setAttribute("aria-checked", String(current));
    button.tabIndex = current ? 0 : -1;
  }
}
for (const [at, button] of ranges.entries()) {
  button.addEventListener("click", () => choose(button.dataset.range));
  button.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = ranges[(at + step + ranges.length) % ranges.length];
    choose(next.dataset.range);
    next.focus();
  });
}
showChoice();
runRecord(id);
get(`schools/${encodeURIComponent(id)}`).catch((error) => {
  // It is there, but not for who looks.
  if (error.status === 404) say(byId("name"), t("web.school.missing_title"));
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") location.assign("/");
});
