// Pictures of figures over time.

import { attribute, drawn, make } from "./dom.js";
import { time } from "./words.js";

const WIDTH = 300;

// The path of points [t, value]; a null value is a break.
function path(points, x, y) {
  let pen = "M";
  let d = "";
  for (const [at, value] of points) {
    if (value === null || value === undefined) {
      pen = "M";
      continue;
    }
    d += `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  }
  return d;
}

// The last minute of a level, in dBFS.
export class Spark {
  constructor(label) {
    this.line = drawn("path.line");
    this.area = drawn("path.area");
    const guides = [-20, -40].map((level) =>
      drawn("path.guide", { d: `M0 ${Spark.y(level)}H${WIDTH}` }),
    );
    this.element = drawn(
      "svg.spark",
      { viewBox: `0 0 ${WIDTH} 60`, preserveAspectRatio: "none", role: "img", "aria-label": label },
      ...guides,
      this.area,
      this.line,
    );
  }

  static y(level) {
    return Math.min(59, Math.max(1, -level));
  }

  update(points, now, label) {
    const x = (at) => WIDTH - ((now - at) / 60_000) * WIDTH;
    const runs = [];
    let run = [];
    for (const point of points) {
      if (point[1] === null) {
        if (run.length) runs.push(run);
        run = [];
      } else run.push(point);
    }
    if (run.length) runs.push(run);
    const areas = runs.map((part) => {
      const [first, last] = [x(part[0][0]), x(part.at(-1)[0])];
      return `${path(part, x, Spark.y)}L${last.toFixed(1)} 60L${first.toFixed(1)} 60Z`;
    });
    attribute(this.line, "d", path(points, x, Spark.y));
    attribute(this.area, "d", areas.join(""));
    attribute(this.element, "aria-label", label);
  }
}

// Several lines over time with a common scale: `range`, or from zero to the greatest value.
export class Chart {
  constructor(names, write, range = null) {
    this.write = write;
    this.range = range;
    this.lines = names.map((_, at) => drawn(`path.line.line${at}`));
    this.picture = drawn(
      "svg.chart",
      { viewBox: `0 0 ${WIDTH} 100`, preserveAspectRatio: "none", role: "img" },
      drawn("path.guide", { d: `M0 50H${WIDTH}` }),
      ...this.lines,
    );
    this.most = make("span");
    this.least = make("span");
    this.from = make("span");
    this.to = make("span");
    const keys = names.map((name, at) =>
      make(
        "li",
        {},
        drawn(
          "svg.key",
          { viewBox: "0 0 24 8", "aria-hidden": "true" },
          drawn(`path.line.line${at}`, { d: "M0 4H24" }),
        ),
        name,
      ),
    );
    this.element = make(
      "figure",
      {},
      make("ul.legend", {}, ...keys),
      make("div.scale", {}, this.most),
      this.picture,
      make("div.scale", { hidden: !range }, this.least),
      make("div.scale.ends", {}, this.from, this.to),
    );
  }

  update(series, label) {
    const all = series.flat();
    const values = all.map(([, value]) => value).filter((value) => value !== null);
    const times = all.map(([at]) => at);
    const [first, last] = [Math.min(...times), Math.max(...times)];
    this.element.hidden = !values.length || first >= last;
    if (this.element.hidden) return;
    const [least, most] = this.range ?? [0, Math.max(...values) * 1.05 || 1];
    const x = (at) => ((at - first) / Math.max(1, last - first)) * WIDTH;
    const y = (value) => 99 - ((value - least) / (most - least)) * 98;
    series.forEach((points, at) => attribute(this.lines[at], "d", path(points, x, y)));
    this.most.textContent = this.write(most);
    this.least.textContent = this.write(least);
    this.from.textContent = time(new Date(first));
    this.to.textContent = time(new Date(last));
    attribute(this.picture, "aria-label", label);
  }
}
