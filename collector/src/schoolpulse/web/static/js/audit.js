// Who changed what, and when.

import { get } from "./api.js";
import { callerText, deedText, detailText } from "./changes.js";
import { byId, h } from "./dom.js";
import { Table } from "./table.js";
import { shortTime, t, time } from "./texts.js";

/** Draws the newest of the record, and older on demand. */
export async function drawAudit() {
  let rows = [];
  let next = null;
  const table = new Table(byId("audit"), {
    name: "audit",
    label: t("web.audit.title"),
    none: t("web.audit.none"),
    key: ({ id }) => String(id),
    sort: "-at",
    columns: [
      { name: "at", title: t("web.audit.at"), down: true, value: ({ id }) => id, cell: ({ at_ms }) => h("span", { title: time(at_ms, "clock") }, shortTime(at_ms, Date.now())) },
      { name: "caller", title: t("web.audit.caller"), value: ({ caller }) => caller, cell: ({ caller }) => callerText(caller) },
      { name: "action", title: t("web.audit.action"), value: ({ action }) => action, cell: ({ action }) => h("span", { title: action }, deedText(...action.split("."))) },
      { name: "subject", title: t("web.audit.subject"), cell: ({ subject, detail }) => [subject, h("small", {}, detailText(detail))] },
    ],
  });
  const load = async () => {
    const answer = await get("audit", { limit: 50, ...(next && { before: next }) });
    rows = [...rows, ...answer.items];
    next = answer.next;
    table.show(rows);
    byId("audit-more").hidden = next === null;
  };
  byId("audit-older").addEventListener("click", load);
  await load();
}
