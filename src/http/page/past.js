// A source's last day, from the history, where one is kept.

import { ask } from "./ask.js";
import { Chart } from "./chart.js";
import { make, tell } from "./dom.js";
import { decibels, percent, time } from "./words.js";

const DAY_MS = 86_400_000;
const STEP = "15m";
const REFRESH_MS = 60_000;
// As quiet as makes no difference.
const FLOOR_DBFS = -80;

export class Past {
  constructor(name) {
    this.name = name;
    this.loaded = 0;
    this.audio = new Chart(["audio received, of what was due"], percent, [0, 1]);
    this.level = new Chart(["level"], decibels, [FLOOR_DBFS, 0]);
    this.note = make("p.quiet", { role: "status" });
    this.element = make("details", { hidden: true }, make("summary", {}, "The last day"),
      this.audio.element, this.level.element, this.note);
    this.element.addEventListener("toggle", () => this.element.open && this.load());
  }

  update(message) {
    this.element.hidden = message.status.monitoring.history !== "writing";
    if (this.element.open && Date.now() - this.loaded > REFRESH_MS) this.load();
  }

  async load() {
    this.loaded = Date.now();
    const from = new Date(Date.now() - DAY_MS).toISOString();
    try {
      const name = encodeURIComponent(this.name);
      const { rows } = await ask(`history/sources?source=${name}&from=${from}&step=${STEP}`);
      this.draw(rows);
    } catch (error) {
      tell(this.note, error.message);
    }
  }

  draw(rows) {
    const audio = rows.map((row) => [Date.parse(row.time), share(row)]);
    const level = rows.map((row) => [Date.parse(row.time), row.rms_ratio > 0 ? Math.max(FLOOR_DBFS, 20 * Math.log10(row.rms_ratio)) : null]);
    const known = audio.map(([, value]) => value).filter((value) => value !== null);
    const least = known.length ? percent(Math.min(...known)) : "nothing";
    this.audio.update([audio], `Audio received from ${this.name} in the last day, by quarters of an hour: at least ${least}`);
    this.level.update([level], `Level of ${this.name} in the last day`);
    tell(this.note, rows.length < 2
      ? "The history has just begun: there is more after a quarter of an hour."
      : `By quarters of an hour since ${time(rows[0].time)}; read at ${time(new Date())}.`);
  }
}

function share(row) {
  const due = row.expected_seconds;
  return due > 0 ? Math.min(1, Math.max(0, (row.audio_seconds - row.surplus_seconds) / due)) : null;
}
