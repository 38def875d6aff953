// What the meter says, as it comes.
"use strict";

const HISTORY = 600;
const ARROWS = { rising: "↗ rising", falling: "↘ falling", steady: "→ steady" };
let readings = [];
let connected = false;
let meter = { there: false, words: "connecting…" };

function showState() {
  const node = byId("state");
  const there = connected && meter.there;
  node.className = `state ${there ? "there" : "away"}`;
  node.lastElementChild.textContent = connected ? meter.words : "no connection to canbean: trying again";
  byId("value").classList.toggle("old", !there);
}

function text(id, words) {
  byId(id).textContent = words;
}

function notice(words) {
  const node = document.createElement("p");
  node.className = "notice";
  node.textContent = words;
  return node;
}

function showReading(r) {
  const has = r.value !== null;
  text("value", has ? String(r.value) : "--");
  byId("value").classList.toggle("none", !has);
  text("degree", r.degree || "");
  text("interval", has && r.low !== null && r.high !== null ? `${r.low} to ${r.high}` : "");
  text("trend", has ? ARROWS[r.trend.direction] || "" : "");
  text("why", r.why);
  byId("why").hidden = !r.why;
  byId("warnings").replaceChildren(...r.warnings.map(notice));
  const t = r.trend, fixed = (v, n) => (v === null ? "–" : v.toFixed(n));
  text("middle", fixed(t.median, 1));
  text("spread", fixed(t.spread, 2));
  text("range", t.lowest === null ? "–" : `${fixed(t.lowest, 1)} to ${fixed(t.highest, 1)}`);
  text("count", String(t.count));
  document.title = has ? `${r.value} · ${byId("title").textContent}` : byId("title").textContent;
}

function take(r) {
  readings = [...readings, r].slice(-HISTORY);
  showReading(r);
  drawHistory(byId("history"), readings);
}

function showAll(all) {
  text("title", all.title);
  document.title = all.title;
  byId("simulated").hidden = !all.simulated;
  meter = all.state;
  readings = all.readings;
  if (readings.length) showReading(readings[readings.length - 1]);
  drawHistory(byId("history"), readings);
  byId("no-pairing").hidden = all.pairing !== null;
  if (all.pairing) pairing.show(all.pairing);
  showState();
}

function listen() {
  const events = new EventSource("api/events");
  const on = (name, act) => events.addEventListener(name, (event) => act(JSON.parse(event.data)));
  on("all", (all) => {
    connected = true;
    showAll(all);
  });
  on("reading", take);
  on("state", (state) => {
    meter = state;
    showState();
  });
  on("pairing", (told) => {
    if (pairing.late(told.pairing)) return;
    pairing.tell(told.said, "");
    pairing.show(told.pairing);
  });
  events.addEventListener("error", () => {
    connected = false;
    showState();
    // a browser gives up where the server said no
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
}

byId("answer").addEventListener("submit", (event) => {
  event.preventDefault();
  pairing.answer(pairing.typed());
});
byId("back").addEventListener("click", () => pairing.answer("back"));
addEventListener("resize", () => {
  drawHistory(byId("history"), readings);
  if (pairing.state) drawCoverage(byId("coverage"), pairing.state);
});

fetch("api/state", { headers: { "X-Canbean-Token": pairing.token } })
  .then((response) => response.json())
  .then((all) => {
    pairing.may = all.may;
    connected = true;
    showAll(all);
  })
  .catch(() => showState())
  .finally(listen);
