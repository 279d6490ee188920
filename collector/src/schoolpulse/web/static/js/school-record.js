// A school's record beside what is measured: speeds of its lines, its devices, and where the two differ.

import { get } from "./api.js";
import { asNow, kindCell, kindWord, measured, nameCell, nameOf, recordedSign, upRank } from "./device-cells.js";
import { byId, h } from "./dom.js";
import { findingItem } from "./findings.js";
import { Table } from "./table.js";
import { figure, number, t } from "./texts.js";

const RELOAD_MS = 5 * 60_000;
const DEVICES_MS = 30_000;
let table = null;
let devices = [];

/** Draws it, and again after a while. What the collector does not serve stays hidden. */
export function runRecord(school) {
  const path = `schools/${encodeURIComponent(school)}`;
  byId("record-link").href = `/registry/schools/${encodeURIComponent(school)}`;
  const again = (draw, ms) => {
    draw(path, school).catch(() => {});
    setInterval(() => draw(path, school).catch(() => {}), ms);
  };
  again(drawDevices, DEVICES_MS);
  again(drawSpeeds, RELOAD_MS);
  again(drawFindings, RELOAD_MS);
}

async function drawDevices(path) {
  devices = (await get(`${path}/devices`)).items;
  byId("devices").hidden = devices.length === 0;
  if (!devices.length) return;
  table ??= new Table(byId("devices-table"), {
    name: "school-now-devices",
    label: t("web.nav.devices"),
    key: ({ device_id: id }) => id,
    sort: "up",
    columns: [
      { name: "name", title: t("web.devices.device"), value: nameOf, cell: nameCell },
      { name: "kind", title: t("web.devices.kind"), value: kindWord, cell: kindCell },
      { name: "room", title: t("web.devices.room"), value: ({ recorded }) => recorded?.room ?? "", cell: ({ recorded }) => recorded?.room ?? "" },
      { name: "up", title: t("web.devices.works"), value: upRank, cell: measured },
      { name: "record", title: t("web.devices.record"), value: ({ state }) => state, cell: recordedSign },
    ],
  });
  table.show(devices);
}

/** Takes in how the machines of its classrooms are now. */
export function followRooms(school) {
  const before = devices;
  devices = before.map((device) => asNow(device, school));
  if (devices.some((device, at) => device !== before[at])) table?.show(devices);
}

async function drawSpeeds(path) {
  const { items } = await get(`${path}/lines/measured`);
  const tested = items.filter(({ tests }) => tests > 0);
  const mbps = (value) => (value === null ? "–" : t("web.school.mbps", { value: figure(value) }));
  byId("speeds").replaceChildren(
    ...tested.flatMap(({ recorded, tests, down_mbps: down, up_mbps: up }) => [
      h("dt", {}, t("web.school.delivered", { line: recorded.provider || t(`web.school.${recorded.role}`), tests: number(tests) })),
      h("dd", {}, `↓ ${mbps(down)}  ↑ ${mbps(up)}`),
    ]),
  );
}

async function drawFindings(_path, school) {
  const { items } = await get("registry/findings", { school, limit: 1 });
  byId("findings").hidden = items.length === 0;
  byId("findings-list").replaceChildren(...items.map(findingItem));
}
