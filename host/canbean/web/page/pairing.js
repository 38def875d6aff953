// The wizard: shows the session's question, sends answers. What the session says is text and stays text.
"use strict";

const pairing = {
  state: null,
  may: true,
  busy: false,
  token: new URLSearchParams(location.hash.slice(1)).get("token") || "",

  show(state) {
    const asked = this.state === null || this.state.turn !== state.turn || this.state.text !== state.text;
    this.state = state;
    byId("pairing").hidden = false;
    byId("progress").textContent = `${state.kept} of ${state.target} pairs`;
    byId("bar").style.width = `${Math.min(100, (100 * state.kept) / state.target)}%`;
    byId("question").textContent = state.text;
    byId("hint").textContent = state.hint;
    if (asked) this.askAnew(state);
    drawCoverage(byId("coverage"), state);
    this.showKept(state.pairs);
    this.lock();
  },

  askAnew(state) {
    const text = byId("text"), ours = state.step === "ours";
    const ends = state.step === "done" || state.step === "doubt";
    text.value = "";
    text.hidden = ours || ends;
    text.inputMode = state.step === "reference" ? "decimal" : "text";
    text.placeholder = state.step === "reference" ? "78.5" : "";
    const send = byId("send");
    send.hidden = ends;
    send.classList.toggle("wide", ours);
    send.textContent = ours ? "It lies there: read it" : "OK";
    if (state.step === "cup") {
      text.hidden = true;
      send.hidden = true;
    }
    byId("choices").replaceChildren(...state.choices.map((choice, n) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = choice;
      if (n === 0 && state.step !== "degree") button.className = "first";
      button.addEventListener("click", () => this.answer(choice));
      return button;
    }), ...(state.step === "cup" ? [this.adding()] : []));
    byId("back").hidden = state.choices.includes("back");
    if (!text.hidden && document.activeElement && document.activeElement !== document.body) text.focus();
  },

  // A new lot, or a pair to take out, is typed.
  adding() {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "type…";
    button.addEventListener("click", () => {
      byId("text").hidden = false;
      byId("send").hidden = false;
      byId("text").focus();
    });
    return button;
  },

  showKept(pairs) {
    byId("kept-title").hidden = !pairs.length;
    const rows = [row("th", ["lot", "cup", "tamp", "professional", "no."])];
    for (const p of [...pairs].reverse()) rows.push(row("td", [p.lot, p.cup, p.tamp, p.reference, p.number]));
    byId("kept").replaceChildren(...(pairs.length ? rows : []));
  },

  lock() {
    byId("guarded").hidden = this.may;
    for (const node of byId("answer").querySelectorAll("input, button")) node.disabled = this.busy || !this.may;
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
