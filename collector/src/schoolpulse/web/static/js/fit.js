// How many columns, and how high a row, so that every tile fits the board with the largest letters.

const GAP = 8;
// A tile's comfortable width and height in its own letters: with its state's word below the name, and,
// where that would get too small to read, with the name alone (shape and colour then tell the state).
const ROOMY = { wide: 10.5, high: 4.2 };
const DENSE = { wide: 9.8, high: 2.75 };
const DENSE_BELOW = 14;
const LARGEST = 21;
const SMALLEST = 11;
const TALLEST_EM = 5.6;

/**
 * @param {number} width of the board, in pixels
 * @param {number} height
 * @param {number} small tiles of one cell
 * @param {number} wide tiles of two by two cells
 */
export function fit(width, height, small, wide) {
  const roomy = fitWith(ROOMY, width, height, small, wide);
  if (roomy.font >= DENSE_BELOW) return { ...roomy, dense: false };
  return { ...fitWith(DENSE, width, height, small, wide), dense: true };
}

function fitWith(em, width, height, small, wide) {
  let best = { columns: 1, row: 64, font: 0 };
  const most = Math.min(small + 4 * wide, 40);
  for (let columns = wide ? 2 : 1; columns <= most; columns += 1) {
    const rows = rowsFor(columns, small, wide);
    const cellWidth = (width - GAP * (columns - 1)) / columns;
    const cellHeight = (height - GAP * (rows - 1)) / rows;
    const font = Math.min(cellWidth / em.wide, cellHeight / em.high, LARGEST);
    if (font > best.font) best = { columns, row: Math.min(cellHeight, font * TALLEST_EM), font };
  }
  const overflow = best.font < SMALLEST;
  if (overflow) {
    const columns = Math.max(2, Math.floor(width / (SMALLEST * em.wide)));
    best = { columns, row: SMALLEST * em.high, font: SMALLEST };
  }
  return { ...best, gap: GAP, overflow };
}

function rowsFor(columns, small, wide) {
  if (!wide) return Math.ceil(small / columns);
  const across = Math.floor(columns / 2);
  const wideRows = 2 * Math.ceil(wide / across);
  const left = Math.max(0, small - (wideRows * columns - 4 * wide));
  return wideRows + Math.ceil(left / columns);
}
