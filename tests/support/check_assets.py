#!/usr/bin/python3
"""Checks what is shipped beside the program: dashboards, rules, runbooks, the names of metrics
in all of them and in the documentation, and the Dockerfile.

Prints every fault and exits with 1 if there is one. Standard library only. Rules follow
Grafana's dashboard-linter.
"""

import functools
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PANELS = {"row", "timeseries", "stat", "bargauge", "table", "text", "state-timeline", "heatmap"}
COUNTER = re.compile(r"\w+_total\b")
SELECTOR = re.compile(r"\b(myaudio_\w+|audio_capture_exporter_\w+|process_\w+|up)\b(\{[^}]*\})?")
LABELS = re.compile(r"\b(by|on|without|ignoring|group_left|group_right) ?\([^)]*\)")
WINDOW = re.compile(r"\[([^]]*)\]")
UIDS = {
    "buffers": "audio-capture-buffers",
    "memory": "audio-capture-memory",
    "overview": "audio-capture-overview",
    "source": "audio-capture-source",
}
TAGS = ["audio-capture-exporter"]
faults = []
# By file name.
BOARDS = {}


def fault(where, what):
    faults.append(f"{where}: {what}")


def dashboard(name, board):
    for key in ("uid", "title", "description", "tags", "refresh"):
        if not board.get(key):
            fault(name, f"no {key}")
    if board.get("editable") is not False:
        fault(name, "must not be editable: a file is its source")
    if not isinstance(board.get("schemaVersion"), int) or board["schemaVersion"] < 41:
        fault(name, "schemaVersion is missing or old")
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    sources = [v for v in variables.values() if v["type"] == "datasource"]
    if [v["name"] for v in sources] != ["datasource"]:
        fault(name, "needs exactly one data source variable, named datasource")
    for matcher in ("job", "instance"):
        variable = variables.get(matcher, {})
        if not variable.get("multi") or variable.get("allValue") != ".+":
            fault(name, f"variable {matcher}: must be multi with allValue .+")
    if board.get("uid") != UIDS.get(name.removesuffix(".json")):
        fault(name, "its uid is part of the interface: links and bookmarks hold it; see UIDS")
    for variable in variables.values():
        if variable["type"] == "query":
            if (variable.get("datasource") or {}).get("uid") != "${datasource}":
                fault(name, f"variable {variable['name']} does not use the data source variable")
            if variable.get("refresh") != 2:
                fault(name, f"variable {variable['name']}: must be looked up when the time changes")
    one_tag = [link for link in board.get("links", []) if link.get("tags") == TAGS]
    if len(one_tag) != 1 or not (one_tag[0].get("includeVars") and one_tag[0].get("keepTime")):
        fault(name, "no link to the other dashboards that keeps variables and time")
    if board.get("tags") != TAGS:
        fault(name, f"must have the tags {TAGS}, by which the others find it")
    titles = [panel["title"] for panel in board["panels"] if panel["type"] != "row"]
    for title in sorted({title for title in titles if titles.count(title) > 1}):
        fault(name, f"two panels {title}")
    ids = [panel["id"] for panel in board["panels"]]
    if len(set(ids)) != len(ids):
        fault(name, "two panels share an id")
    boxes = [panel["gridPos"] for panel in board["panels"]]
    for i, a in enumerate(boxes):
        if a["x"] + a["w"] > 24:
            fault(name, f"panel {ids[i]} is wider than the page")
        for j, b in enumerate(boxes[:i]):
            apart = (
                a["x"] + a["w"] <= b["x"]
                or b["x"] + b["w"] <= a["x"]
                or a["y"] + a["h"] <= b["y"]
                or b["y"] + b["h"] <= a["y"]
            )
            if not apart:
                fault(name, f"panels {ids[j]} and {ids[i]} overlap")
    for panel in board["panels"]:
        one_panel(f"{name}: {panel.get('title')}", panel, variables)


