// The report: which period, about whom, in which form; its main figures here, the document to keep.

import { download, get } from "./api.js";
import { byId, h, say, sign } from "./dom.js";
import { form } from "./form.js";
import { runFrame } from "./frame.js";
import { byName, language, number, percent, t } from "./texts.js";

runFrame();
const date = (day) => day.split("-").reverse().join("/");

function periodText({ kind, name, first, last, complete }) {
  const [year, part] = [name.split("-").slice(0, 2).join("–"), name.split("-")[2]];
  const words = {
    month: t("web.reports.month", { month: name.split("-").reverse().join("/") }),
    semester: t("web.reports.semester", { number: part, year }),
    school_year: t("web.reports.school_year", { year }),
  };
  const text = words[kind] ?? `${date(first)} – ${date(last)}`;
  return complete ? text : `${text} (${t("web.reports.so_far")})`;
}

async function begin() {
  const [{ items: periods }, { items: schools }] = await Promise.all([get("reports/periods"), get("schools")]);
  schools.sort((a, b) => byName(a.name, b.name));
  const last = periods.find(({ kind, complete }) => kind === "month" && complete) ?? periods[0];
  byId("ask").replaceChildren(
    form({
      label: t("web.reports.ask"),
      fields: [
        { name: "period", label: t("web.reports.period"), kind: "select", value: last?.name, options: [...periods.map((one) => [one.name, periodText(one)]), ["", t("web.reports.days")]] },
        { name: "from", label: t("web.reports.from"), kind: "date" },
        { name: "to", label: t("web.reports.to"), kind: "date" },
        { name: "school", label: t("web.reports.about"), kind: "select", options: [["", t("web.reports.everybody")], ...schools.map(({ id, name }) => [id, name])] },
        { name: "lang", label: t("web.reports.language"), kind: "select", value: language, options: ["vi", "en"].map((one) => [one, t(`web.language.${one}`)]) },
        { name: "form", label: t("web.reports.form"), kind: "select", options: ["pdf", "xlsx", "csv", "json"].map((one) => [one, t(`web.reports.form_${one}`)]) },
      ],
      buttons: [
        { id: "download", text: t("web.reports.download"), main: true, act: save },
        { id: "show", text: t("web.reports.show"), act: show },
      ],
    }),
  );
  const period = byId("ask").querySelector("[name=period]");
  const days = ["from", "to"].map((name) => byId("ask").querySelector(`[name=${name}]`).closest(".field"));
  const showDays = () => days.forEach((field) => (field.hidden = period.value !== ""));
  period.addEventListener("input", showDays);
  showDays();
}

const asked = ({ period, from, to, school }) =>
  Object.fromEntries(Object.entries(period ? { period, school } : { from, to, school }).filter(([, value]) => value));

async function save(values) {
  const { blob, name } = await download("reports/download", { ...asked(values), lang: values.lang, form: values.form });
  const link = h("a", { href: URL.createObjectURL(blob), download: name ?? `report.${values.form}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return t("web.reports.saved", { name: link.download });
}

async function show(values) {
  const report = await get("reports", asked(values));
  const { whole: total } = report;
  const share = (ratio) => (ratio === null ? t("web.reports.nothing") : percent(ratio));
  const hours = (value) => t("web.time.hour", { n: number(value, 1) });
  byId("figures").hidden = false;
  say(byId("figures-label"), `${date(report.period.first)} – ${date(report.period.last)}`);
  byId("incomplete").hidden = report.period.complete;
  say(byId("incomplete"), t("web.reports.not_over"));
  const rows = [
    ["kpi", `${share(total.connected_schools_ratio)} (${number(total.schools_connected)}/${number(total.schools)})`],
    ["connected", share(total.hours.connected_ratio)],
    ["broadband", share(total.hours.broadband_ratio)],
    ["measured", share(total.hours.measured_ratio)],
    ["outages", number(total.outages.count)],
    ["lost", hours(total.hours.lost_hours)],
    ["on_backup", hours(total.hours.backup_hours)],
    ["speed", share(total.speed.down_ratio)],
    ["devices", share(total.devices.up_ratio)],
  ];
  byId("facts").replaceChildren(...rows.flatMap(([name, value]) => [h("dt", {}, t(`web.reports.${name}`)), h("dd", {}, value)]));
}

begin().catch((error) => byId("ask").replaceChildren(sign("down", error.message)));
