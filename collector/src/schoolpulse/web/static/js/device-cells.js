// How a device is shown: what the record says beside what is measured. A classroom's machine speaks for itself,
// through an agent of its own; that it is off is no trouble.

import { h, sign } from "./dom.js";
import { kindOf } from "./record-fields.js";
import { number, percent, shortTime, t } from "./texts.js";

const LOOKS = { both: "online", seen_only: "degraded", recorded_only: "unknown" };
const ROOM = "classroom";
const WEAK_DBM = -70; // below that a video stutters
const SHOWN = ["online", "since_ms", "in_use", "in_use_since_ms", "used_ratio", "signal_dbm", "name"];

/** The words of `upWord`, what needs somebody first. */
const ORDER = ["down", "unseen", "off", "up"];

/** The state of its measurement: up, down, or nothing heard; of a classroom's machine since when, and how it is used. */
export function measured(device) {
  const { measured: now, classroom: room } = device;
  if (!now) return sign("unknown", t("web.devices.unseen"));
  if (now.kind === ROOM && room) return roomCell(room);
  const words = now.up ? t("web.devices.up") : t("web.devices.down");
  return [sign(now.up ? "online" : "down", words), now.in_use ? h("small", {}, t("web.devices.in_use")) : null];
}

function roomCell(room) {
  const from = (words, ms) => (ms === null ? words : `${words} ${t("web.school.since", { time: shortTime(ms, Date.now()) })}`);
  const small = (...lines) => lines.filter(Boolean).map((line) => h("small", {}, line));
  if (!room.online) {
    const heard = room.since_ms === null && room.heard_ms;
    const last = heard ? t("web.room.heard", { time: shortTime(heard, Date.now()) }) : null;
    return [sign("stopped", from(t("web.devices.off"), room.since_ms)), ...small(last)];
  }
  const use = { true: t("web.devices.in_use"), false: t("web.room.unused") }[room.in_use];
  const share = room.used_ratio ? t("web.room.used", { percent: percent(room.used_ratio, 0) }) : "";
  const level = room.signal_dbm;
  const wifi = level === null ? null : t(level < WEAK_DBM ? "web.room.weak" : "web.room.signal", { dbm: number(level) });
  const used = use && [from(use, room.in_use_since_ms), share].filter(Boolean).join(" · ");
  return [sign("online", from(t("web.devices.on"), room.since_ms)), ...small(used, wifi)];
}

/** A word to sort and filter it by. */
export function upWord({ measured: now }) {
  if (!now) return "unseen";
  return now.up ? "up" : now.kind === ROOM ? "off" : "down";
}

/** Where it stands when sorted by that. */
export const upRank = (device) => ORDER.indexOf(upWord(device));

/** Which of both sides there is. */
export const recordedSign = ({ state }) => (state === "both" ? t("web.devices.both") : sign(LOOKS[state], t(`web.devices.${state}`)));

/** What it is, in a word of the contract. */
export const kindWord = ({ recorded, measured: now, classroom }) => recorded?.kind ?? (classroom ? ROOM : (now?.kind ?? ""));

/** What it is; where record and measurement differ, both. */
export function kindCell(device) {
  const { recorded, measured: now, classroom } = device;
  const differs = recorded && now && now.kind && !classroom && recorded.kind !== now.kind;
  return [kindOf(kindWord(device)), differs ? h("small", {}, t("web.devices.kind_differs", { kind: kindOf(now.kind) })) : null];
}

/** What it is called. */
export const nameOf = ({ recorded, classroom, device_id: id }) => recorded?.name || classroom?.name || id;

/** The same with its id. */
export function nameCell(device) {
  const name = nameOf(device);
  return [h("strong", {}, name), name === device.device_id ? null : h("small", {}, device.device_id)];
}

/** `device` with what its school's live figures say of its classroom's machine: the very same where nothing differs. */
export function asNow(device, school) {
  const room = device.classroom && school?.classrooms.find(({ agent_id: id }) => id === device.device_id);
  if (!room || SHOWN.every((name) => room[name] === device.classroom[name])) return device;
  if (device.measured && device.measured.kind !== ROOM) return { ...device, classroom: room }; // the gateway measures it
  const known = room.online !== null;
  return {
    ...device,
    classroom: room,
    state: known ? "both" : "recorded_only",
    measured: known ? { kind: ROOM, up: room.online, in_use: room.in_use } : null,
  };
}
