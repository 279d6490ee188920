// Everything the page says, and how it writes numbers, times and durations. Times are always those of
// Asia/Ho_Chi_Minh, wherever the browser stands.

export const language = document.documentElement.lang === "en" ? "en" : "vi";
const locale = language === "vi" ? "vi-VN" : "en-GB";
const zone = "Asia/Ho_Chi_Minh";
const catalogue = await (await fetch(`/static/i18n/${language}.json`)).json();

/** The text of `key`, its {names} filled in with `values`. A key that is not there shows as itself. */
export function t(key, values = {}) {
  const text = catalogue[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The text of `key` where the catalogue has it, else `otherwise`. */
export function tOr(key, otherwise) {
  return catalogue[key] ?? otherwise;
}

const formats = {
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  minute: { hour: "2-digit", minute: "2-digit" },
  day: { day: "2-digit", month: "2-digit" },
  date: { weekday: "long", day: "2-digit", month: "2-digit", year: "numeric" },
  dayYear: { day: "2-digit", month: "2-digit", year: "numeric" },
  dayMinute: { day: "2-digit", month: "2-digit", hour: "2-digit", minute: "2-digit" },
};
const writers = new Map();

/** Writes times in that format; made when first needed, since making one takes a browser some milliseconds. */
function writer(format) {
  if (!writers.has(format)) {
    const options = { ...formats[format], timeZone: zone, hour12: false, hourCycle: "h23" };
    writers.set(format, new Intl.DateTimeFormat(locale, options));
  }
  return writers.get(format);
}

/** `ms` as a time in one of the formats above; a day is written 22/11 in both languages. */
export function time(ms, format = "minute") {
  const text = writer(format).format(ms);
  return format === "date" ? text : text.replace(/-/g, "/");
}

/** A time as short as it can be told from `now`: with its day, and its year, only where that is another. */
export function shortTime(ms, now) {
  const [day, today] = [time(ms, "dayYear"), time(now, "dayYear")];
  if (day === today) return time(ms);
  return `${time(ms)}, ${day.slice(-4) === today.slice(-4) ? time(ms, "day") : day}`;
}

/** How long `ms` is, in its two greatest units; `coarse` says only the greatest. */
export function duration(ms, { coarse = false } = {}) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const pad = (n) => String(n).padStart(2, "0");
  if (s < 60) return t("web.time.second", { n: s });
  if (s < 3600) {
    const [a, b] = [Math.floor(s / 60), s % 60];
    return coarse || !b ? t("web.time.minute", { n: a }) : t("web.time.minute_second", { a, b: pad(b) });
  }
  if (s < 86_400) {
    const [a, b] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)];
    return b && !coarse ? t("web.time.hour_minute", { a, b: pad(b) }) : t("web.time.hour", { n: a });
  }
  const [a, b] = [Math.floor(s / 86_400), Math.floor((s % 86_400) / 3600)];
  return b && !coarse ? t("web.time.day_hour", { a, b }) : t("web.time.day", { n: a });
}

const numberWriters = new Map();

/** A number with at most `digits` decimals, in the language's own writing. */
export function number(value, digits = 0) {
  if (!numberWriters.has(digits)) {
    numberWriters.set(digits, new Intl.NumberFormat(locale, { maximumFractionDigits: digits }));
  }
  return numberWriters.get(digits).format(value);
}

/** A share as a percentage; never rounded up to 100 or down to 0. */
export function percent(ratio, digits = 1) {
  const factor = 10 ** digits;
  let shown = Math.round(ratio * 100 * factor) / factor;
  if (shown >= 100 && ratio < 1) shown = 100 - 1 / factor;
  if (shown <= 0 && ratio > 0) shown = 1 / factor;
  return `${number(shown, digits)}%`;
}

/** A figure as people read it: one decimal below ten. */
export function figure(value) {
  return number(value, value < 10 ? 1 : 0);
}

const names = new Intl.Collator(locale, { numeric: true });

/** Compares names as the language sorts them, numbers by value. */
export const byName = (a, b) => names.compare(a, b);

/** `text` as it is searched for: without case and diacritics. */
export function plain(text) {
  return text
    .normalize("NFD")
    .replace(/\p{Diacritic}/gu, "")
    .replace(/đ/gi, "d")
    .toLowerCase();
}

/** `text` with a capital first letter. */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** A school's name as it fits on a tile: the kind of school in letters. */
export function shortName(name) {
  return name
    .replace(/^Trường\s+/iu, "")
    .replace(/^Trung học cơ sở\b/iu, "THCS")
    .replace(/^Tiểu học(?=\s|$)/iu, "TH")
    .replace(/^Mầm non(?=\s|$)/iu, "MN");
}

/** What a line's technology is called. */
export function technology(word) {
  return tOr(`web.technology.${word}`, word.toUpperCase());
}
