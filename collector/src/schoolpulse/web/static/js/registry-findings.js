// Where the whole registry and what is measured differ, school by school, on demand: it asks the store a lot.

import { get } from "./api.js";
import { byId, h, say } from "./dom.js";
import { findingText } from "./findings.js";
import { Table } from "./table.js";
import { number, t } from "./texts.js";

const SCHOOLS = 25;

/** Sets the section up; `name(id)` is what a school is called. */
export function runFindings(name) {
  const table = new Table(byId("findings-table"), {
    name: "findings",
    label: t("web.registry.findings"),
    key: ({ at }) => String(at),
    sort: "school",
    columns: [
      { name: "school", title: t("web.list.school"), value: ({ school_id: id }) => name(id), cell: ({ school_id: id }) => h("a", { href: `/registry/schools/${encodeURIComponent(id)}` }, name(id)) },
      { name: "what", title: t("web.registry.difference"), value: ({ kind, subject }) => kind + subject, cell: findingText },
    ],
  });

  async function look() {
    byId("look").disabled = true;
    const found = [];
    let looked = 0;
    let after = null;
    try {
      do {
        const answer = await get("registry/findings", { limit: SCHOOLS, ...(after && { after }) });
        found.push(...answer.items.map((item, at) => ({ ...item, at: found.length + at })));
        looked += answer.looked_at;
        after = answer.next;
        table.show(found);
        say(byId("findings-word"), t("web.registry.looked", { count: number(found.length), schools: number(looked) }));
      } while (after !== null);
    } catch (error) {
      say(byId("findings-word"), error.message);
    } finally {
      byId("look").disabled = false;
    }
  }
  byId("look").addEventListener("click", look);
}
