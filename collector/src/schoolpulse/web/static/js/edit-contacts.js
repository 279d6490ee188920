// How the offices of a school are reached: posts, and no persons.

import { get, send } from "./api.js";
import { formDialog } from "./dialog.js";
import { byId, h } from "./dom.js";
import { Table } from "./table.js";
import { t } from "./texts.js";

/** Sets the section up and fills it. */
export function runContacts(path) {
  const table = new Table(byId("contacts"), {
    name: "contacts",
    label: t("web.edit.contacts"),
    none: t("web.edit.contacts_none"),
    key: (contact) => contact.function,
    sort: "function",
    columns: [
      { name: "function", title: t("web.edit.office"), value: (contact) => contact.function, cell: (contact) => h("strong", {}, contact.function) },
      { name: "phone", title: t("web.edit.phone"), cell: ({ phone }) => (phone ? h("a", { href: `tel:${phone.replace(/\s/g, "")}` }, phone) : "") },
      { name: "email", title: t("web.edit.email"), cell: ({ email }) => (email ? h("a", { href: `mailto:${email}` }, email) : "") },
      { name: "actions", title: t("web.form.actions"), needs: "operator", cell: actions },
    ],
  });

  async function load() {
    table.show((await get(`${path}/contacts`)).items);
  }

  function edit(contact = {}) {
    const fields = [
      { name: "phone", label: t("web.edit.phone"), kind: "tel", max: 40, value: contact.phone, empty: "" },
      { name: "email", label: t("web.edit.email"), kind: "email", max: 200, value: contact.email, empty: "" },
    ];
    if (!contact.function) fields.unshift({ name: "function", label: t("web.edit.office"), required: true, max: 100 });
    formDialog({
      title: contact.function ?? t("web.edit.add_contact"),
      submit: t("web.form.save"),
      fields,
      act: async ({ function: office, ...values }) => {
        await send("PUT", `${path}/contacts/${encodeURIComponent(contact.function ?? office)}`, values);
        await load();
      },
    });
  }

  async function remove(contact) {
    await send("DELETE", `${path}/contacts/${encodeURIComponent(contact.function)}`);
    await load();
  }

  function actions(contact) {
    const button = (text, act) => h("button", { class: "tool", type: "button", onclick: () => act(contact) }, text);
    return h("div", { class: "actions" }, button(t("web.form.change"), edit), button(t("web.form.remove"), remove));
  }

  byId("add-contact").addEventListener("click", () => edit());
  load().catch((error) => byId("contacts").replaceChildren(error.message));
}
