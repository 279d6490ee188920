// Who may sign in, tokens for programs, one's own password, and the record of who changed what.

import { get, send } from "./api.js";
import { drawAudit } from "./audit.js";
import { formDialog } from "./dialog.js";
import { byId, h } from "./dom.js";
import { form } from "./form.js";
import { runFrame } from "./frame.js";
import { may, session } from "./session.js";
import { Table } from "./table.js";
import { shortTime, t } from "./texts.js";
import { loadTokens, tokenTable } from "./tokens.js";

runFrame();
const when = (ms) => (ms === null ? "–" : shortTime(ms, Date.now()));
const roles = ["viewer", "operator", "admin"].map((role) => [role, t(`web.role.${role}`)]);
const roleField = { name: "role", label: t("web.users.role"), kind: "select", options: roles };
const schoolsField = { name: "schools", label: t("web.users.schools"), kind: "textarea", hint: t("web.users.schools_hint"), wide: true, rows: 2 };
const passwordField = { name: "password", label: t("web.login.password"), kind: "password", required: true, max: 200, auto: "new-password", hint: t("web.login.password_hint") };

/** Ids of schools as somebody typed them; null for all. */
const ids = (text) => (text ? text.split(/[\s,;]+/).filter(Boolean) : null);

function userTable() {
  return new Table(byId("users"), {
    name: "users",
    label: t("web.users.who"),
    key: ({ name }) => name,
    sort: "name",
    columns: [
      { name: "name", title: t("web.login.name"), value: ({ name }) => name, cell: ({ name, disabled }) => [h("strong", {}, name), disabled ? h("span", { class: "badge" }, t("web.users.disabled")) : null] },
      { name: "role", title: t("web.users.role"), value: ({ role }) => role, cell: ({ role }) => t(`web.role.${role}`) },
      { name: "schools", title: t("web.users.schools"), cell: ({ schools }) => (schools === null ? t("web.filter.all") : schools.join(", ")) },
      { name: "seen", title: t("web.users.seen"), down: true, value: ({ seen_ms }) => seen_ms, cell: ({ seen_ms }) => when(seen_ms) },
      { name: "actions", title: t("web.form.actions"), cell: actions },
    ],
  });
}

function actions(user) {
  const path = `users/${encodeURIComponent(user.name)}`;
  const change = () =>
    formDialog({
      title: t("web.users.change_of", { name: user.name }),
      submit: t("web.form.save"),
      fields: [
        { ...roleField, value: user.role },
        { ...schoolsField, value: user.schools?.join(", ") },
        { name: "disabled", label: t("web.users.disable"), kind: "checkbox", value: user.disabled },
      ],
      act: async ({ role, schools, disabled }) => {
        await send("PATCH", path, { role, schools: ids(schools), disabled });
        await loadUsers();
      },
    });
  const password = () =>
    formDialog({
      title: t("web.users.password_of", { name: user.name }),
      submit: t("web.form.save"),
      fields: [passwordField],
      act: (values) => send("PUT", `${path}/password`, values),
    });
  return h(
    "div",
    { class: "actions" },
    h("button", { class: "tool", type: "button", onclick: change }, t("web.form.change")),
    h("button", { class: "tool", type: "button", onclick: password }, t("web.users.new_password")),
  );
}

let users = null;
async function loadUsers() {
  users ??= userTable();
  const { items } = await get("users", { limit: 500 });
  users.show(items);
  byId("open-lead").hidden = items.length > 0;
}

function addUser() {
  formDialog({
    title: t("web.users.add"),
    submit: t("web.users.add"),
    fields: [{ name: "name", label: t("web.login.name"), required: true, max: 64, hint: t("web.users.name_hint") }, passwordField, roleField, schoolsField],
    act: async ({ schools, ...values }) => {
      const first = session.state === "open";
      const path = first ? "session/first" : "users";
      await send("POST", path, first ? { name: values.name, password: values.password } : { ...values, schools: ids(schools) });
      if (first) location.reload();
      else await loadUsers();
    },
  });
}

function ownPassword() {
  byId("me").hidden = session.kind !== "user";
  byId("own").append(
    form({
      label: t("web.users.own_password"),
      fields: [
        { name: "current", label: t("web.users.current"), kind: "password", required: true, auto: "current-password" },
        { ...passwordField, name: "new", label: t("web.users.new_password") },
      ],
      buttons: [{ text: t("web.form.save"), main: true, act: async (values) => (await send("PUT", "session/password", values), t("web.users.password_set")) }],
    }),
  );
}

ownPassword();
if (may("admin")) {
  byId("add-user").addEventListener("click", addUser);
  const tokens = tokenTable(byId("tokens"), { roleField, schoolsField, ids });
  byId("add-token").addEventListener("click", tokens.add);
  await Promise.all([loadUsers(), loadTokens(), drawAudit()]);
}
