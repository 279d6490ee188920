// Signing in; and on a collector without users, the first administrator by the code in its log.

import { send } from "./api.js";
import { byId, say } from "./dom.js";
import { form } from "./form.js";
import { runTheme } from "./frame.js";
import { session } from "./session.js";
import { t } from "./texts.js";

const query = new URLSearchParams(location.search);

/** Where the login was asked for; never another host's address. */
function next() {
  const wanted = query.get("next") ?? "/";
  const address = new URL(wanted, location.origin);
  return address.origin === location.origin && !address.pathname.startsWith("/login") ? address.href : "/";
}

const name = { name: "name", label: t("web.login.name"), required: true, max: 64, auto: "username" };
const password = { name: "password", label: t("web.login.password"), kind: "password", required: true, max: 200 };

function signIn() {
  byId("place").replaceChildren(
    form({
      label: t("web.login.title"),
      fields: [name, { ...password, auto: "current-password" }],
      buttons: [{ text: t("web.login.enter"), main: true, act: (values) => enter("session", values) }],
    }),
  );
}

function setUp() {
  say(byId("title"), t("web.login.first"));
  say(byId("lead"), t("web.login.first_lead"));
  byId("place").replaceChildren(
    form({
      label: t("web.login.first"),
      fields: [
        { name: "code", label: t("web.login.code"), required: true, max: 64, hint: t("web.login.code_hint") },
        name,
        { ...password, auto: "new-password", hint: t("web.login.password_hint") },
      ],
      buttons: [{ text: t("web.login.make"), main: true, act: (values) => enter("session/first", values, "/start") }],
    }),
  );
}

async function enter(path, values, then = next()) {
  await send("POST", path, values);
  location.assign(then);
}

runTheme();
document.querySelector("[data-language]").addEventListener("click", (event) => {
  query.set("lang", event.currentTarget.hreflang);
  event.currentTarget.href = `?${query}`;
});
if (session.state === "set_up") setUp();
else if (session.state === "login") signIn();
else location.replace(next());
document.querySelector("#place input")?.focus();
