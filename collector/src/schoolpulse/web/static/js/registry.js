// The registry: every school as it is recorded beside what is measured, to add to, to take out as a file.

import { download, get, send } from "./api.js";
import { formDialog } from "./dialog.js";
import { callerText, deedText, fieldCell, subjectText } from "./changes.js";
import { District } from "./district.js";
import { byId, h, say, sayNone, sign } from "./dom.js";
import { agentField, newSchoolFields, schoolOf } from "./record-fields.js";
import { runFindings } from "./registry-findings.js";
import { Table } from "./table.js";
import { number, plain, shortTime, t, technology } from "./texts.js";

const district = new District(() => show());
const line = (school, role) => school.lines.find((one) => one.role === role);
const inWords = (one) => (one ? [one.provider, technology(one.technology), one.contracted_down_mbps && t("web.school.mbps", { value: number(one.contracted_down_mbps) })].filter(Boolean).join(" · ") : "");

const table = new Table(byId("table"), {
  name: "registry",
  label: t("web.registry.title"),
  key: ({ id }) => id,
  sort: "name",
  columns: [
    { name: "name", title: t("web.list.school"), value: ({ name }) => name, cell: ({ id, name }) => [h("a", { href: `/registry/schools/${encodeURIComponent(id)}` }, name), h("small", {}, id)] },
    { name: "area", title: t("web.filter.area"), value: ({ area }) => area.toReversed().join(", "), cell: ({ area }) => area.toReversed().join(", ") },
    { name: "primary", title: t("web.school.primary"), value: (school) => inWords(line(school, "primary")), cell: (school) => inWords(line(school, "primary")) },
    { name: "backup", title: t("web.school.backup"), value: (school) => inWords(line(school, "backup")), cell: (school) => inWords(line(school, "backup")) },
    { name: "measured", title: t("web.registry.measured"), cell: measuredCell },
    { name: "agent", title: t("web.edit.agent"), value: ({ agent_id }) => agent_id, cell: ({ agent_id }) => agent_id ?? sign("unknown", t("web.registry.no_agent")) },
  ],
});

/** What carries the school now, marked where the record says otherwise. */
function measuredCell(school) {
  const uplink = school.now?.uplink;
  if (!uplink || uplink.technology === "unknown") return "";
  const recorded = line(school, uplink.role);
  const agrees = recorded && recorded.technology === uplink.technology;
  return agrees ? technology(uplink.technology) : sign("degraded", t("web.registry.differs", { technology: technology(uplink.technology) }));
}

function show() {
  const wanted = plain(byId("search").value.trim());
  const all = [...district.schools.values()];
  const shown = all.filter((school) => !wanted || plain([school.name, school.id, school.agent_id, ...school.area, ...school.lines.map(({ provider }) => provider)].join(" ")).includes(wanted));
  table.show(shown);
  say(byId("count"), t("web.list.count", { shown: number(shown.length), all: number(all.length) }));
  sayNone(byId("none"), shown.length ? "" : t(all.length ? "web.wall.search_none" : "web.wall.empty"));
}

byId("add").addEventListener("click", () =>
  formDialog({
    title: t("web.registry.add"),
    submit: t("web.registry.add"),
    fields: [...newSchoolFields(), agentField()],
    act: async (values) => {
      const made = await send("POST", "schools", schoolOf(values));
      location.assign(`/registry/schools/${encodeURIComponent(made.id)}`);
    },
  }),
);

async function save(format) {
  try {
    const { blob, name } = await download("registry/export", { format });
    const link = h("a", { href: URL.createObjectURL(blob), download: name ?? `registry.${format}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    say(byId("spoken"), error.message);
  }
}

async function drawChanges() {
  let rows = [];
  let next = null;
  const changes = new Table(byId("changes"), {
    name: "changes",
    label: t("web.registry.changes"),
    none: t("web.registry.changes_none"),
    key: ({ id }) => String(id),
    sort: "-at",
    columns: [
      { name: "at", title: t("web.audit.at"), down: true, value: ({ id }) => id, cell: ({ at_ms }) => shortTime(at_ms, Date.now()) },
      { name: "by", title: t("web.audit.caller"), value: ({ by }) => by, cell: ({ by }) => callerText(by) },
      { name: "what", title: t("web.audit.action"), cell: ({ kind, action }) => deedText(kind, action) },
      { name: "school", title: t("web.audit.subject"), cell: ({ school, kind, subject }) => [school ? h("a", { href: `/registry/schools/${encodeURIComponent(school)}` }, district.name(school)) : subject, subject && school ? h("small", {}, subjectText(kind, subject)) : null] },
      { name: "fields", title: t("web.registry.fields"), cell: ({ fields }) => (fields.length ? h("div", {}, ...fields.map(fieldCell)) : "") },
    ],
  });
  const load = async () => {
    const answer = await get("registry/changes", { limit: 10, ...(next && { before: next }) });
    rows = [...rows, ...answer.items];
    next = answer.next;
    changes.show(rows);
    byId("changes-more").hidden = next === null;
  };
  byId("changes-older").addEventListener("click", load);
  await load();
}

runFindings((id) => district.name(id));
byId("search").addEventListener("input", show);
byId("export-xlsx").addEventListener("click", () => save("xlsx"));
byId("export-csv").addEventListener("click", () => save("csv"));
drawChanges().catch((error) => say(byId("spoken"), error.message));
