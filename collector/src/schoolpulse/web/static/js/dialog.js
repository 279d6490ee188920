// A dialogue above the page: Esc closes it, the focus comes back to where it was.

import { h } from "./dom.js";
import { form } from "./form.js";
import { t } from "./texts.js";

let dialogs = 0;

/** Shows `content` below a heading; gives a function that closes it. */
export function openDialog(title, ...content) {
  dialogs += 1;
  const id = `dialog-${dialogs}`;
  const dialog = h("dialog", { "aria-labelledby": id }, h("h2", { id }, title), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return () => dialog.close();
}

/**
 * A form in a dialogue, and gives it. It closes when `act` is through; what `act` gives, an element, is shown in
 * its place.
 * @param {{title: string, lead?: string, fields: any[], submit: string, danger?: boolean,
 *   act: (values: any) => Promise<any>}} description
 */
export function formDialog({ title, lead, fields, submit, danger, act }) {
  const done = async (values) => {
    const shown = await act(values);
    if (!(shown instanceof Node)) return close();
    element.replaceWith(shown, h("div", { class: "actions" }, h("button", { class: "tool", type: "button", onclick: () => close() }, t("web.form.close"))));
    return "";
  };
  const element = form({
    fields,
    label: title,
    buttons: [
      { text: submit, main: !danger, danger, act: done },
      { text: t("web.form.cancel"), plain: true, act: async () => close() },
    ],
  });
  const close = openDialog(title, lead ? h("p", { class: "lead" }, lead) : "", element);
  return element;
}
