// The watched processes.

import { act, ask, change } from "./ask.js";
import { Chart } from "./chart.js";
import { attribute, make, Rows, say, sayIf } from "./dom.js";
import { bytes, percent, reasonFor, roughly, sentence, time, urgency } from "./words.js";

const REFRESH_MS = 30_000;
// Until there is enough for a picture.
const FIRST_MS = 5_000;
const PATTERNS = {
  unknown: "too early to tell",
  stable: "stable",
  linear: "grows steadily",
  exponential: "grows faster and faster",
  spike: "has just jumped",
  leak: "leaks",
};

export class Memory {
  constructor(announce) {
    this.announce = announce;
    this.list = make("div.cards.broad");
    this.element = make("section", { "aria-labelledby": "memory", hidden: true },
      make("h2", { id: "memory" }, "Memory"), this.list);
    this.rows = new Rows(this.list, (process) => new Process(process.name));
    this.loaded = 0;
  }

  update(message) {
    this.element.hidden = message.memory.length === 0;
    const reasons = message.status.reasons;
    this.rows.update(message.memory, (process) => process.name, reasons);
    const pause = [...this.rows.rows.values()].some((row) => row.drawn) ? REFRESH_MS : FIRST_MS;
    if (Date.now() - this.loaded > pause && !this.element.hidden) this.load();
  }

  tell({ process, pattern, recommendation }) {
    this.announce(`Memory of ${nameOf(process)}: ${PATTERNS[pattern] ?? pattern}. ${recommendation}`);
  }

  async load() {
    this.loaded = Date.now();
    try {
      const { processes } = await ask("memory/history?count=408");
      for (const { name, moments } of processes) this.rows.rows.get(name)?.draw(moments);
    } catch {
      // The next one comes soon.
    }
  }
}

function nameOf(name) {
  return name === "self" ? "this exporter" : name;
}

class Process {
  constructor(name) {
    const id = `memory-${name}`;
    this.pattern = make("p.doing.badge");
    this.urgency = make("span.badge");
    this.advice = make("p");
    this.problem = make("p.problem");
    this.alarms = make("p.problem");
    this.facts = make("dl.facts.columns");
    this.fact = {};
    for (const label of ["In RAM", "Limit", "Heap", "Outside the heap", "Outside / heap", "Growth", "Full in", "Processes"]) {
      const value = make("dd");
      const row = make("div", {}, make("dt", {}, label), value);
      this.fact[label] = { row, value };
      this.facts.append(row);
    }
    this.chart = new Chart(["in RAM", "heap", "outside the heap"], bytes);
    this.outcome = make("p.quiet", { role: "status" });
    this.button = make("button", { type: "button", "aria-label": `Look at the memory of ${nameOf(name)} now` }, "Look now");
    this.button.addEventListener("click", () => act(this.button, this.outcome, () => this.analyse(name)));
    this.element = make("article.card", { id, "aria-labelledby": `${id}-name`, tabindex: -1 },
      make("header", {}, make("h3", { id: `${id}-name` }, nameOf(name)), this.urgency, this.pattern),
      this.problem, this.alarms, this.advice, this.facts, this.chart.element,
      make("div.actions", {}, this.button, this.outcome));
  }

  async analyse(name) {
    const { processes } = await change(`memory/analyze?process=${encodeURIComponent(name)}`);
    const depth = processes[0]?.in_depth;
    const own = depth?.unshared_bytes;
    const found = depth?.problem?.problem;
    const verdict = processes[0]?.verdict;
    const words = verdict ? PATTERNS[verdict.pattern] ?? verdict.pattern : "nothing is known yet";
    return `${time(new Date())}: ${words}; ${found ?? `${bytes(own)} are its own alone`}.`;
  }

  update({ name, up, problem, reading, verdict, crossings, growing }, reasons) {
    const judged = verdict && verdict.pattern !== "unknown";
    const grows = judged && verdict.pattern !== "stable";
    // What is not known yet is not well.
    const reason = reasonFor(reasons, "process", name);
    const level = reason?.level ?? (judged ? "ok" : null);
    attribute(this.element, "data-level", level);
    attribute(this.urgency, "data-level", level);
    sayIf(this.urgency, urgency(level));
    const words = verdict ? PATTERNS[verdict.pattern] ?? verdict.pattern : up ? "too early to tell" : "not running";
    const sure = judged ? `, confidence ${percent(verdict.confidence)}` : "";
    say(this.pattern, `${words}${sure}`);
    const limits = crossings.map(({ text }) => sentence(text)).join(" ");
    const piles = growing.length ? sentence(`ever more ${growing.map((what) => what.replaceAll("_", " ")).join(", ")}`) : "";
    sayIf(this.problem, [problem && sentence(problem.problem), piles, limits].filter(Boolean).join(" "));
    sayIf(this.alarms, (reason?.alarms ?? []).map(sentence).join(" "));
    sayIf(this.advice, verdict && sentence(verdict.recommendation));
    const { heap_bytes: heap, external_bytes: external } = reading ?? {};
    this.say("In RAM", reading && bytes(reading.resident_bytes));
    this.say("Limit", reading?.limit_bytes && `${bytes(reading.limit_bytes)}, ${percent(reading.resident_bytes / reading.limit_bytes)} in use`);
    this.say("Heap", known(heap) && bytes(heap));
    this.say("Outside the heap", known(external) && bytes(external));
    this.say("Outside / heap", known(external) && heap > 0 && (external / heap).toFixed(2));
    this.say("Growth", judged && `${bytes(verdict.slope_bytes_per_second * 60)} a minute`);
    this.say("Full in", grows && known(verdict.seconds_to_limit) && roughly(verdict.seconds_to_limit));
    this.say("Processes", reading && reading.processes > 1 && String(reading.processes));
  }

  say(label, text) {
    const { row, value } = this.fact[label];
    row.hidden = !text;
    say(value, text || "");
  }

  draw(moments) {
    const of = (figure) => moments.map((moment) => [Date.parse(moment.time), moment[figure] ?? null]);
    const newest = moments.at(-1);
    const label = newest ? `Memory since ${time(moments[0].time)}; now ${bytes(newest.resident_bytes)} in RAM` : "";
    this.chart.update([of("resident_bytes"), of("heap_bytes"), of("external_bytes")], label);
    this.drawn = moments.length > 1;
  }
}

function known(value) {
  return value !== null && value !== undefined;
}