def one_panel(where, panel, variables):
    if panel["type"] not in PANELS:
        fault(where, f"unexpected type {panel['type']}")
    if panel["type"] in ("row", "text"):
        return
    for key in ("title", "description"):
        if not panel.get(key):
            fault(where, f"no {key}")
    units(where, panel)
    links(where, panel, variables)
    if not panel.get("targets"):
        fault(where, "no query")
    for target in panel.get("targets", []):
        expression = target["expr"]
        if "${datasource}" not in json.dumps(target.get("datasource", panel.get("datasource"))):
            fault(where, "does not use the data source variable")
        for metric, matchers in SELECTOR.findall(LABELS.sub("", expression)):
            for label in ("job", "instance"):
                if f'{label}=~"${label}"' not in matchers:
                    fault(where, f"{metric} is not limited to the chosen {label}")
            name = re.sub(r"_(bucket|sum|count)$", "", metric)
            if metric != "up" and not {f"`{metric}`", f"`{name}`"} & documented():
                fault(where, f"{metric} is not in docs/metrics.md")
        windows = WINDOW.findall(re.sub(r'"[^"]*"', "", expression))
        if set(windows) - {"$__rate_interval", "$__range"}:
            fault(where, "a fixed window; use $__rate_interval, or $__range for all that is shown")
        if panel["type"] in ("timeseries", "state-timeline") and "[$__range]" in expression:
            if "[$__range] @ end()" not in expression:
                fault(where, "draws over $__range; use $__rate_interval")
        if COUNTER.search(expression) and panel["type"] == "timeseries":
            drawn_raw = not re.search(r"\b(rate|increase|sum)\b", expression)
            if drawn_raw:
                fault(where, "draws a counter without rate, increase or sum")


RUNBOOKS = "http://127.0.0.1:10480/runbooks/"
OURS = re.compile(r"(?<![\w:])(?:myaudio|audio_capture_exporter)_\w+")
RECORDED = re.compile(r"(?<![\w:])(?:source|instance):\w+:\w+")


@functools.cache
def documented():
    """The families of docs/metrics.md, which another test holds against the program."""
    text = (ROOT / "docs/metrics.md").read_text()
    return set(re.findall(r"^\| (`\w+`) \|", text, re.MULTILINE))


