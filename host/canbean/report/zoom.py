"""A drawing that can be zoomed and moved along its time axis in the browser; without a script it is a still picture."""

from __future__ import annotations

from canbean.report.markup import Markup, element
from canbean.report.page import wide

CLOSEST = 100
"""How many times wider it can be drawn."""

SCRIPT = """
(function () {
  const box = document.currentScript.parentNode, view = box.querySelector('svg svg'), axis = box.querySelector('.ticks');
  const section = box.closest('section'), part = section.querySelector('.window');
  const number = (node, name) => Number(node.getAttribute(name));
  const left = number(view, 'x'), whole = number(view, 'width'), tall = number(view, 'height');
  const bottom = number(view, 'y') + tall, seconds = Number(view.dataset.seconds);
  let from = 0, wide = whole;

  function draw(tag, attributes, words) {
    const node = document.createElementNS(axis.namespaceURI, tag);
    for (const name in attributes) node.setAttribute(name, attributes[name]);
    if (words) node.textContent = words;
    axis.appendChild(node);
  }
  function ticks() {
    const start = from / whole * seconds, span = wide / whole * seconds;
    const unit = 300 >= span ? ['seconds', 1] : 10800 >= span ? ['minutes', 60] : ['hours', 3600];
    const rough = span / unit[1] / 8, power = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough * 0.999);
    axis.replaceChildren();
    draw('line', {x1: left, x2: left + whole, y1: bottom, y2: bottom, class: 'axis'});
    for (let n = Math.ceil(start / unit[1] / step - 1e-9); (start + span) / unit[1] / step + 1e-9 >= n; n++) {
      const x = left + (n * step * unit[1] - start) / span * whole;
      draw('line', {x1: x, x2: x, y1: bottom, y2: bottom + 4, class: 'axis'});
      const words = (n * step + 0).toLocaleString('en', {maximumFractionDigits: 6});
      draw('text', {x: x, y: bottom + 16, 'text-anchor': 'middle', class: 'tick'}, words);
    }
    const middle = {x: left + whole / 2, y: bottom + 34, 'text-anchor': 'middle', class: 'name'};
    draw('text', middle, unit[0] + ' since the first frame');
  }
  function show(start, width) {
    wide = Math.min(whole, Math.max(whole / CLOSEST, width));
    from = Math.min(whole - wide, Math.max(0, start));
    view.setAttribute('viewBox', [from, 0, wide, tall].join(' '));
    box.classList.toggle('near', whole > 2 * wide);
    if (part) {
      part.setAttribute('x', left + from);
      part.setAttribute('width', wide);
      part.classList.toggle('shown', whole > wide);
    }
    ticks();
  }
  function zoom(by, at) {
    const width = Math.min(whole, Math.max(whole / CLOSEST, wide / by));
    show(from + (wide - width) * at, width);
  }
  const acts = {
    '+': () => zoom(2, 0.5), '-': () => zoom(0.5, 0.5), '0': () => show(0, whole),
    'ArrowLeft': () => show(from - wide / 4, wide), 'ArrowRight': () => show(from + wide / 4, wide),
  };
  const names = {
    '-': ['\\u2212', 'Zoom out'], '+': ['+', 'Zoom in'], 'ArrowLeft': ['\\u2190', 'Earlier'],
    'ArrowRight': ['\\u2192', 'Later'], '0': ['Whole log', 'Show the whole log'],
  };
  const tools = document.createElement('div');
  tools.className = 'tools';
  for (const key in names) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = names[key][0];
    button.setAttribute('aria-label', names[key][1]);
    button.title = names[key][1];
    button.addEventListener('click', acts[key]);
    tools.appendChild(button);
  }
  const hint = document.createElement('span');
  hint.textContent = 'Drag to move, Ctrl and wheel or double click to zoom; keys + \\u2212 \\u2190 \\u2192 0.';
  tools.appendChild(hint);
  box.prepend(tools);

  const drawing = box.querySelector('svg');
  const share = event => {
    const edge = drawing.getBoundingClientRect(), scale = edge.width / drawing.viewBox.baseVal.width;
    return Math.min(1, Math.max(0, ((event.clientX - edge.left) / scale - left) / whole));
  };
  box.addEventListener('keydown', event => {
    const key = event.key === '=' ? '+' : event.key;
    if (event.ctrlKey || event.metaKey || event.altKey || !acts[key]) return;
    acts[key]();
    event.preventDefault();
  });
  drawing.addEventListener('wheel', event => {
    if (event.ctrlKey) zoom(Math.exp(-event.deltaY / 200), share(event));
    else if (event.deltaX || event.shiftKey) show(from + (event.deltaX || event.deltaY) / 800 * wide, wide);
    else return;
    event.preventDefault();
  }, {passive: false});
  drawing.addEventListener('dblclick', event => zoom(2, share(event)));
  let held = null;
  drawing.addEventListener('pointerdown', event => {
    held = {at: share(event), from: from};
    drawing.setPointerCapture(event.pointerId);
  });
  drawing.addEventListener('pointermove', event => {
    if (held) show(held.from - (share(event) - held.at) * wide, wide);
  });
  for (const end of ['pointerup', 'pointercancel']) drawing.addEventListener(end, () => { held = null; });

  section.addEventListener('click', event => {
    const link = event.target.closest('a[href^="#"]'), to = link ? document.getElementById(link.hash.slice(1)) : null;
    if (to) to.open = true;
  });
  section.addEventListener('toggle', event => {
    const node = event.target, from = Number(node.dataset.from), until = Number(node.dataset.until);
    if (!node.open || !node.dataset.until || node.querySelector('.tools')) return;
    const row = document.createElement('div'), button = document.createElement('button');
    row.className = 'tools';
    button.type = 'button';
    button.textContent = 'Show it in the lanes';
    button.addEventListener('click', () => {
      const room = Math.max(until - from, 0.2) * 0.1;
      show((from - room) / seconds * whole, (until - from + 2 * room) / seconds * whole);
      box.scrollIntoView({block: 'start'});
    });
    row.appendChild(button);
    node.querySelector('summary').after(row);
  }, true);
  ticks();
})();
""".replace("CLOSEST", str(CLOSEST))
"""Finds the one drawing that stands before it; holds no < and no ampersand, so that it is the same in HTML and in XML."""


def zoomable(drawing: Markup) -> Markup:
    """A drawing with the means to zoom it.

    Args:
        drawing: holds one inner `svg` with the attributes `x y width height viewBox` and `data-seconds`, the time that it
            spans, which is what is zoomed, and a group of class `ticks` with its time axis.
    """
    return element(
        "div", wide(drawing), element("script", Markup(SCRIPT)), class_="zoom", tabindex=0, role="group"
    )
