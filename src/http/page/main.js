// The live page: it shows what the events tell.

import { Alarms } from "./alarms.js";
import { attribute, make, plain, Rows, say, tell } from "./dom.js";
import { link } from "./link.js";
import { Memory } from "./memory.js";
import { Sources } from "./sources.js";
import { bytes, levels, roughly, sentence, symbols, time } from "./words.js";

const live = document.getElementById("live");
const basic = document.getElementById("basic");
const state = document.getElementById("link");

// Said to those who cannot see it.
const spoken = make("p.spoken", { role: "status", "aria-live": "polite" });
const announce = (text) => {
  spoken.textContent = [spoken.dataset.fresh && spoken.textContent, plain(text)].filter(Boolean).join(" ");
  spoken.dataset.fresh = "yes";
  setTimeout(() => delete spoken.dataset.fresh, 1_000);
};

class Summary {
  constructor() {
    this.badge = make("strong.badge");
    this.text = make("span");
    this.figures = make("p.quiet");
    this.list = make("ul.reasons");
    this.element = make("section.summary", { "aria-label": "Summary" }, make("p", {}, this.badge, " ", this.text), this.list, this.figures);
    this.rows = new Rows(this.list, () => {
      const name = make("a");
      const text = make("span");
      const element = make("li", {}, name, ": ", text);
      return {
        element,
        update: (reason) => {
          const kind = { source: "source", process: "memory" }[reason.about];
          const card = document.getElementById(`${kind}-${reason.subject}`);
          attribute(name, "href", card ? `#${encodeURIComponent(card.id)}` : null);
          say(name, reason.subject);
          attribute(element, "data-level", reason.level);
          tell(text, sentence(reason.text));
        },
      };
    });
  }

  update({ status, audio }) {
    attribute(this.element, "data-level", status.level);
    attribute(this.badge, "data-level", status.level);
    say(this.badge, `${symbols[status.level] ?? "?"} ${levels[status.level] ?? status.level}`);
    tell(this.text, status.text);
    this.rows.update(status.reasons, ({ about, subject, text }) => `${about} ${subject} ${text.replaceAll(/\d+/g, "#")}`);
    const parts = [`Running for ${roughly(status.uptime_seconds)}`];
    if (status.budget) parts.push(`${bytes(status.budget.used_bytes)} of ${bytes(status.budget.limit_bytes)} for audio in use`);
    parts.push(audio ? "audio may be heard on this machine" : "audio stays inside (web.audio is off)");
    say(this.figures, `${parts.join("; ")}.`);
  }
}

const summary = new Summary();
const alarms = new Alarms(announce);
const sources = new Sources(announce);
const memory = new Memory(announce);
const sections = [summary, alarms, sources, memory];
const save = ([name, href, text]) => make("a.button", { href, download: name }, text);
const exports_ = make("p.actions", {}, ...[
  ["report.md", "/api/v1/memory/report", "Report on memory"],
  ["status.json", "/api/v1/status", "Status"],
  ["sources.json", "/api/v1/sources", "Sources"],
  ["alarms.json", "/api/v1/alarms", "Alarms"],
  ["memory.csv", "/api/v1/memory/export?format=csv", "Memory's past"],
  ["allocations.json", "/api/v1/allocations", "Allocations"],
].map(save));
const past = make("p.actions", { hidden: true }, ...["sources", "alarms", "operations"].map((kind) =>
  save([`${kind}.csv`, `/api/v1/history/${kind}/export?format=csv`, `History of ${kind}`])));
live.append(...sections.map(({ element }) => element), make("section", { "aria-labelledby": "export" }, make("h2", { id: "export" }, "Export"), exports_, past));
document.body.append(spoken);

let version = null;
let latest = null;

function show(message) {
  version ??= message.status.version;
  // Another version has another page.
  if (version !== message.status.version) location.reload();
  latest = message;
  if (document.hidden && !live.hidden) return;
  sections.forEach((section) => section.update(message));
  attribute(document.documentElement, "data-level", message.status.level);
  past.hidden = message.status.monitoring.history !== "writing";
  const bad = message.status.reasons.length;
  document.title = bad ? `(${bad}) Audio sources` : "Audio sources";
  if (live.hidden) {
    live.hidden = false;
    basic.remove();
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && latest) sections.forEach((section) => section.update(latest));
});

link(
  (message) => {
    if (message.type === "snapshot") show(message);
    else if (message.type === "pattern") memory.tell(message);
    else if (message.type === "alarm") alarms.tell(message);
  },
  ({ live: isLive, open, since }) => {
    attribute(state, "data-state", isLive ? "live" : "late");
    attribute(live, "data-old", !isLive && since !== null);
    const doing = open ? "no news" : since ? "reconnecting…" : "connecting…";
    say(state, isLive ? "● live" : since ? `○ ${doing} data of ${time(since)}` : `○ ${doing}`);
  },
);
