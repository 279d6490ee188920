// A spreadsheet into the registry: what is wrong with it by row and column, what it would change, and then that.

import { send } from "./api.js";
import { fieldCell, subjectText } from "./changes.js";
import { byId, h, say } from "./dom.js";
import { runFrame } from "./frame.js";
import { Table } from "./table.js";
import { language, number, t, tOr } from "./texts.js";

runFrame();
let token = null;
const kindText = (word) => tOr(`web.record.${word}`, word);

const mistakeColumns = [
  { name: "row", title: t("web.import.row"), figure: true, value: ({ row }) => row, cell: ({ row }) => (row === null ? "" : number(row)) },
  { name: "sheet", title: t("web.import.sheet"), value: ({ sheet }) => sheet, cell: ({ sheet }) => sheet },
  { name: "column", title: t("web.import.column"), value: ({ column }) => column, cell: ({ column }) => h("code", {}, column) },
  { name: "message", title: t("web.import.wrong"), cell: ({ message, hint }) => [message[language], hint[language] ? h("small", {}, hint[language]) : null] },
];
const mistakeTable = (id) => new Table(byId(`${id}-table`), { name: id, label: t(`web.import.${id}`), columns: mistakeColumns, key: ({ at }) => String(at), sort: "row" });
const tables = { mistakes: mistakeTable("mistakes"), warnings: mistakeTable("warnings") };
const items = new Table(byId("items"), {
  name: "import-items",
  label: t("web.import.preview"),
  key: ({ at }) => String(at),
  sort: "row",
  columns: [
    { name: "row", title: t("web.import.row"), figure: true, value: ({ row }) => row, cell: ({ row }) => (row ? number(row) : "") },
    { name: "action", title: t("web.import.action"), value: ({ action }) => action, cell: ({ action }) => h("span", { class: "badge" }, t(`web.import.${action}`)) },
    { name: "kind", title: t("web.import.what"), value: ({ kind }) => kind, cell: ({ kind }) => kindText(kind) },
    { name: "subject", title: t("web.audit.subject"), value: ({ subject }) => subject, cell: ({ kind, subject, school }) => [subjectText(kind, subject), h("small", {}, school)] },
    { name: "fields", title: t("web.registry.fields"), cell: ({ fields }) => (fields.length ? h("div", {}, ...fields.map(fieldCell)) : "") },
  ],
});

async function look(file) {
  reset();
  say(byId("done"), t("web.import.reading", { file: file.name }));
  byId("done").hidden = false;
  const body = new FormData();
  body.append("file", file);
  try {
    draw(await send("POST", "import", body));
  } catch (error) {
    byId("done").hidden = true;
    byId("problem").hidden = false;
    const words = error.errors.map((one) => [one.message, language === "vi" ? one.hint_vi : one.hint].filter(Boolean).join(": "));
    say(byId("problem"), words.length ? words.join(". ") : error.message);
  }
}

function reset() {
  token = null;
  for (const id of ["problem", "done", "mistakes", "warnings", "preview"]) byId(id).hidden = true;
}

function draw(preview) {
  token = preview.token;
  for (const name of ["mistakes", "warnings"]) {
    const rows = preview[name].map((mistake, at) => ({ ...mistake, at }));
    byId(name).hidden = rows.length === 0;
    say(byId(`${name}-label`), t(`web.import.${name}_count`, { count: number(rows.length) }));
    tables[name].show(rows);
  }
  say(byId("done"), t(preview.mistakes.length ? "web.import.refused" : "web.import.read", { file: preview.file }));
  byId("done").className = preview.mistakes.length ? "problem" : "done";
  byId("preview").hidden = token === null;
  if (token === null) return;
  const counts = Object.entries(preview.counts).map(([kind, count]) => [kindText(kind), t("web.import.counts", Object.fromEntries(Object.entries(count).map(([name, value]) => [name, number(value)])))]);
  byId("counts").replaceChildren(...counts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  items.show(preview.items.map((item, at) => ({ ...item, at })));
  byId("rest").hidden = preview.items_total <= preview.items.length;
  say(byId("rest"), t("web.import.rest", { count: number(preview.items_total - preview.items.length) }));
  byId("apply").disabled = preview.items_total === 0;
  byId("apply").focus();
}

async function apply() {
  byId("apply").disabled = true;
  try {
    const { counts } = await send("POST", `import/${token}`);
    const sum = (name) => number(Object.values(counts).reduce((total, count) => total + count[name], 0));
    reset();
    byId("done").className = "done";
    byId("done").hidden = false;
    byId("done").replaceChildren(t("web.import.applied", { new: sum("new"), changed: sum("changed") }), " ", h("a", { href: "/registry" }, t("web.nav.registry")));
  } catch (error) {
    byId("problem").hidden = false;
    say(byId("problem"), error.message);
    byId("apply").disabled = false;
  }
}

async function forget() {
  const gone = token;
  reset();
  byId("file").value = "";
  await send("DELETE", `import/${gone}`).catch(() => {});
}

const drop = byId("drop");
byId("file").addEventListener("change", (event) => event.target.files[0] && look(event.target.files[0]));
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files[0]) look(event.dataTransfer.files[0]);
});
byId("apply").addEventListener("click", apply);
byId("forget").addEventListener("click", forget);
