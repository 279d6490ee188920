// An agent's way in: a one-time code and what the technician types with it, and its end. Shared by the pages
// on which agents are enrolled.

import { send } from "./api.js";
import { formDialog } from "./dialog.js";
import { h, sign } from "./dom.js";
import { agentField } from "./record-fields.js";
import { byName, plain, shortTime, t } from "./texts.js";

const LOOKS = { enrolled: "online", code: "unknown", revoked: "down", none: "unknown" };

/** Whether an agent has enrolled, in a word. */
export const enrolmentSign = ({ enrolment }) => sign(LOOKS[enrolment], t(`web.enrolment.${enrolment}`));

/** Whether there is something to take away from an agent: an account, or a code that waits. */
export const revocable = ({ account, code }) => Boolean(account?.active || code);

/** What the agent of a school is called as long as nobody says otherwise; `classroom` names one of its rooms. */
export function agentOf(school, classroom = "") {
  const base = school.id.toLowerCase().replace(/[_.]/g, "-");
  const room = plain(classroom).replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  return room ? `${base}-${room}`.slice(0, 64) : (school.agent_id ?? base);
}

/** Makes a code and gives the element that shows it, this once. */
export async function makeCode(agent, school, classroom = null) {
  const made = await send("POST", `agents/${encodeURIComponent(agent)}/code`, { school_id: school, classroom });
  const command = `schoolpulse-agent enroll ${made.code} --server ${location.origin}`;
  return h(
    "div",
    { class: "sections" },
    h("p", { class: "code" }, made.code),
    h("p", { class: "note" }, t("web.enrol.until", { time: shortTime(made.expires_ms, Date.now()) })),
    h("p", {}, t("web.enrol.type")),
    h("pre", { tabindex: "0" }, command),
  );
}

/**
 * Asks before a code is made, then shows it. For `agent`, at `school` (its id) where it stands at one; without
 * an agent, for one of `schools` (their records) that is chosen here. `made()` is called when there is a code.
 */
export function codeDialog({ agent = null, school = null, schools = [], made = () => {} }) {
  const sorted = [...schools].sort((a, b) => byName(a.name, b.name));
  const [first] = sorted;
  const choice = { name: "school", label: t("web.list.school"), kind: "select", required: true, options: sorted.map(({ id, name }) => [id, name]) };
  const fields = [
    ...(sorted.length > 1 ? [choice] : []),
    { name: "classroom", label: t("web.enrol.classroom"), max: 200, hint: t("web.enrol.classroom_hint") },
    { ...agentField(first && agentOf(first)), required: true },
  ];
  const element = formDialog({
    title: agent ? t("web.enrol.make_for", { agent }) : t("web.enrol.make"),
    lead: t("web.enrol.lead"),
    submit: t("web.enrol.make"),
    fields: agent ? [] : fields,
    act: async (values) => {
      const shown = await makeCode(agent ?? values.agent_id, agent ? school : (values.school ?? first?.id), values.classroom);
      await made();
      return shown;
    },
  });
  if (!agent) suggestId(element, sorted);
}

/** Names the agent after its school and room, as long as nobody writes another name. */
function suggestId(element, schools) {
  const [school, classroom, id] = ["school", "classroom", "agent_id"].map((name) => element.querySelector(`[name=${name}]`));
  let suggested = id.value;
  const follow = () => {
    if (id.value !== suggested) return;
    const chosen = schools.find((one) => one.id === school?.value) ?? schools[0];
    suggested = chosen ? agentOf(chosen, classroom.value) : "";
    id.value = suggested;
  };
  for (const input of [school, classroom]) input?.addEventListener("input", follow);
}

/** Asks before an agent is cut off; `done()` is called when it is. */
export function revokeDialog(agent, done) {
  formDialog({
    title: t("web.enrol.revoke_of", { agent }),
    lead: t("web.enrol.revoke_lead"),
    submit: t("web.enrol.revoke"),
    danger: true,
    fields: [],
    act: async () => {
      await send("POST", `agents/${encodeURIComponent(agent)}/revoke`);
      await done();
    },
  });
}
