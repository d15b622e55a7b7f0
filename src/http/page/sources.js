// A card for each source.

import { act, ask, change } from "./ask.js";
import { Spark } from "./chart.js";
import { attribute, make, place, Rows, say, sayIf, tell } from "./dom.js";
import { Past } from "./past.js";
import { dbfs, decibels, format, percent, reasonFor, roughly, sentence, time, transports, urgency } from "./words.js";

const MINUTE_MS = 60_000;
const FLOOR_DBFS = -60;

const GAPS = {
  connect: "opening a session, or waiting for something to be there",
  backoff: "waiting between two attempts",
  stall: "connected, but nothing came",
  loss: "packets lost on the way",
  decode: "packets that could not be decoded",
  blocked: "refused, not decodable, or over the budget",
  local: "this machine was too slow or at fault",
};

export class Sources {
  constructor(announce) {
    this.list = make("div.cards");
    this.element = make("section", { "aria-labelledby": "sources" },
      make("h2", { id: "sources" }, "Sources"), this.list);
    this.rows = new Rows(this.list, (source) => new Card(source.name, announce));
  }

  update(message) {
    this.rows.update(message.sources, (source) => source.name, message);
  }
}

class Card {
  constructor(name, announce) {
    this.name = name;
    this.announce = announce;
    this.state = null;
    this.points = [];
    const id = `source-${name}`;
    this.symbol = make("span.symbol", { "aria-hidden": "true" });
    this.words = make("span");
    this.since = make("span.quiet");
    this.badge = make("span.badge", {}, this.symbol, this.words);
    this.urgency = make("span.badge");
    this.problem = make("p.problem");
    this.troubles = make("p.problem");
    this.alarms = make("p.problem");
    this.rms = make("div.bar");
    this.peak = make("div.peak");
    this.meter = make("div.meter",
      { role: "meter", "aria-label": `Level of ${name}`, "aria-valuemin": FLOOR_DBFS, "aria-valuemax": 0 },
      this.rms, this.peak);
    this.level = make("p.figures");
    this.spark = new Spark(`Level of ${name} in the last minute`);
    this.hour = new Coverage(`Audio of ${name} in the last hour`);
    this.day = new Coverage(`Audio of ${name} in the last day`);
    this.facts = make("dl.facts");
    this.fact = {};
    for (const label of ["Format", "Buffered", "Sessions", "Next attempt", "Last audio"]) this.addFact(label);
    this.sound = make("div.sound", { hidden: true });
    this.past = new Past(name);
    this.more = new More(name);
    this.buildSound();
    this.element = make("article.card", { id, "aria-labelledby": `${id}-name`, tabindex: -1 },
      make("header", {}, make("h3", { id: `${id}-name` }, name), this.urgency,
        make("p.doing", {}, this.badge, " ", this.since)),
      this.problem, this.troubles, this.alarms,
      this.meter, this.level, this.spark.element,
      make("div.coverages", {}, this.hour.element, this.day.element),
      this.facts, this.sound, this.buildActions(), this.past.element, this.more.element);
  }

  addFact(label) {
    const value = make("dd");
    const row = make("div", {}, make("dt", {}, label), value);
    this.fact[label] = { row, value };
    this.facts.append(row);
  }

  buildSound() {
    const base = `/api/v1/sources/${encodeURIComponent(this.name)}/clip.wav`;
    const player = make("div");
    const play = make("button", { type: "button" }, "Play the last 10 s");
    play.addEventListener("click", () => {
      const audio = make("audio", { controls: true, src: `${base}?last=10s`, "aria-label": `The last seconds of ${this.name}` });
      audio.addEventListener("error", () => player.replaceChildren(make("p.problem", {}, "There is no audio to play right now.")));
      player.replaceChildren(audio);
      audio.play().catch(() => audio.focus());
    });
    this.base = base;
    this.save = make("a.button", { download: `${this.name.replaceAll(":", "_")}.wav` });
    this.sound.append(play, this.save, player);
  }

