// The agent of a school: whose it is, whether it may connect, a code for its technician.

import { get } from "./api.js";
import { formDialog } from "./dialog.js";
import { byId, h } from "./dom.js";
import { codeDialog, enrolmentSign, revocable, revokeDialog } from "./enrol-code.js";
import { agentField } from "./record-fields.js";
import { may } from "./session.js";
import { shortTime, t } from "./texts.js";

/** Draws it from a school's record; `setAgent(id)` records another one, or none. */
export async function drawAgent(record, { setAgent }) {
  const agent = record.agent_id === null ? null : await get(`agents/${encodeURIComponent(record.agent_id)}`).catch(() => null);
  const when = (ms) => (ms === null ? "–" : shortTime(ms, Date.now()));
  const facts = [
    [t("web.edit.agent_id"), record.agent_id ?? t("web.registry.no_agent")],
    ...(agent
      ? [
          [t("web.enrol.state"), enrolmentSign(agent)],
          [t("web.school.heard"), when(agent.heard_ms)],
          [t("web.school.version"), agent.version ?? "–"],
          [t("web.school.hardware"), agent.hardware ?? "–"],
        ]
      : []),
    ...record.agents.filter(({ valid_to_ms: to }) => to !== null).map((old) => [t("web.edit.agent_before", { agent: old.agent_id }), `${when(old.valid_from_ms)} – ${when(old.valid_to_ms)}`]),
  ];
  const list = h("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  byId("agent").replaceChildren(list, may("admin") ? buttons(record, agent, setAgent) : "");
}

function buttons(record, agent, setAgent) {
  const known = record.agent_id;
  const another = () =>
    formDialog({
      title: t("web.edit.set_agent"),
      submit: t("web.form.save"),
      fields: [agentField(known)],
      act: ({ agent_id: chosen }) => setAgent(chosen),
    });
  const code = () => codeDialog(known ? { agent: known, school: record.id } : { schools: [record] });
  const revoke = () => revokeDialog(known, () => location.reload());
  return h(
    "div",
    { class: "actions" },
    h("button", { class: "tool main", type: "button", onclick: code }, t("web.enrol.make")),
    h("button", { class: "tool", type: "button", onclick: another }, t("web.edit.set_agent")),
    agent && revocable(agent) ? h("button", { class: "tool danger", type: "button", onclick: revoke }, t("web.enrol.revoke")) : "",
  );
}
