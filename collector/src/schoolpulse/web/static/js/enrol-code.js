// A one-time code for an agent, and what the technician types with it.

import { send } from "./api.js";
import { h } from "./dom.js";
import { shortTime, t } from "./texts.js";

/** Makes a code and gives the element that shows it, this once. */
export async function makeCode(agent, school) {
  const made = await send("POST", `agents/${encodeURIComponent(agent)}/code`, { school_id: school });
  const command = `schoolpulse-agent enroll ${made.code} --server ${location.origin}`;
  return h(
    "div",
    {},
    h("p", { class: "code" }, made.code),
    h("p", { class: "note" }, t("web.enrol.until", { time: shortTime(made.expires_ms, Date.now()) })),
    h("p", {}, t("web.enrol.type")),
    h("pre", { tabindex: "0" }, command),
  );
}
