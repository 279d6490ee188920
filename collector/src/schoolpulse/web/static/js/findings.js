// Where record and measurement differ, in words.

import { h, sign } from "./dom.js";
import { kindOf } from "./record-fields.js";
import { t, technology } from "./texts.js";

/** One deviation as the API tells it. */
export function findingText({ kind, subject, recorded, measured, tests }) {
  const [role, way] = subject.split(" ");
  const values = {
    no_agent: {},
    no_line: {},
    speed_below_contract: { recorded: recorded.split(" ").slice(1).join(" "), measured, tests, line: line(role), way: way ? t(`web.finding.${way}`) : "" },
    technology_differs: { line: line(role), recorded: technology(recorded), measured: technology(measured) },
    device_not_recorded: { device: subject, kind: kindOf(measured) },
    device_never_seen: { device: subject, kind: kindOf(recorded) },
    device_kind_differs: { device: subject, recorded: kindOf(recorded), measured: kindOf(measured) },
  };
  return t(`web.finding.${kind}`, values[kind] ?? { subject, recorded, measured });
}

const line = (role) => (role === "backup" ? t("web.school.backup") : t("web.school.primary"));

/** The same as a list's item, with its sign. */
export const findingItem = (finding) => h("li", {}, sign("degraded", h("span", {}, findingText(finding))));
