// A table whose rows come and go by their key, sorted by the column somebody presses; on a phone each row is a
// card (parts.css).

import { h, recall, remember } from "./dom.js";
import { byName } from "./texts.js";

/**
 * A column: `name` in the address and memory, `title` above it, `cell(row)` what it shows, `value(row)` what it
 * sorts by (none: it does not sort), `figure` for numbers, which stand to the right.
 * @typedef {{name: string, title: string, cell: (row: any) => any, value?: (row: any) => any, figure?: boolean,
 *   needs?: string, down?: boolean}} Column
 */
export class Table {
  #columns;
  #key;
  #body;
  #heads = new Map();
  #shown = new Map();
  #rows = [];
  #name;
  #sort;
  #table;
  #none;

  /**
   * @param {HTMLElement} place where it is put
   * @param {{name: string, label: string, columns: Column[], key: (row: any) => string, sort: string,
   *   none?: string}} options
   *   `sort` names the column that it is sorted by at first; a minus before it turns it round; `none` is said
   *   in the place of a table without rows
   */
  constructor(place, { name, label, columns, key, sort, none }) {
    this.#columns = columns;
    this.#key = key;
    this.#name = name;
    const kept = recall(`sort-${name}`) ?? "";
    this.#sort = columns.some((column) => column.value && column.name === kept.replace("-", "")) ? kept : sort;
    this.#body = h("tbody", { role: "rowgroup" });
    const head = h("tr", { role: "row" }, ...columns.map((column) => this.#head(column)));
    this.#table = h("table", { class: "stack", role: "table", "aria-label": label, "data-empty": true });
    this.#table.append(h("thead", { role: "rowgroup" }, head), this.#body);
    place.replaceChildren(this.#table);
    this.#none = none;
    this.#showSort();
  }

  /** Shows these rows and no other. */
  show(rows) {
    this.#rows = rows;
    const known = new Set();
    for (const row of rows) {
      const key = this.#key(row);
      known.add(key);
      const before = this.#shown.get(key);
      if (before?.row !== row) this.#draw(key, row, before);
    }
    for (const [key, { element }] of this.#shown) {
      if (known.has(key)) continue;
      element.remove();
      this.#shown.delete(key);
    }
    this.#arrange();
    this.#table.toggleAttribute("data-empty", rows.length === 0);
    if (this.#none && !rows.length && !this.#table.nextSibling) this.#table.after(h("p", { class: "none small" }, this.#none));
  }

  /** Draws the rows anew, for what changes with the time. */
  tick(column) {
    const at = this.#columns.findIndex(({ name }) => name === column);
    for (const { row, element } of this.#shown.values()) fill(element.children[at], this.#columns[at].cell(row));
  }

  #draw(key, row, before) {
    const cells = this.#columns.map((column) => {
      const cell = h("td", {
        role: "cell",
        class: column.figure ? "figure" : null,
        "data-label": column.title,
        "data-needs": column.needs,
      });
      fill(cell, column.cell(row));
      return cell;
    });
    if (before) {
      // A menu or a button in the row keeps the focus where its cell can stay.
      cells.forEach((cell, at) => {
        const old = before.element.children[at];
        if (old.innerHTML !== cell.innerHTML || cell.querySelector("button")) old.replaceWith(cell);
      });
      before.row = row;
    } else {
      this.#shown.set(key, { row, element: h("tr", { role: "row", data: { key } }, ...cells) });
    }
  }

  #arrange() {
    const down = this.#sort.startsWith("-") ? -1 : 1;
    const column = this.#columns.find(({ name }) => name === this.#sort.replace("-", ""));
    const sorted = this.#rows.map((row, at) => ({ value: column?.value(row), row, at }));
    if (column) sorted.sort((a, b) => compare(a.value, b.value, down) || a.at - b.at);
    sorted.forEach(({ row }, at) => {
      const { element } = this.#shown.get(this.#key(row));
      const there = this.#body.children[at];
      if (there !== element) this.#body.insertBefore(element, there ?? null);
    });
  }

  #head(column) {
    const press = () => {
      const first = column.down ? `-${column.name}` : column.name;
      const second = column.down ? column.name : `-${column.name}`;
      this.#sort = this.#sort === first ? second : first;
      remember(`sort-${this.#name}`, this.#sort);
      this.#showSort();
      this.#arrange();
    };
    const title = column.value ? h("button", { type: "button", onclick: press }, column.title) : column.title;
    const head = h(
      "th",
      { scope: "col", role: "columnheader", class: column.figure ? "figure" : null, "data-needs": column.needs },
      title,
    );
    if (column.value) this.#heads.set(column.name, head);
    return head;
  }

  #showSort() {
    for (const [name, head] of this.#heads) {
      const sorted = { [name]: "ascending", [`-${name}`]: "descending" }[this.#sort];
      head.setAttribute("aria-sort", sorted ?? "none");
    }
  }
}

function fill(cell, content) {
  cell.replaceChildren(...[content].flat().filter((part) => part !== null && part !== undefined && part !== ""));
}

/** What is not known stands last, whichever way it is sorted. */
function compare(a, b, down) {
  if (a === b) return 0;
  if (a === null || a === undefined || a === "") return 1;
  if (b === null || b === undefined || b === "") return -1;
  return down * (typeof a === "number" && typeof b === "number" ? a - b : byName(String(a), String(b)));
}
