// The wizard: shows the session's question, sends answers. What the session says is text and stays text.
"use strict";

// Where the session's own hint speaks of keys.
const HINTS = {
  lots: "Its name, as you will find it again.",
  cup: "Pick a lot and fill a cup of it.",
  ours: "The meter reads it in a few seconds.",
  reference: "What its display shows.",
  doubt: "",
  done: "",
};

const pairing = {
  state: null,
  may: true,
  busy: false,
  token: new URLSearchParams(location.hash.slice(1)).get("token") || "",

  // An event may arrive after the answer to the question that it tells of.
  late(state) {
    return this.state !== null && state.run === this.state.run && state.turn < this.state.turn;
  },

  show(state) {
    if (this.late(state)) return;
    const asked = ["run", "turn", "text"].some((key) => this.state?.[key] !== state[key]);
    this.state = state;
    byId("pairing").hidden = false;
    byId("progress").textContent = `${state.kept} of ${state.target} pairs`;
    byId("bar").style.width = `${Math.min(100, (100 * state.kept) / state.target)}%`;
    byId("question").textContent = state.text;
    byId("hint").textContent = state.step in HINTS ? HINTS[state.step] : state.hint;
    if (asked) this.askAnew(state);
    drawCoverage(byId("coverage"), state);
    this.showKept(state.pairs);
    this.lock();
  },

  askAnew(state) {
    const step = state.step, field = byId("text"), send = byId("send");
    field.value = "";
    field.placeholder = "";
    field.inputMode = step === "reference" || step === "degree" ? "decimal" : "text";
    field.hidden = !["lots", "degree", "reference"].includes(step);
    send.hidden = field.hidden && step !== "ours";
    send.classList.toggle("wide", step === "ours");
    send.textContent = step === "ours" ? "It lies there: read it" : "OK";
    byId("choices").replaceChildren(...this.choices(state));
    byId("back").hidden = state.choices.includes("back") || step === "done";
    if (!field.hidden && document.activeElement && document.activeElement !== document.body) field.focus();
  },

  // What can be picked instead of typed.
  choices(state) {
    const [first, ...rest] = state.choices;
    switch (state.step) {
      case "lots":
        return state.lots.length ? [this.button("That is all", "")] : [];
      case "cup": {
        const unfinished = rest.includes("next");
        const others = state.lots.map((lot) => lot.name).filter((name) => name !== first);
        return [
          this.button(unfinished ? "Go on with it" : `${first}: it is filled`, first, "first"),
          ...(unfinished ? [this.button("Another cup", "next")] : others.length ? [this.select(others)] : []),
          ...(unfinished ? [] : [this.adding()]),
          this.button("End", "done"),
        ];
      }
      case "doubt":
        return [
          this.button("Measure this tamp again", "redo", "first"),
          this.button("Correct the last value", "back"),
          this.button("Keep it all the same", "keep"),
        ];
      case "reference":
        return state.reads_reference ? [this.button("It has measured: take its value", "", "first")] : [];
      case "done":
        return [this.button("Go on", "back")];
      default:
        return state.choices.map((choice) => this.button(choice, choice));
    }
  },

  button(words, answer, kind = "") {
    const node = document.createElement("button");
    node.type = "button";
    node.textContent = words;
    node.className = kind;
    node.addEventListener("click", () => this.answer(answer));
    return node;
  },

  select(names) {
    const node = document.createElement("select");
    node.setAttribute("aria-label", "another lot");
    for (const name of ["", ...names]) {
      const option = document.createElement("option");
      option.value = name;
      option.textContent = name || "another lot…";
      node.append(option);
    }
    node.addEventListener("change", () => node.value && this.answer(node.value));
    return node;
  },

  // A new lot is typed: its name here, where it lies as an answer to the question after.
  adding() {
    const node = document.createElement("button");
    node.type = "button";
    node.textContent = "A new lot…";
    node.addEventListener("click", () => {
      byId("text").hidden = byId("send").hidden = false;
      byId("text").placeholder = "its name";
      byId("text").focus();
    });
    return node;
  },

  // What is typed where lots are picked names a new one.
  typed() {
    const typed = byId("text").value;
    return this.state.step === "cup" && typed.trim() ? `add ${typed}` : typed;
  },

  showKept(pairs) {
    byId("kept-title").hidden = !pairs.length;
    const rows = [row("th", ["lot", "cup", "tamp", "value", ""])];
    const free = ["cup", "doubt"].includes(this.state.step);
    for (const p of [...pairs].reverse()) {
      const line = row("td", [p.lot, p.cup, p.tamp, p.reference, ""]);
      const out = this.button("✕", `drop ${p.number}`, "small");
      out.setAttribute("aria-label", `take pair ${p.number} out`);
      if (free) line.lastElementChild.append(out);
      rows.push(line);
    }
    byId("kept").replaceChildren(...(pairs.length ? rows : []));
  },

  lock() {
    byId("guarded").hidden = this.may;
    for (const node of byId("pairing").querySelectorAll("input, button, select")) node.disabled = this.busy || !this.may;
  },

  tell(said, error) {
    for (const [id, text] of [["said", said], ["error", error]]) {
      byId(id).textContent = text || "";
      byId(id).hidden = !text;
    }
  },

  async answer(text) {
    if (this.busy || !this.state) return;
    this.busy = true;
    this.lock();
    if (this.state.step === "ours" && text === "") this.tell("reading the cup…", "");
    if (this.state.step === "reference" && text === "") this.tell("waiting for the professional meter…", "");
    try {
      const response = await fetch("api/answer", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Canbean-Token": this.token },
        body: JSON.stringify({ turn: this.state.turn, answer: text }),
      });
      const told = await response.json();
      this.tell(told.said, told.error);
      if (told.pairing) this.show(told.pairing);
    } catch {
      this.tell("", "canbean does not answer: is it still running?");
    }
    this.busy = false;
    this.lock();
  },
};

function row(tag, cells) {
  const line = document.createElement("tr");
  cells.forEach((cell, n) => {
    const node = document.createElement(tag);
    node.textContent = String(cell);
    if (n === 0) node.className = "text";
    line.append(node);
  });
  return line;
}

function byId(id) {
  return document.getElementById(id);
}