  // Never more than there is, and while the buffer fills, not another number every second.
  updateSound({ buffered_seconds: buffered, capacity_seconds: capacity }, isAllowed) {
    this.sound.hidden = !(isAllowed && buffered > 0);
    const held = Math.min(60, buffered >= capacity * 0.97 ? capacity : buffered);
    const seconds = Math.max(1, held < 10 ? Math.floor(held) : Math.floor(held / 5) * 5);
    attribute(this.save, "href", `${this.base}?last=${seconds}s`);
    say(this.save, `Download the last ${seconds} s`);
  }

  buildActions() {
    const outcome = make("p.quiet", { role: "status" });
    this.reconnect = make("button", { type: "button", "aria-label": `Connect anew ${this.name}` }, "Connect anew");
    this.reconnect.addEventListener("click", () => act(this.reconnect, outcome, async () => {
      const { text } = await change(`sources/${encodeURIComponent(this.name)}/reconnect`);
      return text;
    }));
    return make("div.actions", {}, this.reconnect, outcome);
  }

  update(source, message) {
    const { state } = source;
    // Alarms about it count as well, as they do above.
    const reason = reasonFor(message.status.reasons, "source", this.name);
    const level = reason?.level ?? source.level;
    attribute(this.element, "data-level", level);
    attribute(this.element, "data-state", state);
    attribute(this.urgency, "data-level", level);
    sayIf(this.urgency, urgency(level));
    // Audio that comes may be worth nothing: these two are told apart.
    const { icon, flow } = transports[state] ?? { icon: "?" };
    attribute(this.badge, "data-flow", flow);
    say(this.symbol, icon);
    say(this.words, source.state_text);
    say(this.since, `for ${roughly(source.state_seconds)}`);
    if (this.state !== null && this.state !== state) {
      const why = source.problem ? `: ${source.problem}` : "";
      this.announce(`${this.name}: ${source.state_text}${why}`);
    }
    this.state = state;
    sayIf(this.problem, source.problem && sentence(source.problem));
    sayIf(this.troubles, source.troubles.map(sentence).join(" "));
    sayIf(this.alarms, (reason?.alarms ?? []).map(sentence).join(" "));
    this.updateLevel(source, message);
    const { hour, day } = source.coverage;
    this.hour.update("Audio, last hour", 3_600, hour);
    this.day.update("Audio, last day", 86_400, day);
    // Within the first hour both would say the same.
    this.day.element.hidden = day.over_seconds <= 3_600;
    this.updateFacts(source);
    this.updateSound(source, message.audio);
    this.reconnect.hidden = state === "disabled";
    this.past.update(message);
    this.more.update(source);
  }

  updateLevel({ signal }, message) {
    const rms = signal?.rms_dbfs ?? null;
    const peak = signal ? dbfs(signal.peak_ratio) : null;
    const share = (level) => (level === null ? 0 : 100 * (1 - level / FLOOR_DBFS));
    place(this.rms, share(rms));
    this.peak.hidden = peak === null;
    if (peak !== null) this.peak.style.insetInlineStart = `${Math.min(100, Math.max(0, share(peak))).toFixed(1)}%`;
    const quiet = signal?.silence === "digital" ? "digital silence" : signal ? decibels(rms) : "no audio";
    const text = signal
      ? `${quiet}${peak === null ? "" : `, peak of the last minute ${decibels(peak)}`}`
      : "No audio at the moment";
    say(this.level, text);
    attribute(this.meter, "aria-valuenow", rms === null ? FLOOR_DBFS : Math.max(FLOOR_DBFS, rms).toFixed(0));
    attribute(this.meter, "aria-valuetext", quiet);
    this.remember(rms, signal, message);
  }

  remember(rms, signal, message) {
    const now = Date.parse(message.time);
    const past = message.levels?.dbfs[this.name];
    if (!this.points.length && past) {
      const step = message.levels.step_seconds * 1_000;
      this.points = past.map((level, at) => [now - (past.length - 1 - at) * step, level]);
    }
    // Silence is a level at the floor; no audio is a gap.
    this.points.push([now, rms ?? (signal ? -100 : null)]);
    this.points = this.points.filter(([at]) => now - at <= MINUTE_MS + 5_000).slice(-120);
    const heard = this.points.map(([, level]) => level).filter((level) => level !== null);
    const range = heard.length ? `between ${decibels(Math.min(...heard))} and ${decibels(Math.max(...heard))}` : "no audio";
    this.spark.update(this.points, now, `Level of ${this.name} in the last minute: ${range}`);
  }

