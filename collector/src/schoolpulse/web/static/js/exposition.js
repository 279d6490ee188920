// Prometheus' text format, as far as the collector's own figures need it.

const LINE = /^([a-z_:][a-z0-9_:]*)(?:\{([^}]*)\})? (\S+)/i;

/** The samples of a text: `{name: [{labels, value}]}`. */
export function parse(text) {
  const found = {};
  for (const line of text.split("\n")) {
    const match = line.startsWith("#") ? null : LINE.exec(line);
    if (!match) continue;
    const labels = Object.fromEntries([...(match[2] ?? "").matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/gi)].map(([, name, value]) => [name, value]));
    (found[match[1]] ??= []).push({ labels, value: Number(match[3]) });
  }
  return found;
}
