// The school calendar of the policy: outside of its days and hours incidents are recorded and nobody is woken.

import { get } from "./api.js";
import { byId, h, say } from "./dom.js";
import { capital, language, t } from "./texts.js";

const MONTHS = 6;
const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** Draws the months to come. */
export async function drawCalendar() {
  try {
    const calendar = await get("calendar", { months: MONTHS });
    say(byId("calendar-rule"), rule(calendar));
    const open = new Set(calendar.open_days);
    byId("calendar").replaceChildren(...monthsFrom(calendar.today).map((first) => month(first, open, calendar)));
  } catch (error) {
    say(byId("calendar-rule"), error.message);
  }
}

function rule({ always, hours }) {
  return always ? t("web.calendar.always") : t("web.calendar.rule", { from: hours[0], to: hours[1] });
}

function monthsFrom(today) {
  const [year, number] = today.split("-").map(Number);
  return Array.from({ length: MONTHS }, (_, at) => new Date(Date.UTC(year, number - 1 + at, 1)));
}

function month(first, open, { today, always }) {
  const locale = language === "vi" ? "vi-VN" : "en-GB";
  const name = capital(first.toLocaleDateString(locale, { month: "long", year: "numeric", timeZone: "UTC" }));
  const days = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  const before = (first.getUTCDay() + 6) % 7;
  const cells = WEEKDAYS.map((word) => h("li", { class: "weekday" }, t(`web.weekday.${word}`)));
  for (let at = 0; at < before; at += 1) cells.push(h("li", { "aria-hidden": "true" }));
  for (let day = 1; day <= days; day += 1) {
    const date = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth(), day)).toISOString().slice(0, 10);
    const isOpen = always || open.has(date);
    const state = t(isOpen ? "web.calendar.open" : "web.calendar.closed");
    const classes = [isOpen ? "open" : "closed", date === today ? "today" : ""].join(" ").trim();
    cells.push(h("li", { class: classes, title: state }, String(day), h("span", { class: "unseen" }, ` ${state}`)));
  }
  return h("section", { class: "month", "aria-label": name }, h("h3", {}, name), h("ol", {}, ...cells));
}
