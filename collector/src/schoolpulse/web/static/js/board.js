// The schools on the wall: a tile each, in the order asked for, fitted to the screen, walked by arrow keys.

import { byId, h, icon, recall, remember, say } from "./dom.js";
import { fit } from "./fit.js";
import { neighbour } from "./neighbour.js";
import { ALARMING, severity, statusText } from "./status.js";
import { byName, duration, number, plain, shortName, shortTime, t, technology } from "./texts.js";

const asList = matchMedia("(max-width: 60rem)"); // as in wall.css
const CHANGE_SHOWN_MS = 60_000;

export class Board {
  #grid = byId("schools");
  #schools = new Map();
  #tiles = new Map();
  #areas = new Map();
  #changes = new Map();
  #order = recall("order") === "area" ? "area" : "worst";
  #search = "";
  #status = null;
  #wide = new Set();
  #now;

  /** @param {() => number} now the collector's time */
  constructor(now) {
    this.#now = now;
    this.#grid.addEventListener("keydown", (event) => this.#walk(event));
    new ResizeObserver(() => this.#fit(this.#room())).observe(this.#grid.parentElement);
    asList.addEventListener("change", () => this.#arrange());
  }

  get order() {
    return this.#order;
  }

  set order(order) {
    this.#order = order;
    remember("order", order);
    this.#arrange();
  }

  /** Shows only schools whose name or area holds `text`. */
  set search(text) {
    this.#search = plain(text.trim());
    this.#arrange();
  }

  /** Shows only schools in that state; null shows all. */
  set status(status) {
    this.#status = status;
    this.#arrange();
  }

  /** Everything anew. */
  replace(schools) {
    const before = this.#schools;
    this.#schools = new Map(schools.map((school) => [school.id, school]));
    for (const [id, tile] of this.#tiles) {
      if (!this.#schools.has(id)) {
        tile.item.remove();
        this.#tiles.delete(id);
      }
    }
    for (const school of schools) this.#draw(school, before.get(school.id));
    this.#arrange();
  }

  /** Some schools changed; gives those whose state did. */
  update(schools) {
    const moved = [];
    for (const school of schools) {
      const before = this.#schools.get(school.id);
      this.#schools.set(school.id, school);
      this.#draw(school, before);
      if (before?.status !== school.status) moved.push(school);
    }
    if (moved.length) this.#arrange();
    return moved;
  }

  /** Brings the durations on the tiles up to date. */
  tick() {
    for (const id of this.#wide) this.#write(this.#schools.get(id), this.#tiles.get(id));
    for (const [id, at] of this.#changes) {
      if (this.#now() - at > CHANGE_SHOWN_MS) {
        this.#tiles.get(id)?.link.classList.remove("changed");
        this.#changes.delete(id);
      }
    }
  }

  /** Puts the focus on that school, or on the first. */
  focus(id) {
    const shown = [...this.#grid.querySelectorAll(".tile")];
    const tile = this.#tiles.get(id)?.link;
    (tile?.isConnected ? tile : shown[0])?.focus();
  }

  #draw(school, before) {
    let tile = this.#tiles.get(school.id);
    if (!tile) {
      tile = newTile(school);
      this.#tiles.set(school.id, tile);
    }
    if (before && before.status !== school.status) {
      tile.link.classList.remove("changed");
      void tile.link.offsetWidth; // begins the animation anew
      tile.link.classList.add("changed");
      this.#changes.set(school.id, this.#now());
    }
    if (tile.link.dataset.status !== school.status) {
      tile.link.dataset.status = school.status;
      tile.icon.replaceWith((tile.icon = icon(school.status)));
    }
    say(tile.name, shortName(school.name));
    this.#write(school, tile);
  }

  #write(school, tile) {
    const wide = this.#wide.has(school.id);
    say(tile.word, statusText(school.status));
    say(tile.more, wide ? this.#age(school) : detail(school));
    if (wide) say(tile.place, place(school, this.#now()));
  }

  #age(school) {
    return school.since_ms === null ? "" : duration(this.#now() - school.since_ms, { coarse: true });
  }

  #arrange() {
    const focused = document.activeElement?.closest?.(".tile");
    const shown = [...this.#schools.values()].filter((school) => this.#matches(school)).sort(this.#compare);
    const room = this.#room(); // before anything moves, or the browser lays out every tile twice
    this.#enlarge(shown, room);
    const items = [];
    let area = null;
    for (const school of shown) {
      if (this.#order === "area" && areaOf(school) !== area) {
        area = areaOf(school);
        items.push(this.#areaItem(area));
      }
      items.push(this.#tiles.get(school.id).item);
    }
    // Moving what already stands in its place would restart its animation and lose its focus.
    items.forEach((item, at) => {
      if (this.#grid.children[at] !== item) this.#grid.insertBefore(item, this.#grid.children[at] ?? null);
    });
    while (this.#grid.children.length > items.length) this.#grid.lastElementChild.remove();
    this.#fit(room);
    this.#roving(focused?.isConnected ? focused : null);
    if (focused?.isConnected) focused.focus({ preventScroll: true });
    this.#sayNothing(shown.length);
  }

  #matches(school) {
    if (this.#status && school.status !== this.#status) return false;
    return !this.#search || plain([school.name, ...school.area].join(" ")).includes(this.#search);
  }

  #compare = (a, b) => {
    const bad = severity(a.status) - severity(b.status);
    if (this.#order === "area") return byName(areaOf(a), areaOf(b)) || bad || byName(a.name, b.name);
    const recent = ALARMING.has(a.status) ? (b.since_ms ?? 0) - (a.since_ms ?? 0) : 0;
    return bad || recent || byName(a.name, b.name);
  };

  #areaItem(name) {
    let item = this.#areas.get(name);
    if (!item) {
      item = h("li", { class: "area-name" }, name || t("web.wall.no_area"));
      this.#areas.set(name, item);
    }
    return item;
  }

  /** Makes the alarming tiles large, as long as the others stay readable beside them. */
  #enlarge(shown, room) {
    const size = (wide) => fit(room.width, room.height, shown.length - wide, wide).font;
    const alarming = shown.filter((school) => ALARMING.has(school.status));
    const roomy = this.#order === "worst" && size(alarming.length) > 0.78 * size(0);
    this.#wide = new Set(roomy ? alarming.map((school) => school.id) : []);
    for (const school of shown) {
      const tile = this.#tiles.get(school.id);
      tile.item.classList.toggle("wide", this.#wide.has(school.id));
      this.#write(school, tile);
    }
  }

  /** What the board has for its tiles, in pixels. */
  #room() {
    const { clientWidth, clientHeight } = this.#grid.parentElement;
    return { width: clientWidth, height: clientHeight };
  }

  #fit({ width, height }) {
    if (asList.matches) {
      this.#grid.removeAttribute("data-overflow");
      this.#grid.removeAttribute("data-dense");
      return this.#grid.style.setProperty("--tile-font", "1rem");
    }
    const wide = this.#grid.querySelectorAll(".wide").length;
    const best = fit(width, height, this.#grid.children.length - wide, wide);
    this.#grid.style.setProperty("--columns", best.columns);
    this.#grid.style.setProperty("--row", `${best.row}px`);
    this.#grid.style.setProperty("--gap", `${best.gap}px`);
    this.#grid.style.setProperty("--tile-font", `${best.font}px`);
    this.#grid.toggleAttribute("data-overflow", best.overflow);
    this.#grid.toggleAttribute("data-dense", best.dense);
  }

  /** One tile is in the tab order; the arrows go on from there. */
  #roving(current) {
    const links = [...this.#grid.querySelectorAll(".tile")];
    const chosen = current ?? links[0];
    for (const link of links) link.tabIndex = link === chosen ? 0 : -1;
  }

  #walk(event) {
    const from = event.target.closest(".tile");
    const to = from && neighbour(from, event.key, [...this.#grid.querySelectorAll(".tile")]);
    if (!to) return;
    event.preventDefault();
    this.#roving(to);
    to.focus();
  }

  #sayNothing(shown) {
    const nothing = byId("nothing");
    nothing.hidden = shown > 0;
    const empty = this.#schools.size === 0;
    nothing.replaceChildren(
      ...(empty
        ? [
            h("span", {}, t("web.wall.empty")),
            h("small", {}, t("web.wall.empty_hint")),
            h("a", { class: "tool main", href: "/start", "data-needs": "admin" }, t("web.wall.begin")),
          ]
        : [t("web.wall.search_none")]),
    );
  }
}

function newTile(school) {
  const tile = {
    icon: icon(school.status),
    name: h("span", { class: "name" }),
    word: h("span", { class: "word" }),
    more: h("span", { class: "more" }),
    place: h("span", { class: "place soft" }),
  };
  tile.link = h(
    "a",
    {
      class: "tile",
      href: `/schools/${encodeURIComponent(school.id)}`,
      title: school.name,
      data: { status: school.status },
    },
    tile.icon,
    tile.name,
    h("span", { class: "state soft" }, tile.word, " ", tile.more),
    tile.place,
  );
  tile.item = h("li", { data: { school: school.id } }, tile.link);
  return tile;
}

function detail(school) {
  if (school.status === "on_backup") return backupInUse(school);
  const rtt = school.now?.reachability.national?.rtt_ms;
  const told = school.status === "online" || school.status === "degraded";
  return told && Number.isFinite(rtt) ? t("web.wall.rtt", { ms: number(Math.max(1, rtt)) }) : "";
}

/** The technology that carries the school while its broadband is lost: measured, else as recorded. */
function backupInUse(school) {
  const used = school.now?.uplink?.role === "backup" ? school.now.uplink.technology : null;
  const word = used ?? school.lines.find(({ role }) => role === "backup")?.technology;
  return word ? technology(word) : "";
}

function place(school, now) {
  const line = school.lines.find(({ role }) => role === "primary");
  const since = school.since_ms === null ? "" : t("web.wall.since", { time: shortTime(school.since_ms, now) });
  const onBackup = school.status === "on_backup" && backupInUse(school);
  const backup = onBackup ? t("web.wall.backup_in_use", { technology: onBackup }) : "";
  return [since, backup, line?.provider, school.area.at(-1)].filter(Boolean).join(" · ");
}

const areaOf = (school) => school.area.at(-1) ?? "";
