// One incident: how it stands, its record, and what somebody who watches may do about it.

import { get, send } from "./api.js";
import { District } from "./district.js";
import { byId, h, icon, say, sign } from "./dom.js";
import { form } from "./form.js";
import { causeText, kindText, scopeText, statusOfKind } from "./status.js";
import { capital, duration, shortTime, t } from "./texts.js";
import { timeline } from "./timeline.js";

const id = decodeURIComponent(location.pathname.split("/").at(-1));
const path = `incidents/${encodeURIComponent(id)}`;
let detail = null;
let asked = 0;

const district = new District((kind, data) => {
  const concerned = data.incidents.some((one) => one.id === id || one.parent === id);
  if (kind === "snapshot" || concerned) load();
});

async function load() {
  asked += 1;
  const mine = asked;
  try {
    const answer = await get(path);
    if (mine !== asked) return;
    detail = answer;
    draw();
  } catch (error) {
    byId("missing").hidden = false;
    say(byId("missing"), error.status === 404 ? t("web.incidents.missing") : error.message);
  }
}

function draw() {
  byId("found").hidden = false;
  byId("missing").hidden = true;
  const open = detail.resolved_at === null;
  const status = open ? statusOfKind(detail.kind) : "online";
  const where = detail.school ? district.name(detail.school) : scopeText(detail);
  document.title = `${kindText(detail)} · ${where} · ${t("web.app.name")}`;
  if (byId("hero").dataset.status !== status || !byId("hero-sign").children.length) {
    byId("hero").dataset.status = status;
    byId("hero-sign").replaceChildren(icon(status));
  }
  say(byId("what"), kindText(detail));
  const link = detail.school ? h("a", { href: `/schools/${encodeURIComponent(detail.school)}` }, where) : where;
  byId("where").replaceChildren(link, detail.device ? ` · ${detail.device}` : "");
  say(byId("state"), t(open ? "web.incidents.still_open" : "web.change.resolved"));
  tick();
  drawFacts();
  byId("timeline").replaceChildren(...timeline(detail, detail.notes ?? [], district.now()));
  drawNotes(detail.notes ?? []);
  drawChildren();
}

function tick() {
  if (detail) say(byId("for"), duration((detail.end ?? district.now()) - detail.start));
}

function drawFacts() {
  const now = district.now();
  const when = (ms) => (ms === null ? "–" : shortTime(ms, now));
  const parent = detail.parent && h("a", { href: `/incidents/${encodeURIComponent(detail.parent)}` }, t("web.incidents.parent_link"));
  const facts = [
    ["cause", causeText(detail)],
    ["provider", detail.provider],
    ["start", when(detail.start)],
    ["end", when(detail.end)],
    ["confirmed", t("web.incidents.after", { age: duration(detail.confirmed_at - detail.start) })],
    ["paged", detail.paged_at.length ? detail.paged_at.map(when).join("; ") : t("web.incidents.nobody_told")],
    ["parent", parent],
  ];
  byId("facts").replaceChildren(
    ...facts.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, t(`web.incidents.${name}`)), h("dd", {}, value)]),
  );
}

function drawNotes(notes) {
  byId("notes-none").hidden = notes.length > 0;
  byId("notes").replaceChildren(
    ...notes.map((note) =>
      h(
        "li",
        {},
        h(
          "small",
          { class: "note" },
          [shortTime(note.at_ms, district.now()), note.person, note.kind === "ack" ? t("web.incidents.taken_on") : ""].filter(Boolean).join(" · "),
        ),
        note.text ? h("p", {}, note.text) : null,
      ),
    ),
  );
  byId("acknowledge").hidden = detail.resolved_at !== null || notes.some(({ kind }) => kind === "ack");
}

function drawChildren() {
  const children = [...district.incidents.values()].filter(({ parent }) => parent === id);
  byId("children").hidden = children.length === 0;
  byId("children-list").replaceChildren(
    ...children.map((child) =>
      h("li", {}, sign(statusOfKind(child.kind), h("a", { href: `/incidents/${encodeURIComponent(child.id)}` }, district.name(child.school)))),
    ),
  );
}

byId("acting").append(
  form({
    fields: [{ name: "text", label: t("web.incidents.note"), kind: "textarea", wide: true, max: 2000, empty: "" }],
    buttons: [
      { id: "acknowledge", text: t("web.incidents.acknowledge"), main: true, act: (values) => tell("acknowledge", values) },
      { id: "note", text: t("web.incidents.add_note"), act: (values) => tell("notes", values) },
    ],
  }),
);

async function tell(what, values) {
  await send("POST", `${path}/${what}`, values);
  await load();
  return capital(t("web.form.saved"));
}

setInterval(tick, 1_000);
