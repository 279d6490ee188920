// Devices of every school: recorded and measured side by side.

import { get } from "./api.js";
import { asNow, kindCell, kindWord, measured, nameCell, nameOf, recordedSign, upRank, upWord } from "./device-cells.js";
import { District } from "./district.js";
import { byId, fillSelect, h, say, sayNone } from "./dom.js";
import { kindOf } from "./record-fields.js";
import { Table } from "./table.js";
import { byName, number, plain, t } from "./texts.js";

const PAGE = 500;
const RELOAD_MS = 20_000;

let devices = [];
let next = null;
let pages = 1;
let question = 0;
const inputs = Object.fromEntries(["state", "up", "kind", "search"].map((name) => [name, byId(name)]));
const district = new District((kind, data) => {
  if (kind === "snapshot") load();
  else if (follow(data.schools)) show();
});

const table = new Table(byId("table"), {
  name: "devices",
  label: t("web.devices.title"),
  key: (device) => `${device.school}/${device.device_id}`,
  sort: "up",
  columns: [
    { name: "up", title: t("web.devices.works"), value: upRank, cell: measured },
    { name: "name", title: t("web.devices.device"), value: nameOf, cell: nameCell },
    { name: "kind", title: t("web.devices.kind"), value: (device) => kindOf(kindWord(device)), cell: kindCell },
    {
      name: "school",
      title: t("web.list.school"),
      value: ({ school }) => district.name(school),
      cell: ({ school }) => h("a", { href: `/schools/${encodeURIComponent(school)}` }, district.name(school)),
    },
    { name: "room", title: t("web.devices.room"), value: ({ recorded }) => recorded?.room ?? "", cell: ({ recorded }) => recorded?.room ?? "–" },
    { name: "model", title: t("web.devices.model"), value: ({ recorded }) => recorded?.model ?? "", cell: ({ recorded }) => recorded?.model ?? "–" },
    { name: "record", title: t("web.devices.record"), value: ({ state }) => state, cell: recordedSign },
  ],
});

/** Asks anew for as many pages as are shown. */
async function load() {
  question += 1;
  const mine = question;
  const found = [];
  let after = null;
  try {
    for (let page = 0; page < pages; page += 1) {
      const { state, kind } = inputs;
      const parameters = { limit: PAGE, ...(state.value && { state: state.value }), ...(kind.value && { kind: kind.value }), ...(after && { after }) };
      const answer = await get("devices", parameters);
      if (mine !== question) return;
      found.push(...answer.items);
      after = answer.next;
      if (after === null) break;
    }
    devices = found;
    next = after;
    show();
  } catch (error) {
    if (mine === question) sayNone(byId("none"), error.message);
  }
}

/** Takes in how classrooms' machines are now; whether that changed anything. */
function follow(schools) {
  const changed = new Map(schools.filter(({ classrooms }) => classrooms.length).map((school) => [school.id, school]));
  if (!changed.size) return false;
  const before = devices;
  devices = before.map((device) => asNow(device, changed.get(device.school)));
  return devices.some((device, at) => device !== before[at]);
}

function show() {
  const { up, search, kind } = inputs;
  if (!kind.value) {
    const kinds = [...new Set(devices.flatMap((device) => [kindWord(device), device.measured?.kind]))].filter(Boolean);
    fillSelect(kind, [["", t("web.filter.all")], ...kinds.map((word) => [word, kindOf(word)]).sort((a, b) => byName(a[1], b[1]))]);
  }
  const wanted = plain(search.value.trim());
  const text = (device) => {
    const { recorded, device_id: id, school } = device;
    return plain([id, nameOf(device), recorded?.room, recorded?.model, district.name(school)].join(" "));
  };
  const shown = devices.filter((device) => (!up.value || upWord(device) === up.value) && (!wanted || text(device).includes(wanted)));
  table.show(shown);
  say(byId("count"), t("web.devices.count", { count: number(shown.length) + (next === null ? "" : "+") }));
  sayNone(byId("none"), shown.length ? "" : t(devices.length ? "web.devices.none_match" : "web.devices.none"));
  byId("more").hidden = next === null;
}

for (const name of ["state", "kind"]) inputs[name].addEventListener("input", () => load());
for (const name of ["up", "search"]) inputs[name].addEventListener("input", show);
byId("further").addEventListener("click", () => {
  pages += 1;
  load();
});
setInterval(load, RELOAD_MS);
