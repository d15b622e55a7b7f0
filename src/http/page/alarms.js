// What is wrong by the rules, who has seen it, and what is over.

import { act, ask, change } from "./ask.js";
import { attribute, make, Rows, say } from "./dom.js";
import { sentence, symbols, time } from "./words.js";

const RECENT = 10;

export class Alarms {
  constructor(announce) {
    this.announce = announce;
    this.note = make("p.quiet");
    this.active = make("div.cards");
    this.past = make("ul.plain");
    this.over = make("details", { hidden: true }, make("summary", {}, "Resolved lately"), this.past);
    this.element = make("section", { "aria-labelledby": "alarms" },
      make("h2", { id: "alarms" }, "Alarms"), this.note, this.active, this.over);
    this.rows = new Rows(this.active, (alarm) => new Alarm(alarm.id, () => this.load(this.on)));
    this.on = null;
  }

  update(message) {
    // The picture says which alarms are on; what they say is asked for when that changes.
    const on = JSON.stringify(message.status.alarms);
    if (on !== this.on) this.load(on);
  }

  tell({ event, alarm }) {
    if (event === "fired" || event === "worsened") this.announce(`Alarm, ${alarm.severity}: ${title(alarm)}. ${alarm.trigger}`);
    this.load(this.on);
  }

  async load(on) {
    this.on = on;
    try {
      const { alarms } = await ask("alarms");
      this.show(alarms);
    } catch (error) {
      this.on = null;
      say(this.note, error.message);
    }
  }

  show(all) {
    const over = (alarm) => alarm.state === "resolved";
    const active = all.filter((alarm) => !over(alarm));
    const gone = all.filter(over).slice(0, RECENT);
    this.rows.update(active, (alarm) => alarm.id);
    say(this.note, active.length ? "" : "No alarm is on.");
    this.over.hidden = gone.length === 0;
    this.past.replaceChildren(...gone.map((alarm) =>
      make("li", {}, `${title(alarm)}: ${alarm.trigger} — resolved ${time(alarm.resolved_at)}`)));
  }
}

function title({ type, subject }) {
  return `${subject.name}: ${type.replaceAll("_", " ")}`;
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
    say(this.trigger, sentence(alarm.trigger));
    const advice = alarm.recommendations;
    if (this.advice.childElementCount !== advice.length) this.advice.replaceChildren(...advice.map((text) => make("li", {}, text)));
    const seen = alarm.acknowledged ? `, acknowledged ${time(alarm.acknowledged.at)}` : "";
    say(this.since, `Since ${time(alarm.since)}${seen}`);
    this.acknowledge.hidden = Boolean(alarm.acknowledged);
    attribute(this.acknowledge, "aria-label", `Acknowledge ${title(alarm)}`);
    attribute(this.resolve, "aria-label", `Resolve ${title(alarm)}`);
  }
}