  updateFacts(source) {
    const wrong = source.mismatches.map((aspect) => aspect.replace("_", " "));
    const wanted = Object.entries(source.expected).filter(([, value]) => value !== null)
      .map(([aspect, value]) => `${aspect.replace("_", " ")} ${value}`);
    const format_ = format(source) + (wrong.length ? ` — expected ${wanted.join(", ")}` : "");
    this.say("Format", format_);
    this.say("Buffered", source.capacity_seconds > 0
      ? `${roughly(source.buffered_seconds)} of ${roughly(source.capacity_seconds)}` : "");
    const { attempts, disconnects } = source;
    this.say("Sessions", `${attempts} ${attempts === 1 ? "attempt" : "attempts"}, ${disconnects} ended`);
    const due = source.next_attempt && (Date.parse(source.next_attempt) - Date.now()) / 1_000;
    const waits = source.next_attempt && source.state !== "streaming" && source.state !== "connecting";
    this.say("Next attempt", waits ? (due > 1 ? `in ${roughly(due)}` : "now") : "");
    this.say("Last audio", source.state === "streaming" ? "" : time(source.last_audio));
  }

  say(label, text) {
    const { row, value } = this.fact[label];
    row.hidden = !text;
    say(value, text);
  }
}

class Coverage {
  constructor(label) {
    this.label = make("span.quiet");
    this.value = make("strong");
    this.bar = make("div.bar");
    this.track = make("div.meter.thin", { role: "meter", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 }, this.bar);
    this.element = make("div.coverage", {}, this.label, this.value, this.track);
  }

  update(words, whole, covered) {
    const short = covered.over_seconds < whole * 0.97;
    say(this.label, short ? `Audio since start, ${roughly(covered.over_seconds)}` : words);
    say(this.value, percent(covered.ratio));
    place(this.bar, 100 * (covered.ratio ?? 0));
    const poor = covered.ratio !== null && covered.ratio < 0.99;
    attribute(this.track, "data-level", covered.ratio === null ? null : poor ? "warning" : "ok");
    attribute(this.track, "aria-valuenow", ((covered.ratio ?? 0) * 100).toFixed(1));
    attribute(this.track, "aria-valuetext", `${percent(covered.ratio)} of what was due`);
  }
}

// What one looks at when something is wrong.
class More {
  constructor(name) {
    this.name = name;
    this.gaps = make("tbody");
    this.books = make("tbody");
    this.note = make("p.quiet", { role: "status" });
    this.gapRows = new Rows(this.gaps, ({ cause }) => {
      const value = make("td.number");
      const element = make("tr", {}, make("th", { scope: "row" }, cause, make("br"), make("small.quiet", {}, GAPS[cause] ?? "")), value);
      return { element, update: ({ seconds }) => say(value, roughly(seconds)) };
    });
    this.element = make("details", {}, make("summary", {}, "Where the time went, and who asked for buffers"),
      make("table", {}, make("caption", {}, "Missing audio by cause, since the start"), this.gaps),
      make("div.wide", {}, make("table", {}, make("caption", {}, "Requests for buffers"),
        make("thead", {}, make("tr", {}, ...["Buffer", "asked", "allocated", "repeated", "errors"].map((text) => make("th", { scope: "col" }, text)))),
        this.books)),
      this.note);
    this.element.addEventListener("toggle", () => this.element.open && this.load());
  }

  update(source) {
    if (!this.element.open) return;
    const gaps = Object.entries(source.gap_seconds).map(([cause, seconds]) => ({ cause, seconds }));
    this.gapRows.update(gaps.filter(({ seconds }) => seconds >= 0.5), ({ cause }) => cause);
  }

  async load() {
    try {
      const document = await ask(`allocations?limit=0&source=${encodeURIComponent(this.name)}`);
      const cells = (row) => [row.attempted, row.first_allocation, row.repeated_blocked, row.error];
      this.books.replaceChildren(...document.ledger.map((row) => make("tr", {},
        make("th", { scope: "row" }, row.buffer_type),
        ...cells(row).map((count) => make("td.number", {}, String(count))))));
      tell(this.note, `Read at ${time(new Date())}.`);
    } catch (error) {
      tell(this.note, error.message);
    }
  }
}
