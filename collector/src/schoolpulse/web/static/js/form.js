// A form from a description of its fields: sends as JSON, and shows what the collector refuses beside the field.

import { listed } from "./api.js";
import { h } from "./dom.js";
import { t } from "./texts.js";

let forms = 0;

/**
 * @typedef {{name: string, label: string, kind?: string, options?: [string, string][], value?: any, hint?: string,
 *   required?: boolean, wide?: boolean, pattern?: string, max?: number, min?: number, step?: string, auto?: string}} Field
 *   `kind` is an input's type, `select` or `textarea`; `datetime-local` is read and given in Vietnam's time
 * @typedef {{text: string, act: (values: any) => Promise<string|void>, id?: string, main?: boolean,
 *   danger?: boolean, plain?: boolean}} Button  what `act` gives is said; `plain` asks for no valid fields
 * @param {{fields: Field[], buttons: Button[], label?: string}} description the first button is what Enter presses
 */
export function form({ fields, buttons, label }) {
  forms += 1;
  const prefix = `form-${forms}-`;
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const done = h("p", { class: "done", role: "status", hidden: true });
  const made = fields.map((field) => makeField(field, prefix));
  const pressed = (button) => async () => {
    if (!button.plain && !element.reportValidity()) return;
    problem.hidden = true;
    done.hidden = true;
    for (const one of made) one.blame("");
    lock(true);
    try {
      const words = await button.act(Object.fromEntries(made.map((one) => [one.name, one.read()])), made);
      done.hidden = !words;
      done.textContent = words ?? "";
    } catch (error) {
      showProblem(error);
    } finally {
      lock(false);
    }
  };
  const row = buttons.map((button, at) => {
    const classes = ["tool", button.main && "main", button.danger && "danger"].filter(Boolean).join(" ");
    const first = at === 0;
    return h("button", { class: classes, id: button.id, type: first ? "submit" : "button", onclick: first ? null : pressed(button) }, button.text);
  });
  const lock = (locked) => {
    for (const button of row) button.disabled = locked;
    element.setAttribute("aria-busy", String(locked));
  };
  const showProblem = (error) => {
    const errors = error.errors ?? [];
    const fieldOf = (where) => made.find(({ name }) => name === where);
    problem.textContent = errors.length ? listed(errors, (where) => fieldOf(where)?.label) : error.message;
    problem.hidden = false;
    for (const { where, message } of errors) fieldOf(where)?.blame(message);
    errors.map(({ where }) => fieldOf(where)).find(Boolean)?.input.focus();
  };
  const element = h(
    "form",
    {
      "aria-label": label,
      onsubmit: (event) => {
        event.preventDefault();
        pressed(buttons[0])();
      },
    },
    ...made.map((one) => one.element),
    h("div", { class: "actions" }, ...row),
    problem,
    done,
  );
  problem.classList.add("wide");
  done.classList.add("wide");
  return element;
}

function makeField(field, prefix) {
  const id = prefix + field.name;
  const wrong = h("span", { class: "wrong", id: `${id}-wrong` });
  const hint = field.hint ? h("span", { id: `${id}-hint` }, field.hint) : null;
  const input = makeInput(field, {
    id,
    name: field.name,
    required: field.required,
    maxlength: field.kind === "number" ? null : field.max,
    pattern: field.pattern,
    autocomplete: field.auto ?? "off",
    "aria-describedby": [hint?.id, wrong.id].filter(Boolean).join(" "),
  });
  const label = h("label", { for: id }, field.label, field.required ? h("span", { "aria-hidden": "true" }, " *") : null);
  const check = field.kind === "checkbox";
  const parts = check ? [input, label] : [label, input];
  const blame = (message) => {
    wrong.textContent = message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  const element = h("div", { class: `field${check ? " check" : ""}${field.wide ? " wide" : ""}` }, ...parts, hint, wrong);
  return { name: field.name, label: field.label, element, input, blame, read: () => read(field, input) };
}

function makeInput(field, attributes) {
  const { kind = "text", value = "" } = field;
  if (kind === "textarea") {
    const area = h("textarea", { ...attributes, rows: field.rows ?? 3 });
    area.value = value ?? "";
    return area;
  }
  if (kind === "select") {
    const list = h("select", attributes, ...field.options.map(([word, text]) => h("option", { value: word }, text)));
    if (value !== null && value !== "") list.value = value;
    return list;
  }
  const input = h("input", { ...attributes, type: kind, min: field.min, max: kind === "number" ? field.max : null, step: field.step });
  if (kind === "checkbox") input.checked = Boolean(value);
  else if (kind === "datetime-local") input.value = value ? localInput(value) : "";
  else input.value = value ?? "";
  return input;
}

function read(field, input) {
  if (field.kind === "checkbox") return input.checked;
  const text = input.value.trim();
  if (field.kind === "password") return input.value;
  if (field.kind === "number") return text === "" ? null : Number(text);
  if (field.kind === "datetime-local") return text === "" ? null : Date.parse(`${text}:00+07:00`.replace(/(:\d\d:\d\d):00/, "$1"));
  return text === "" && !field.required ? (field.empty ?? null) : text;
}

const AHEAD_MS = 7 * 3_600_000; // Asia/Ho_Chi_Minh, all year

/** Milliseconds as an input for date and time has them, in Vietnam's time. */
function localInput(ms) {
  return new Date(ms + AHEAD_MS).toISOString().slice(0, 16);
}
