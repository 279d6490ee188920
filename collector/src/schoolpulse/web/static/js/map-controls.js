// Moves the map: drag, pinch and wheel; arrows, plus, minus and zero; from school to school with Tab and arrows.

import { byId } from "./dom.js";
import { neighbour } from "./neighbour.js";

const STEP_PX = 80;
const ZOOM = 1.5;
const CLICK_PX = 5;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @param {{redraw: () => void, fit: () => void, links: () => Element[]}} map */
export function runControls(frame, view, map) {
  const zoom = (factor, at) => {
    view.zoom(factor, at);
    map.redraw();
  };
  byId("zoom-in").addEventListener("click", () => zoom(ZOOM));
  byId("zoom-out").addEventListener("click", () => zoom(1 / ZOOM));
  byId("fit").addEventListener("click", map.fit);
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(1.0015 ** -event.deltaY, place(frame, event));
  }, { passive: false });
  frame.addEventListener("keydown", (event) => {
    if (press(event, { frame, view, map, zoom })) event.preventDefault();
  });
  runPointers(frame, view, map, zoom);
}

function press(event, { frame, view, map, zoom }) {
  const { key } = event;
  if (key === "+" || key === "=") zoom(ZOOM);
  else if (key === "-") zoom(1 / ZOOM);
  else if (key === "0") map.fit();
  else if (key === "Escape" && event.target !== frame) frame.focus();
  else if (key === "Enter" && event.target === frame) nearest(frame, map.links())?.focus();
  else if (MOVES[key] && event.target !== frame) {
    neighbour(event.target.closest("a"), key, map.links())?.focus();
    keepInSight(frame, view, map);
  } else if (MOVES[key]) {
    view.pan(MOVES[key][0] * STEP_PX, MOVES[key][1] * STEP_PX);
    map.redraw();
  } else return false;
  return true;
}

/** The school nearest to the middle of what is seen. */
function nearest(frame, links) {
  const box = frame.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const away = (link) => {
    const at = link.getBoundingClientRect();
    return Math.hypot(at.left + at.width / 2 - x, at.top + at.height / 2 - y);
  };
  return links.map((link) => ({ link, away: away(link) })).sort((a, b) => a.away - b.away)[0]?.link;
}

function keepInSight(frame, view, map) {
  const [box, at] = [frame.getBoundingClientRect(), document.activeElement.getBoundingClientRect()];
  const dx = Math.min(0, at.left - box.left - STEP_PX) + Math.max(0, at.right - box.right + STEP_PX);
  const dy = Math.min(0, at.top - box.top - STEP_PX) + Math.max(0, at.bottom - box.bottom + STEP_PX);
  if (dx || dy) {
    view.pan(dx, dy);
    map.redraw();
  }
}

function runPointers(frame, view, map, zoom) {
  const down = new Map();
  let moved = 0;
  frame.addEventListener("pointerdown", (event) => {
    down.set(event.pointerId, place(frame, event));
    moved = 0;
  });
  frame.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const now = place(frame, event);
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    moved += Math.hypot(now.x - before.x, now.y - before.y);
    if (moved > CLICK_PX && !frame.hasPointerCapture(event.pointerId)) frame.setPointerCapture(event.pointerId);
    if (other) {
      const span = (a) => Math.hypot(a.x - other.x, a.y - other.y);
      zoom(span(now) / Math.max(1, span(before)), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    } else {
      view.pan(before.x - now.x, before.y - now.y);
      map.redraw();
    }
    down.set(event.pointerId, now);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    frame.addEventListener(kind, (event) => down.delete(event.pointerId));
  }
  // Who drags the map by a school does not want to open it; who presses one does.
  frame.addEventListener("click", (event) => {
    if (moved > CLICK_PX) event.preventDefault();
  }, true);
  frame.addEventListener("dragstart", (event) => event.preventDefault());
}

function place(frame, event) {
  const box = frame.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}
