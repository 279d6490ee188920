// The few things the pages need to make elements.

const SVG = "http://www.w3.org/2000/svg";

/** An element `tag` with `props` (attributes, `on…` handlers, `data`) and `children`. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const icons = new Map();

/** The icon `name` of icons.svg, hidden from screen readers: a word always stands beside it. */
export function icon(name) {
  if (!icons.has(name)) icons.set(name, newIcon(name));
  return icons.get(name).cloneNode(true);
}

function newIcon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** The element with that id. */
export const byId = (id) => document.getElementById(id);

/** Sets an element's text only where it changes, so that nothing is laid out or read anew for nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says in `element` why there is nothing to see, or with an empty text goes out of the way. */
export function sayNone(element, text) {
  element.className = "none"; // and no longer "loading"
  element.hidden = !text;
  say(element, text);
}

/** A value kept in this browser, and null where storage is forbidden. */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps a value in this browser where it may. */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Forbidden or full: it holds until the page is left.
  }
}

/** The icon of a state in its colour, with the words that say it. */
export function sign(status, ...words) {
  const mark = icon(status);
  mark.classList.add(`ink-${status}`);
  return h("span", { class: "sign" }, mark, ...words);
}

/** Fills `list` (a select) with `options`, each `[value, text]`, keeping what is chosen where it is still there. */
export function fillSelect(list, options) {
  const before = list.value;
  list.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
  if (options.some(([value]) => value === before)) list.value = before;
}

/** Arrows move through a radio group of buttons; `choose(button)` is called for the chosen one. */
export function radioGroup(buttons, choose) {
  const show = (chosen) => {
    for (const button of buttons) {
      button.setAttribute("aria-checked", String(button === chosen));
      button.tabIndex = button === chosen ? 0 : -1;
    }
  };
  for (const [at, button] of buttons.entries()) {
    button.addEventListener("click", () => {
      show(button);
      choose(button);
    });
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = buttons[(at + step + buttons.length) % buttons.length];
      next.click();
      next.focus();
    });
  }
  return show;
}
