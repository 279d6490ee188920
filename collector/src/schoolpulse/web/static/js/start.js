// The first start: an administrator, a school, its agent, the first data. Each step says when it is done.

import { send } from "./api.js";
import { District } from "./district.js";
import { byId, h, sign } from "./dom.js";
import { agentOf, makeCode } from "./enrol-code.js";
import { form } from "./form.js";
import { agentField, lineFields, lineOf, newSchoolFields, schoolOf } from "./record-fields.js";
import { may, session } from "./session.js";
import { byName, plain, t } from "./texts.js";

const STEPS = ["account", "school", "agent", "data"];
const body = (step) => byId(`step-${step}`).querySelector(".body");
let made = null;

const district = new District(() => {
  drawSchool();
  drawAgent();
  drawData();
  show();
});

const measured = () => [...district.schools.values()].filter(({ now }) => now?.heard_ms);
const first = () => [...district.schools.values()].sort((a, b) => byName(a.name, b.name))[0];
const done = {
  account: () => session.state === "in",
  school: () => district.schools.size > 0,
  agent: () => made !== null || measured().length > 0,
  data: () => measured().length > 0,
};

/** Marks what is done and what comes next. */
function show() {
  const next = STEPS.find((step) => !done[step]());
  for (const step of STEPS) {
    const state = done[step]() ? "done" : step === next ? "next" : "later";
    const item = byId(`step-${step}`);
    if (item.dataset.state !== state) item.dataset.state = state;
    if (state === "next") item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
}

function drawAccount() {
  if (session.state === "in") return body("account").replaceChildren(sign("online", t("web.start.signed_in", { name: session.name })));
  return body("account").replaceChildren(
    form({
      label: t("web.start.account"),
      fields: [
        { name: "name", label: t("web.login.name"), required: true, max: 64, auto: "username", hint: t("web.users.name_hint") },
        { name: "password", label: t("web.login.password"), kind: "password", required: true, max: 200, auto: "new-password", hint: t("web.login.password_hint") },
      ],
      buttons: [
        {
          text: t("web.login.make"),
          main: true,
          act: async (values) => {
            await send("POST", "session/first", values);
            location.reload();
          },
        },
      ],
    }),
  );
}

function drawSchool() {
  if (done.school()) {
    const text = t("web.start.schools", { count: district.schools.size });
    body("school").replaceChildren(sign("online", text), " ", h("a", { href: "/registry" }, t("web.nav.registry")));
    return;
  }
  if (body("school").children.length) return;
  body("school").replaceChildren(
    form({
      label: t("web.start.school"),
      fields: [...newSchoolFields(), ...lineFields()],
      buttons: [{ text: t("web.registry.add"), main: true, act: addSchool }],
    }),
    h("p", { class: "note" }, t("web.start.or"), " ", h("a", { href: "/registry/import" }, t("web.registry.import"))),
  );
  suggestId(body("school"));
}

/** An id from the name, as long as nobody writes another one. */
function suggestId(place) {
  const [name, id] = ["name", "id"].map((one) => place.querySelector(`[name=${one}]`));
  let suggested = "";
  name.addEventListener("input", () => {
    if (id.value !== suggested) return;
    suggested = plain(name.value).replace(/^truong /, "").replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 64);
    id.value = suggested;
  });
}

async function addSchool(values) {
  const names = lineFields().map(({ name }) => name);
  const ofLine = Object.fromEntries(names.map((name) => [name, values[name]]));
  const ofSchool = Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
  await send("POST", "schools", { ...schoolOf(ofSchool), lines: [{ role: "primary", ...lineOf(ofLine) }] });
  return t("web.start.added");
}

function drawAgent() {
  const school = first();
  if (!school || made || body("agent").children.length) return;
  const schools = [...district.schools.values()].sort((a, b) => byName(a.name, b.name));
  body("agent").replaceChildren(
    form({
      label: t("web.start.agent"),
      fields: [
        { name: "school", label: t("web.list.school"), kind: "select", options: schools.map(({ id, name }) => [id, name]) },
        { ...agentField(agentOf(school)), required: true },
      ],
      buttons: [{ text: t("web.enrol.make"), main: true, act: enrol }],
    }),
  );
  const [chosen, agent] = ["school", "agent_id"].map((one) => body("agent").querySelector(`[name=${one}]`));
  chosen.addEventListener("change", () => {
    agent.value = agentOf(district.schools.get(chosen.value));
  });
}

async function enrol(values) {
  made = await makeCode(values.agent_id, values.school);
  body("agent").replaceChildren(made);
  show();
}

function drawData() {
  const [school] = measured();
  body("data").replaceChildren(
    school
      ? h("p", {}, sign("online", t("web.start.first_data", { school: school.name })), " ", h("a", { href: "/" }, t("web.start.to_wall")))
      : h("p", { class: "note" }, t("web.start.waiting")),
  );
}

drawAccount();
if (!may("admin")) for (const step of ["school", "agent"]) body(step).replaceChildren(h("p", { class: "note" }, t("web.refused.403")));
show();
