// The devices of a school: recorded and measured side by side; what is seen can be recorded with one press.

import { get, send } from "./api.js";
import { kindCell, kindWord, measured, nameCell, nameOf, recordedSign } from "./device-cells.js";
import { formDialog } from "./dialog.js";
import { byId, h } from "./dom.js";
import { deviceFields } from "./record-fields.js";
import { Table } from "./table.js";
import { t } from "./texts.js";

/** Sets the section up and fills it. */
export function runDevices(path, school) {
  const table = new Table(byId("devices"), {
    name: "school-devices",
    label: t("web.nav.devices"),
    key: ({ device_id: id }) => id,
    sort: "name",
    columns: [
      { name: "name", title: t("web.devices.device"), value: nameOf, cell: nameCell },
      { name: "kind", title: t("web.devices.kind"), value: kindWord, cell: kindCell },
      { name: "room", title: t("web.devices.room"), value: ({ recorded }) => recorded?.room ?? "", cell: ({ recorded }) => recorded?.room ?? "" },
      { name: "model", title: t("web.devices.model"), value: ({ recorded }) => recorded?.model ?? "", cell: ({ recorded }) => recorded?.model ?? "" },
      { name: "up", title: t("web.devices.works"), cell: measured },
      { name: "record", title: t("web.devices.record"), value: ({ state }) => state, cell: recordedSign },
      { name: "actions", title: t("web.form.actions"), needs: "operator", cell: actions },
    ],
  });

  async function load() {
    const { items } = await get(`${path}/devices`);
    table.show(items.filter(({ recorded, classroom }) => recorded || !classroom)); // its agent is its record
  }

  function record(device = null) {
    const idField = { name: "device_id", label: t("web.devices.id"), required: true, max: 128, value: device?.device_id, hint: t("web.devices.id_hint") };
    formDialog({
      title: t("web.edit.add_device"),
      submit: t("web.edit.add_device"),
      fields: [idField, ...deviceFields({ kind: device?.measured?.kind })],
      act: async (values) => {
        await send("POST", `${path}/devices`, values);
        await load();
      },
    });
  }

  function change({ device_id: id, recorded }) {
    formDialog({
      title: recorded.name || id,
      submit: t("web.form.save"),
      fields: deviceFields(recorded),
      act: async (values) => {
        await send("PATCH", `${path}/devices/${encodeURIComponent(id)}`, values, recorded.etag);
        await load();
      },
    });
  }

  function remove({ device_id: id, recorded }) {
    formDialog({
      title: t("web.edit.remove_device", { device: recorded.name || id }),
      lead: t("web.edit.remove_device_lead"),
      submit: t("web.form.remove"),
      danger: true,
      fields: [],
      act: async () => {
        await send("DELETE", `${path}/devices/${encodeURIComponent(id)}`);
        await load();
      },
    });
  }

  function actions(device) {
    const button = (text, act) => h("button", { class: "tool", type: "button", onclick: () => act(device) }, text);
    if (!device.recorded) return button(t("web.edit.record_it"), record);
    return h("div", { class: "actions" }, button(t("web.form.change"), change), button(t("web.form.remove"), remove));
  }

  byId("add-device").addEventListener("click", () => record());
  byId("devices").dataset.school = school;
  load().catch((error) => byId("devices").replaceChildren(error.message));
}
