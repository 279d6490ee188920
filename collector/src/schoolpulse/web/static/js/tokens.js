// Tokens for programs: made, shown once, revoked.

import { get, send } from "./api.js";
import { callerText } from "./changes.js";
import { formDialog } from "./dialog.js";
import { h } from "./dom.js";
import { Table } from "./table.js";
import { shortTime, t } from "./texts.js";

const DAY_MS = 86_400_000;
let table = null;

/** The table of tokens in `place`; gives what makes a new one. */
export function tokenTable(place, { roleField, schoolsField, ids }) {
  const when = (ms) => (ms === null ? "–" : shortTime(ms, Date.now()));
  table = new Table(place, {
    name: "tokens",
    label: t("web.tokens.title"),
    none: t("web.tokens.none"),
    key: ({ prefix }) => prefix,
    sort: "-created",
    columns: [
      { name: "name", title: t("web.tokens.name"), value: ({ name }) => name, cell: ({ name, prefix }) => [h("strong", {}, name), h("small", {}, `spt_${prefix}_…`)] },
      { name: "role", title: t("web.users.role"), value: ({ role }) => role, cell: ({ role }) => t(`web.role.${role}`) },
      { name: "schools", title: t("web.users.schools"), cell: ({ schools }) => (schools === null ? t("web.filter.all") : schools.join(", ")) },
      { name: "created", title: t("web.tokens.created"), down: true, value: ({ created_ms }) => created_ms, cell: ({ created_ms, created_by }) => [when(created_ms), h("small", {}, callerText(created_by))] },
      { name: "used", title: t("web.tokens.used"), down: true, value: ({ used_ms }) => used_ms, cell: ({ used_ms }) => when(used_ms) },
      { name: "expires", title: t("web.tokens.expires"), value: ({ expires_ms }) => expires_ms, cell: ({ expires_ms }) => when(expires_ms) },
      { name: "actions", title: t("web.form.actions"), cell: (token) => (token.works ? revoke(token) : h("span", { class: "badge" }, t("web.tokens.ended"))) },
    ],
  });
  const add = () =>
    formDialog({
      title: t("web.tokens.add"),
      submit: t("web.tokens.add"),
      fields: [
        { name: "name", label: t("web.tokens.name"), required: true, max: 64, hint: t("web.tokens.name_hint") },
        roleField,
        { name: "days", label: t("web.tokens.days"), kind: "number", min: 1, max: 3650, value: 365 },
        schoolsField,
      ],
      act: async ({ name, role, days, schools }) => {
        const expires = days ? Date.now() + days * DAY_MS : null;
        const made = await send("POST", "tokens", { name, role, schools: ids(schools), expires_ms: expires });
        await loadTokens();
        return h("div", {}, h("p", {}, t("web.tokens.once")), h("pre", { tabindex: "0" }, made.token));
      },
    });
  return { add };
}

function revoke(token) {
  const ask = () =>
    formDialog({
      title: t("web.tokens.revoke_of", { name: token.name }),
      lead: t("web.tokens.revoke_lead"),
      fields: [],
      submit: t("web.tokens.revoke"),
      danger: true,
      act: async () => {
        await send("DELETE", `tokens/${token.prefix}`);
        await loadTokens();
      },
    });
  return h("button", { class: "tool", type: "button", onclick: ask }, t("web.tokens.revoke"));
}

/** Asks for them anew. */
export async function loadTokens() {
  table.show((await get("tokens", { limit: 500 })).items);
}
