// Web Mercator: between degrees, the square world of 0..1 that map tiles divide, and pixels on the screen.

const LIMIT = 85.05112878;
const EARTH_M = 40_075_016.686;

/** A place on earth as a point of the square world. */
export function project(lat, lon) {
  const phi = (Math.max(-LIMIT, Math.min(LIMIT, lat)) * Math.PI) / 180;
  return { x: (lon + 180) / 360, y: 0.5 - Math.asinh(Math.tan(phi)) / (2 * Math.PI) };
}

/** Metres that a unit of the square world is long at height `y`. */
export function metres(y) {
  return EARTH_M / Math.cosh((0.5 - y) * 2 * Math.PI);
}

/** The part of the world that is on the screen: `scale` pixels to a unit, `x` and `y` its left upper corner. */
export class View {
  constructor() {
    Object.assign(this, { x: 0, y: 0, scale: 256, width: 1, height: 1, most: 256 * 2 ** 19 });
  }

  /** Where a point of the world is on the screen. */
  at(point) {
    return { x: (point.x - this.x) * this.scale, y: (point.y - this.y) * this.scale };
  }

  /** Shows all of `points`, with `margin` pixels around them. */
  fit(points, margin) {
    const xs = points.map(({ x }) => x);
    const ys = points.map(({ y }) => y);
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
    const across = Math.max(1, this.width - 2 * margin) / Math.max(right - left, 1e-9);
    const down = Math.max(1, this.height - 2 * margin) / Math.max(bottom - top, 1e-9);
    // A single school is no reason to show its roof.
    this.scale = Math.min(across, down, 256 * 2 ** 15);
    this.least = this.scale / 4;
    this.x = (left + right) / 2 - this.width / 2 / this.scale;
    this.y = (top + bottom) / 2 - this.height / 2 / this.scale;
  }

  /** Enlarges by `factor` round a point of the screen, within bounds. */
  zoom(factor, at = { x: this.width / 2, y: this.height / 2 }) {
    const scale = Math.max(this.least ?? 256, Math.min(this.most, this.scale * factor));
    this.x += at.x / this.scale - at.x / scale;
    this.y += at.y / this.scale - at.y / scale;
    this.scale = scale;
  }

  /** Moves what is seen by so many pixels. */
  pan(dx, dy) {
    this.x += dx / this.scale;
    this.y += dy / this.scale;
  }

  /** Keeps the middle where it was when the frame changes its size. */
  resize(width, height) {
    this.x += (this.width - width) / 2 / this.scale;
    this.y += (this.height - height) / 2 / this.scale;
    this.width = width;
    this.height = height;
  }
}