def units(where, panel):
    """Every number has a unit: the panel's, and in a table of several its column's."""
    defaults = panel["fieldConfig"]["defaults"]
    if not defaults.get("unit"):
        fault(where, "no unit")
    if panel["type"] != "table":
        return
    organized = [t["options"] for t in panel.get("transformations", []) if t["id"] == "organize"]
    columns = {
        override["matcher"]["options"]: {p["id"]: p["value"] for p in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }
    for options in organized:
        for field in options["indexByName"]:
            column = options["renameByName"].get(field, field)
            if field.startswith("Value") and not columns.get(column, {}).get("unit"):
                fault(where, f"column {column} has no unit")


def links(where, panel, variables):
    """A link to another dashboard of ours names one that exists, and variables that it has."""
    found = re.findall(r'"url": "(/d/[^"]*)"', json.dumps(panel))
    for url in found:
        path, _, query = url.partition("?")
        there = [board for board in BOARDS.values() if path == f"/d/{board['uid']}"]
        if not there:
            fault(where, f"{path} is no dashboard of ours")
            continue
        wanted = set(re.findall(r"var-(\w+)=", query))
        wanted |= set(re.findall(r"\$\{(\w+):queryparam\}", query))
        missing = wanted - {variable["name"] for variable in there[0]["templating"]["list"]}
        if missing:
            fault(where, f"{path} has no variable {', '.join(sorted(missing))}")
        for name in re.findall(r"\$\{(\w+):queryparam\}", query):
            if name not in variables:
                fault(where, f"a link takes the variable {name}, which is not here")
        if not {"datasource", "job"} <= wanted or "${__url_time_range}" not in query:
            fault(where, "a link loses the data source, the jobs or the time")


def runbooks():
    tests = "".join(path.read_text() for path in (ROOT / "alerts/tests").glob("*.yaml"))
    index = (ROOT / "docs/runbooks/README.md").read_text()
    page = (ROOT / "docs/alerts.md").read_text()
    for path in sorted((ROOT / "alerts").glob("*.yaml")):
        for rule in path.read_text().split("- alert: ")[1:]:
            alert = rule.split("\n", 1)[0]
            runbook = f"docs/runbooks/{alert}.md"
            for key in ("severity", "summary", "description"):
                if f" {key}: " not in rule:
                    fault(path.name, f"{alert} has no {key}")
            if f"runbook_url: {RUNBOOKS}{alert}.md\n" not in rule + "\n":
                fault(path.name, f"{alert} does not link to {RUNBOOKS}{alert}.md")
            if not (ROOT / runbook).is_file():
                fault(path.name, f"{runbook} is missing")
            if f"({alert}.md)" not in index or f"(runbooks/{alert}.md)" not in page:
                fault(path.name, f"{alert} is missing in docs/runbooks/README.md or docs/alerts.md")
            cases = re.findall(rf"alertname: {alert}\n\s+exp_alerts:( \[\])?", tests)
            always = "\n        expr: vector(1)\n" in rule
            if "" not in cases or (" []" not in cases and not always):
                fault(path.name, f"{alert} needs a test that fires and one that stays silent")


def names():
    """Every metric that a rule, a panel or a page names exists: docs/metrics.md has it, which a
    test holds against a scrape. What is recorded is recorded by a rule."""
    catalogue = (ROOT / "docs/metrics.md").read_text()
    rows = re.findall(r"(?m)^\| `(\w+)` \| (counter|gauge|histogram) \|", catalogue)
    known = {name for name, _ in rows}
    known |= {name + end for name, kind in rows if kind == "histogram" for end in ("_bucket", "_sum", "_count")}
    # A counter's family is called so in OpenMetrics.
    known |= {name.removesuffix("_total") for name, kind in rows if kind == "counter"}
    if len(known) < 80:
        fault("docs/metrics.md", "its tables are not understood any more")
    recorded = set(re.findall(r"record: (\S+)", (ROOT / "alerts/recording.yaml").read_text()))
    used = set()
    folders = ["alerts/*.yaml", "grafana/*.json", "docs/**/*.md", "README.md", "deploy/**/*"]
    for path in sorted(path for folder in folders for path in ROOT.glob(folder) if path.is_file()):
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        where = path.relative_to(ROOT)
        # `myaudio_x_{a,b}`, `myaudio_x_…` and `myaudio_` alone name none.
        for match in OURS.finditer(text):
            name = match[0]
            whole = not name.endswith("_") and text[match.end() : match.end() + 1] not in ("…", "*")
            if whole and name not in known:
                fault(where, f"{name} does not exist: docs/metrics.md has no such row")
        for name in RECORDED.findall(re.sub(r"record: \S+", "", text)):
            used.add(name)
            if name not in recorded:
                fault(where, f"{name} is recorded by no rule")
    for name in sorted(recorded - used):
        fault("alerts/recording.yaml", f"{name} is used nowhere")


def dockerfile():
    text = (ROOT / "deploy/Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    copied = []
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    if not users or users[-1].split(":")[0] in ("0", "root"):
        fault("Dockerfile", "the image runs as root")
    if any("cargo build" in line and "--locked" not in line for line in lines):
        fault("Dockerfile", "the build does not hold to Cargo.lock")
    for line in lines:
        words = line.split()
        if words[0] == "FROM" and not re.search(r":[\w.-]*\d|^FROM scratch|:\w+-slim", line):
            fault("Dockerfile", f"no version: {line}")
        if words[0] == "COPY" and not words[1].startswith("--from"):
            for path in words[1:-1]:
                if not (ROOT / path).exists():
                    fault("Dockerfile", f"{path} does not exist")
                copied.append(path)
    # What is not ignored, copied; and what the program is made of beside its own source, among that.
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for path in copied:
        if f"!{path}" not in ignored:
            fault(".dockerignore", f"the Dockerfile copies {path}")
    for path in re.findall(r'= "([^"]+)",', (ROOT / "src/app/assets.rs").read_text()):
        if not any(path.startswith(f"{folder}/") for folder in copied):
            fault("Dockerfile", f"src/app/assets.rs needs {path}")


def main():
    for path in sorted((ROOT / "grafana").glob("*.json")):
        try:
            BOARDS[path.name] = json.loads(path.read_text())
        except ValueError as error:
            fault(path.name, f"not JSON: {error}")
    for name, board in BOARDS.items():
        try:
            dashboard(name, board)
        except (KeyError, TypeError) as error:
            fault(name, f"not shaped like a dashboard: {error!r}")
    if sorted(BOARDS) != [f"{name}.json" for name in sorted(UIDS)]:
        fault("grafana", f"not the dashboards of UIDS: {', '.join(BOARDS)}")
    runbooks()
    names()
    dockerfile()
    print("\n".join(faults) or "nothing to complain about")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
