// Who looks at the page, and what they may do: pages offer nothing that would be refused.

import { get } from "./api.js";

const ROLES = ["viewer", "operator", "admin"];

/** The caller as the collector knows them: `{state, name, role, schools}`; `state` as the API says it. */
export const session = await load();

async function load() {
  let found = { state: "login", name: null, role: null, schools: null };
  try {
    found = await get("session");
  } catch {
    // Nothing answers: what follows finds out and says so.
  }
  const known = ROLES.indexOf(found.role);
  document.documentElement.dataset.roles = ROLES.slice(0, known + 1).join(" ");
  document.documentElement.toggleAttribute("data-everywhere", found.schools === null);
  return found;
}

/** Whether the caller's role is `role` or above. */
export const may = (role) => ROLES.indexOf(session.role) >= ROLES.indexOf(role);
