// One school's record: who and where it is, its lines with their history, agent, devices and contacts.

import { getTagged, send } from "./api.js";
import { formDialog } from "./dialog.js";
import { byId, say } from "./dom.js";
import { drawAgent } from "./edit-agent.js";
import { areaFromField, areaHistory } from "./edit-areas.js";
import { runContacts } from "./edit-contacts.js";
import { runDevices } from "./edit-devices.js";
import { drawLines, runLines } from "./edit-lines.js";
import { form } from "./form.js";
import { runFrame } from "./frame.js";
import { schoolFields, schoolOf } from "./record-fields.js";
import { may } from "./session.js";
import { capital, t } from "./texts.js";

runFrame();
const id = decodeURIComponent(location.pathname.split("/").at(-1));
const path = `schools/${encodeURIComponent(id)}`;
let record = null;
let tag = null;

async function load() {
  try {
    ({ data: record, etag: tag } = await getTagged(`${path}/record`));
    draw();
  } catch (error) {
    byId("missing").hidden = false;
    say(byId("missing"), error.status === 404 ? t("web.school.missing") : error.message);
  }
}

function draw() {
  byId("found").hidden = false;
  document.title = `${record.name} · ${t("web.app.name")}`;
  say(byId("name"), record.name);
  byId("live").href = `/schools/${encodeURIComponent(id)}`;
  const closed = record.closed_ms !== null;
  byId("closed").hidden = !closed;
  say(byId("close"), t(closed ? "web.edit.reopen" : "web.edit.close"));
  const element = form({
    label: t("web.list.school"),
    fields: schoolFields(record).flatMap((field) => (field.name === "area" ? [field, areaFromField(record)] : [field])),
    buttons: may("admin") ? [{ text: t("web.form.save"), main: true, act: save }] : [],
  });
  if (!may("admin")) for (const input of element.elements) input.disabled = true;
  byId("school").replaceChildren(element, areaHistory(record));
  drawLines(record.lines);
  drawAgent(record, { setAgent });
}

async function save(values) {
  await send("PATCH", path, schoolOf(values), tag);
  await load();
  return capital(t("web.form.saved"));
}

async function setAgent(agent) {
  await send("PATCH", path, { agent_id: agent }, tag);
  await load();
}

byId("close").addEventListener("click", () => {
  const closed = record.closed_ms !== null;
  const text = t(closed ? "web.edit.reopen" : "web.edit.close");
  formDialog({
    title: `${text}: ${record.name}`,
    lead: t(closed ? "web.edit.reopen_lead" : "web.edit.close_lead"),
    fields: [],
    submit: text,
    danger: !closed,
    act: async () => {
      await send("POST", `${path}/${closed ? "reopen" : "close"}`, closed ? undefined : {});
      await load();
    },
  });
});

runLines(path, load);
runDevices(path, id);
runContacts(path);
load();
