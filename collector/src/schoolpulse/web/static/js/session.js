// Who looks at the page, and what they may do: pages offer nothing that would be refused.

const ROLES = ["viewer", "operator", "admin"];

/** The caller as the collector knows them: `{state, name, role, schools}`; `state` as the API says it. */
export const session = await load();

async function load() {
  let found = { state: "login", name: null, role: null, schools: null };
  try {
    // Not by api.js: that waits for the texts, and both can come at once.
    const answer = await fetch("/api/v1/session");
    if (answer.ok) found = await answer.json();
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
