// The charts of a school, drawn by Chart.js (a global, from /static/vendor/chart.js).

import { marks } from "./axis.js";
import { RHYTHM_MS } from "./series.js";
import { figure, number, shortTime, t, time } from "./texts.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** One line chart over time inside `section`. */
export class TimeChart {
  #section;
  #chart = null;
  #range = null;
  #lines = [];
  #options;

  /**
   * @param {HTMLElement} section with a canvas and a `.why`
   * @param {{unit: string, digits: number, least?: number}} options `least` is how high the axis is at least
   */
  constructor(section, options) {
    this.#section = section;
    this.#options = options;
    document.addEventListener("themechange", () => this.#redraw());
  }

  /**
   * Draws anew.
   * @param {{from: number, to: number, step: number}} range
   * @param {{label: string, color: string, points: any[], fill?: boolean, dash?: number[]}[]} lines
   */
  show(range, lines) {
    this.#range = range;
    this.#lines = lines;
    const empty = lines.every(({ points }) => points.length === 0);
    this.explain(empty ? t("web.chart.empty") : "");
    if (this.#chart === null) this.#create();
    else this.#update();
  }

  /** Says in place of the chart why there is nothing to see; with no text the chart shows. */
  explain(text) {
    const why = this.#section.querySelector(".why");
    why.textContent = text;
    why.hidden = !text;
    this.#section.querySelector("canvas").hidden = Boolean(text);
  }

  /** Adds a sample to the line called `label`, as the newest, and moves the range up to it. */
  append(label, at, value) {
    const line = this.#lines.find((candidate) => candidate.label === label);
    if (!line || this.#chart === null || !this.#range) return;
    const { step } = this.#range;
    const start = Math.floor(at / step) * step;
    const last = line.points.at(-1);
    if (last && start < last.x) return;
    if (last?.x === start && last.y !== null) fold(last, value);
    else line.points.push(...bridged(last, sample(start, value, value, value, 1), step));
  }

  /** Draws what was appended, up to `to`. */
  refresh(to) {
    if (this.#chart === null || !this.#range) return;
    const width = this.#range.to - this.#range.from;
    this.#range = { ...this.#range, from: to - width, to };
    for (const line of this.#lines) {
      if (line.points[0]?.constant) line.points = constantPoints(this.#range, line.points[0].y);
      while (line.points.length && line.points[0].x < this.#range.from - this.#range.step) line.points.shift();
    }
    this.#update();
  }

  #create() {
    const canvas = this.#section.querySelector("canvas");
    this.#chart = new window.Chart(canvas, { type: "line", data: this.#data(), options: this.#settings() });
  }

  #update() {
    this.#chart.data = this.#data();
    this.#chart.options = this.#settings();
    this.#chart.update("none");
  }

  #redraw() {
    if (this.#chart !== null) this.#update();
  }

  #data() {
    return {
      datasets: this.#lines.map(({ label, color, points, fill, dash }) => ({
        label,
        data: points,
        borderColor: css(color),
        backgroundColor: fill ? css("--chart-fill") : css(color),
        fill: fill ? "origin" : false,
        borderDash: dash ?? [],
        borderWidth: 2,
        borderJoinStyle: "round",
        pointRadius: points.length < 3 && !dash ? 3 : 0,
        pointHoverRadius: dash ? 0 : 4,
        pointHitRadius: 8,
        tension: 0.25,
        cubicInterpolationMode: "monotone",
      })),
    };
  }

  #settings() {
    const muted = css("--muted");
    const font = { family: css("--font"), size: 12 };
    const { from, to } = this.#range;
    return {
      animation: false,
      maintainAspectRatio: false,
      normalized: true,
      parsing: false,
      interaction: { mode: "index", axis: "x", intersect: false },
      scales: {
        x: {
          type: "linear",
          min: from,
          max: to,
          border: { display: false },
          grid: { display: false },
          ticks: { color: muted, font, maxRotation: 0, callback: (_, at, all) => all[at].text },
          afterBuildTicks: (axis) => {
            const most = Math.max(4, Math.floor(axis.width / 76));
            axis.ticks = marks(from, to, most).map(({ at, text }) => ({ value: at, text }));
          },
        },
        y: {
          beginAtZero: true,
          suggestedMax: this.#options.least,
          border: { display: false },
          grid: { color: css("--line") },
          ticks: { color: muted, font, maxTicksLimit: 5, callback: (value) => number(value, 2) },
        },
      },
      plugins: { legend: legend(muted, font, this.#lines.length), tooltip: this.#tooltip(font) },
    };
  }

  #tooltip(font) {
    const write = (value) => `${this.#options.digits ? figure(value) : number(value)} ${this.#options.unit}`;
    return {
      backgroundColor: css("--raised"),
      borderColor: css("--line"),
      borderWidth: 1,
      titleColor: css("--text"),
      bodyColor: css("--text"),
      titleFont: { ...font, weight: "600" },
      bodyFont: font,
      padding: 10,
      boxPadding: 4,
      filter: (item) => !item.raw.constant,
      callbacks: {
        title: ([item]) => (item ? `${shortTime(item.parsed.x, this.#range.to)}` : ""),
        label: ({ dataset, raw }) => {
          const [mean, min, max] = [raw.y, raw.min, raw.max].map(write);
          return `${dataset.label}: ${raw.count > 1 ? t("web.chart.range_of", { mean, min, max }) : mean}`;
        },
      },
    };
  }
}

function legend(color, font, lines) {
  return {
    display: lines > 1,
    align: "start",
    position: "top",
    labels: { color, font: { ...font, size: 13 }, padding: 14, usePointStyle: true, pointStyle: "line", pointStyleWidth: 28 },
    onClick: null,
  };
}

const sample = (x, y, min, max, count) => ({ x, y, min, max, count });

/** Takes one more value into a window. */
function fold(point, value) {
  point.y = (point.y * point.count + value) / (point.count + 1);
  point.min = Math.min(point.min, value);
  point.max = Math.max(point.max, value);
  point.count += 1;
}

/** `next`, with a hole before it where windows are missing, so that no line is drawn over a silence. */
function bridged(last, next, step) {
  const gap = last && last.y !== null && next.x - last.x > Math.max(2.5 * step, RHYTHM_MS);
  return gap ? [sample(last.x + step, null), next] : [next];
}

/** The points of a series of the API, each value times `factor`, with holes where nothing was measured. */
export function pointsOf(series, step, factor = 1) {
  const points = [];
  series.at_ms.forEach((at, n) => {
    const [y, min, max] = [series.mean[n], series.min[n], series.max[n]].map((value) => value * factor);
    points.push(...bridged(points.at(-1), sample(at, y, min, max, series.count[n]), step));
  });
  return points;
}

/** A level that holds over the whole range. */
export function constantPoints(range, y) {
  return [range.from, range.to].map((x) => ({ x, y, constant: true }));
}

/** The range in words. */
export function rangeText({ from, to }) {
  return `${time(from, "dayMinute")} – ${time(to, "dayMinute")}`;
}
