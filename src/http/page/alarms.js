// Alarms, where this build has them.

import { act, ask, change } from "./ask.js";
import { attribute, make, Rows, say } from "./dom.js";
import { symbols, time } from "./words.js";

const REFRESH_MS = 5_000;
const RECENT = 10;

export class Alarms {
  constructor(announce) {
    this.announce = announce;
    this.note = make("p.quiet");
    this.active = make("div.cards");
    this.past = make("ul.plain");
    this.over = make("details", { hidden: true }, make("summary", {}, "Resolved lately"), this.past);
    this.element = make("section", { "aria-labelledby": "alarms", hidden: true },
      make("h2", { id: "alarms" }, "Alarms"), this.note, this.active, this.over);
    this.rows = new Rows(this.active, (alarm) => new Alarm(alarm.id, () => this.load()));
    this.loaded = 0;
  }

  update(message) {
    const there = message.offers.includes("alarms");
    this.element.hidden = !there;
    if (there && Date.now() - this.loaded > REFRESH_MS) this.load();
  }

  tell() {
    this.load();
  }

  async load() {
    this.loaded = Date.now();
    try {
      const document = await ask("alarms");
      const all = document.alarms ?? [...(document.active ?? []), ...(document.recent ?? document.resolved ?? [])];
      this.show(all);
    } catch (error) {
      say(this.note, error.message);
    }
  }

  show(all) {
    const over = (alarm) => alarm.state === "resolved" || Boolean(alarm.resolved_at);
    const active = all.filter((alarm) => !over(alarm));
    const gone = all.filter(over).slice(0, RECENT);
    this.rows.update(active, (alarm) => alarm.id);
    say(this.note, active.length ? "" : "No alarm is on.");
    this.over.hidden = gone.length === 0;
    this.past.replaceChildren(...gone.map((alarm) =>
      make("li", {}, `${title(alarm)}: ${alarm.trigger ?? ""} — resolved ${time(alarm.resolved_at)}`)));
  }
}

function title({ type, alarm, subject }) {
  const who = typeof subject === "string" ? subject : subject?.name;
  return [who, (type ?? alarm ?? "alarm").replaceAll("_", " ")].filter(Boolean).join(": ");
}

class Alarm {
  constructor(id, reload) {
    this.heading = make("h3");
    this.badge = make("span.badge");
    this.trigger = make("p.problem");
    this.advice = make("ul");
    this.since = make("p.quiet");
    this.outcome = make("p.quiet", { role: "status" });
    const button = (text, verb) => {
      const element = make("button", { type: "button" }, text);
      element.addEventListener("click", () => act(element, this.outcome, async () => {
        await change(`alarms/${encodeURIComponent(id)}/${verb}`, {});
        reload();
        return "";
      }));
      return element;
    };
    this.acknowledge = button("Acknowledge", "acknowledge");
    this.resolve = button("Resolve", "resolve");
    this.element = make("article.card", {}, make("header", {}, this.heading, this.badge), this.trigger, this.advice, this.since,
      make("div.actions", {}, this.acknowledge, this.resolve, this.outcome));
  }

  update(alarm) {
    const level = alarm.severity === "critical" ? "critical" : "warning";
    attribute(this.element, "data-level", level);
    attribute(this.badge, "data-level", level);
    say(this.heading, title(alarm));
    say(this.badge, `${symbols[level]} ${alarm.severity}`);
    say(this.trigger, alarm.trigger ?? "");
    const advice = alarm.recommendations ?? [];
    if (this.advice.childElementCount !== advice.length) this.advice.replaceChildren(...advice.map((text) => make("li", {}, text)));
    const seen = alarm.acknowledged ? `, acknowledged ${time(alarm.acknowledged.at ?? alarm.acknowledged_at)}` : "";
    say(this.since, `Since ${time(alarm.since)}${seen}`);
    this.acknowledge.hidden = Boolean(alarm.acknowledged);
    attribute(this.acknowledge, "aria-label", `Acknowledge ${title(alarm)}`);
    attribute(this.resolve, "aria-label", `Resolve ${title(alarm)}`);
  }
}
