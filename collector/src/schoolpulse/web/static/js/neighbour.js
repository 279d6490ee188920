// From one thing on the screen to the next by arrow keys.

const DIRECTIONS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/** The one of `links` that lies next to `from` in the direction of the key, by where they stand on the screen. */
export function neighbour(from, key, links) {
  const at = links.indexOf(from);
  if (key === "Home") return links[0];
  if (key === "End") return links.at(-1);
  const [dx, dy] = DIRECTIONS[key] ?? [0, 0];
  if (!dx && !dy) return null;
  const here = centre(from);
  let best = null;
  let least = Infinity;
  for (const link of links) {
    const there = centre(link);
    const [x, y] = [there.x - here.x, there.y - here.y];
    const ahead = x * dx + y * dy;
    const aside = Math.abs(x * dy) + Math.abs(y * dx);
    if (link !== from && ahead > 4 && ahead + 3 * aside < least) {
      least = ahead + 3 * aside;
      best = link;
    }
  }
  // At the end of a row the next one follows, as in reading.
  return best ?? links[at + (dx || dy)] ?? null;
}

function centre(element) {
  const box = element.getBoundingClientRect();
  return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
}
