// What is wrong by the rules, who has seen it, and what is over.

import { act, ask, change } from "./ask.js";
import { attribute, make, Rows, say, tell } from "./dom.js";
import { sentence, time, urgency } from "./words.js";

const RECENT = 10;
// What an alarm says goes on changing while it is on.
const REFRESH_MS = 10_000;
const CONFIRM_MS = 5_000;

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
    this.count = 0;
    this.loaded = 0;
  }

  update(message) {
    // The picture says which alarms are on; what they say is asked for when that changes, and
    // now and then.
    const on = JSON.stringify(message.status.alarms);
    const old = this.count > 0 && Date.now() - this.loaded > REFRESH_MS;
    if (on !== this.on || old) this.load(on);
  }

  tell({ event, alarm }) {
    if (event === "fired" || event === "worsened") this.announce(`Alarm, ${alarm.severity}: ${title(alarm)}. ${alarm.trigger}`);
    this.load(this.on);
  }

  async load(on) {
    this.on = on;
    this.loaded = Date.now();
    try {
      const { alarms } = await ask("alarms");
      this.show(alarms);
    } catch (error) {
      this.on = null;
      tell(this.note, error.message);
    }
  }

  show(all) {
    const over = (alarm) => alarm.state === "resolved";
    const active = all.filter((alarm) => !over(alarm));
    const gone = all.filter(over).slice(0, RECENT);
    this.count = active.length;
    this.rows.update(active, (alarm) => alarm.id);
    tell(this.note, active.length ? "" : "No alarm is on.");
    this.over.hidden = gone.length === 0;
    list(this.past, gone.map((alarm) => `${title(alarm)}: ${alarm.trigger} — resolved ${time(alarm.resolved_at)}`));
  }
}

function title({ type, subject }) {
  return `${subject.name}: ${type.replaceAll("_", " ")}`;
}

// As many items as there are texts; what is the same stays.
function list(parent, texts) {
  while (parent.childElementCount > texts.length) parent.lastElementChild.remove();
  while (parent.childElementCount < texts.length) parent.append(make("li"));
  texts.forEach((text, at) => tell(parent.children[at], text));
}

class Alarm {
  constructor(id, reload) {
    this.heading = make("h3");
    this.badge = make("span.badge");
    this.trigger = make("p.problem");
    this.advice = make("ul");
    this.since = make("p.quiet");
    this.outcome = make("p.quiet", { role: "status" });
    const say_ = (button, verb) => act(button, this.outcome, async () => {
      await change(`alarms/${encodeURIComponent(id)}/${verb}`, {});
      reload();
      return "";
    });
    this.acknowledge = make("button", { type: "button" }, "Acknowledge");
    this.acknowledge.addEventListener("click", () => say_(this.acknowledge, "acknowledge"));
    this.resolve = make("button", { type: "button" });
    this.resolve.addEventListener("click", () => {
      if (this.asked) {
        this.ask(false);
        say_(this.resolve, "resolve");
      } else {
        this.ask(true);
      }
    });
    this.runbook = make("a", {}, "What to do in detail");
    this.asked = null;
    this.title = "";
    this.ask(false);
    this.element = make("article.card", {}, make("header", {}, this.heading, this.badge), this.trigger, this.advice,
      make("p", {}, this.runbook), this.since,
      make("div.actions", {}, this.acknowledge, this.resolve, this.outcome));
  }

  // Whether the next press of "Resolve" does it. Nothing else moves: the focus stays.
  ask(really) {
    clearTimeout(this.asked);
    this.asked = really ? setTimeout(() => this.ask(false), CONFIRM_MS) : null;
    say(this.resolve, really ? "Press again to resolve" : "Resolve");
    attribute(this.resolve, "aria-label", `${really ? "Press again to resolve" : "Resolve"} ${this.title}`);
    tell(this.outcome, really
      ? "It stays quiet until the condition was gone, or for 24 h unless `alarms.reopen_after` says otherwise." : "");
  }

  update(alarm) {
    const level = alarm.severity === "critical" ? "critical" : "warning";
    attribute(this.element, "data-level", level);
    attribute(this.badge, "data-level", level);
    this.title = title(alarm);
    say(this.heading, this.title);
    say(this.badge, urgency(level));
    tell(this.trigger, sentence(alarm.trigger));
    list(this.advice, alarm.recommendations);
    const name = alarm.runbook?.split("/").at(-1);
    attribute(this.runbook, "href", name ? `/runbooks/${encodeURIComponent(name)}` : null);
    this.runbook.parentElement.hidden = !name;
    attribute(this.runbook, "aria-label", `What to do in detail: ${this.title}`);
    const seen = alarm.acknowledged ? `, acknowledged ${time(alarm.acknowledged.at)}` : "";
    const unknown = alarm.known === false ? "; whether it is still so is not known at the moment" : "";
    say(this.since, `Since ${time(alarm.since)}${seen}${unknown}`);
    this.acknowledge.hidden = Boolean(alarm.acknowledged);
    attribute(this.acknowledge, "aria-label", `Acknowledge ${this.title}`);
    if (!this.asked) attribute(this.resolve, "aria-label", `Resolve ${this.title}`);
  }
}
