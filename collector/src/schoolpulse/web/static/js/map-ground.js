// What lies below the schools on the map: the areas by the schools in them, their names, and map tiles where the
// collector's configuration names a server of them.

const SVG = "http://www.w3.org/2000/svg";
const TILE = 256;
const LABEL = { wide: 8.2, high: 18 }; // pixels a letter, and a line
const ABOVE = 14; // so far above its first school

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Areas as `{name, points, middle}` from placed schools. */
export function areasOf(placed) {
  const areas = new Map();
  for (const { school, point } of placed) {
    const name = school.area.at(-1);
    if (!name) continue;
    if (!areas.has(name)) areas.set(name, []);
    areas.get(name).push(point);
  }
  return [...areas].map(([name, points]) => ({
    name,
    points: hull(points),
    count: points.length,
    top: { x: mean(points.map(({ x }) => x)), y: Math.min(...points.map(({ y }) => y)) },
  }));
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The convex hull, by Andrew's monotone chain. */
function hull(points) {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  if (sorted.length < 3) return sorted;
  const half = (all) => {
    const chain = [];
    for (const point of all) {
      while (chain.length >= 2 && turn(chain.at(-2), chain.at(-1), point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.toReversed())];
}

const turn = (o, a, b) => (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x);

/** Draws the areas: a thick rounded line round their schools makes a shape of even one or two. */
export function drawAreas(layer, areas, view) {
  layer.replaceChildren(
    ...areas.map(({ points }) => {
      const path = points.map((point, at) => {
        const { x, y } = view.at(point);
        return `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
      });
      return svg("path", { class: "ground", d: `${path.join("")}Z` });
    }),
  );
}

/**
 * Writes the areas' names, the ones with the most schools first, leaving out what would lie upon another or upon
 * `taken` places; these boxes are taken afterwards too.
 */
export function drawLabels(layer, areas, view, taken) {
  const labels = [];
  for (const area of areas.toSorted((a, b) => b.count - a.count)) {
    const at = view.at(area.top);
    at.y -= ABOVE;
    const box = { left: at.x - (area.name.length * LABEL.wide) / 2, right: at.x + (area.name.length * LABEL.wide) / 2, top: at.y - LABEL.high, bottom: at.y };
    if (isTaken(box, taken)) continue;
    taken.push(box);
    const text = svg("text", { class: "area-label", x: at.x.toFixed(1), y: (at.y - 4).toFixed(1) });
    text.textContent = area.name;
    labels.push(text);
  }
  layer.replaceChildren(...labels);
}

/** Whether a box lies upon one of the others. */
export function isTaken(box, taken) {
  return taken.some((other) => box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom);
}

/** Lays the tiles of `url` that the view needs; those that are there already stay. */
export function drawTiles(layer, url, view) {
  if (!url) return;
  const zoom = Math.max(0, Math.min(19, Math.round(Math.log2(view.scale / TILE))));
  const count = 2 ** zoom;
  const size = view.scale / count;
  const wanted = new Set();
  const last = (from, length) => Math.min(count - 1, Math.floor((from + length / view.scale) * count));
  for (let x = Math.max(0, Math.floor(view.x * count)); x <= last(view.x, view.width); x += 1) {
    for (let y = Math.max(0, Math.floor(view.y * count)); y <= last(view.y, view.height); y += 1) {
      const key = `${zoom}/${x}/${y}`;
      wanted.add(key);
      const image = layer.querySelector(`[data-tile="${key}"]`) ?? newTile(layer, url, { zoom, x, y, key });
      const corner = view.at({ x: x / count, y: y / count });
      for (const [name, value] of Object.entries({ x: corner.x, y: corner.y, width: size + 0.5, height: size + 0.5 })) {
        image.setAttribute(name, value.toFixed(1));
      }
    }
  }
  for (const image of [...layer.children]) if (!wanted.has(image.dataset.tile)) image.remove();
}

function newTile(layer, url, { zoom, x, y, key }) {
  const href = url.replace("{z}", zoom).replace("{x}", x).replace("{y}", y);
  const image = svg("image", { href, "data-tile": key });
  layer.append(image);
  return image;
}
