// Drawings, made of elements: data is never read as markup.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function canvas(box, height) {
  const width = Math.max(box.clientWidth, 200);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, height });
  box.replaceChildren(svg);
  return [svg, width];
}

// Steps of 1, 2 or 5 that cut a span into about so many.
function stepOf(span, about) {
  const raw = span / about;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5].find((m) => m * power >= raw) || 10);
}

function clockTime(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

// Values with their intervals, over the last minutes; a mark at the bottom where there was no number.
function drawHistory(box, readings) {
  const height = 190, left = 38, right = 8, top = 8, bottom = 24;
  const [svg, width] = canvas(box, height);
  const shown = readings.slice(-Math.max(30, Math.floor((width - left - right) / 5)));
  const numbers = shown.filter((r) => r.value !== null);
  const ends = numbers.flatMap((r) => [r.value, r.low ?? r.value, r.high ?? r.value]);
  if (!ends.length) {
    svg.append(shape("text", { x: left, y: height / 2 }, "no value yet"));
    return;
  }
  let low = Math.min(...ends), high = Math.max(...ends);
  const pad = Math.max(0, 10 - (high - low)) / 2 + 1;
  low -= pad; high += pad;
  const first = shown[0].at, span = Math.max(shown[shown.length - 1].at - first, 1);
  const x = (r) => left + ((r.at - first) / span) * (width - left - right);
  const y = (v) => top + ((high - v) / (high - low)) * (height - top - bottom);

  const step = stepOf(high - low, 4);
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    svg.append(shape("line", { class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }));
    svg.append(shape("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, String(Number(tick.toFixed(2)))));
  }
  svg.append(shape("text", { x: left, y: height - 4 }, clockTime(first)));
  svg.append(shape("text", { x: width - right, y: height - 4, "text-anchor": "end" }, clockTime(first + span)));

  for (const run of runs(shown)) {
    const banded = run.filter((r) => r.low !== null && r.high !== null);
    if (banded.length > 1) {
      const there = banded.map((r) => `${x(r)},${y(r.high)}`);
      const back = banded.map((r) => `${x(r)},${y(r.low)}`).reverse();
      svg.append(shape("polygon", { class: "band", points: [...there, ...back].join(" ") }));
    }
    svg.append(shape("polyline", { class: "line", points: run.map((r) => `${x(r)},${y(r.value)}`).join(" ") }));
    if (run.length === 1) svg.append(shape("circle", { class: "dot", cx: x(run[0]), cy: y(run[0].value), r: 2.5 }));
  }
  for (const r of shown) {
    if (r.value === null) {
      svg.append(shape("line", { class: "missing", x1: x(r), x2: x(r), y1: height - bottom - 3, y2: height - bottom + 3 }));
    }
  }
  const last = numbers[numbers.length - 1];
  svg.append(shape("circle", { class: "dot", cx: x(last), cy: y(last.value), r: 4 }));
}

// Stretches without a gap: readings without a number, or a meter that was away, break the line.
function runs(readings) {
  const found = [];
  let run = [];
  let before = null;
  for (const r of readings) {
    const gap = r.value === null || (before !== null && r.at - before.at > 30);
    if (gap && run.length) {
      found.push(run);
      run = [];
    }
    if (r.value !== null) run.push(r);
    before = r;
  }
  if (run.length) found.push(run);
  return found;
}

// The scale with the lots where they are expected (rings) or were measured (discs), and a stroke for each pair.
function drawCoverage(box, pairing) {
  const height = 64, side = 14;
  const [svg, width] = canvas(box, height);
  const [low, high] = pairing.scale;
  const x = (v) => side + ((v - low) / (high - low)) * (width - 2 * side);
  const line = 40;
  svg.append(shape("line", { class: "axis", x1: side, x2: width - side, y1: line, y2: line }));
  const step = stepOf(high - low, width < 480 ? 5 : 9);
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    svg.append(shape("line", { class: "axis", x1: x(tick), x2: x(tick), y1: line, y2: line + 4 }));
    svg.append(shape("text", { x: x(tick), y: height - 4, "text-anchor": "middle" }, String(Number(tick.toFixed(2)))));
  }
  for (const value of pairing.references) {
    svg.append(shape("line", { class: "tick", x1: x(value), x2: x(value), y1: 8, y2: 22 }));
  }
  for (const lot of pairing.lots) {
    if (lot.degree === null) continue;
    const node = shape("circle", { class: lot.measured ? "lot done" : "lot", cx: x(lot.degree), cy: line, r: 5.5 });
    node.append(shape("title", {}, `${lot.name}: ${Math.round(lot.degree)}, ${lot.cups} cups`));
    svg.append(node);
  }
}
