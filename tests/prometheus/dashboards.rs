//! Every expression of the shipped dashboards.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    stage::{ANALYSIS, BUDGET, LARGE, SMALL, Stage, close, shipped},
    station::Station,
    support::{
        Exporter,
        prometheus::{Element, Prometheus},
    },
};

/// What the expressions find at one moment, by file, title and letter. Each is run when it is
/// asked for.
struct Moment<'a> {
    prometheus: &'a Prometheus,
    at: f64,
    expressions: &'a BTreeMap<String, String>,
}

impl<'a> Moment<'a> {
    /// After the next scrape of a job.
    fn next(
        prometheus: &'a Prometheus,
        job: &str,
        expressions: &'a BTreeMap<String, String>,
    ) -> Self {
        Self {
            prometheus,
            at: prometheus.next_scrape(job),
            expressions,
        }
    }

    #[track_caller]
    fn of(&self, panel: &str) -> Vec<Element> {
        let expression = self.expressions.get(panel);
        let expression = expression.unwrap_or_else(|| panic!("no such panel: {panel}"));
        self.prometheus.query_at(self.at, expression)
    }

    /// The one value of a panel that has one.
    #[track_caller]
    fn only(&self, panel: &str) -> f64 {
        let elements = self.of(panel);
        assert_eq!(elements.len(), 1, "{panel}: {elements:?}");
        elements[0].value
    }

    /// The expressions that find nothing.
    fn empty(&self) -> BTreeSet<&'a str> {
        let names = self.expressions.keys();
        names
            .map(String::as_str)
            .filter(|name| self.of(name).is_empty())
            .collect()
    }

    /// How much of the chosen source was heard of late.
    fn heard(&self) -> f64 {
        self.only("source.json: Where each second went A")
    }

    fn state(&self) -> f64 {
        self.only("source.json: State over time A")
    }

    /// Whether each process runs, in order of names.
    fn running(&self) -> Vec<(String, f64)> {
        let elements = self.of("memory.json: Runs A").into_iter();
        let mut running: Vec<_> = elements
            .map(|mut element| (element.labels.remove("process").unwrap(), element.value))
            .collect();
        running.sort_by(|(one, _), (other, _)| one.cmp(other));
        running
    }

    /// Whether an alarm of a source is active, by the overview.
    fn alarms(&self, alarm: &str, source: &str) -> bool {
        let elements = self.of("overview.json: What is wrong now A");
        let about = |element: &Element, label: &str, value: &str| {
            element
                .labels
                .get(label)
                .is_some_and(|found| found == value)
        };
        let mut elements = elements.iter();
        elements.any(|element| about(element, "alarm", alarm) && about(element, "source", source))
    }

    /// How often the chosen source asked for a buffer that it had.
    fn repeated(&self) -> f64 {
        let sources = self.of("buffers.json: Repeated Allocations by Source A");
        let mut gate = sources
            .iter()
            .filter(|element| element.labels["source"] == "gate");
        gate.next().unwrap().value
    }
}

/// What must hold at a moment, and its name.
type Condition<'a> = (&'a str, &'a dyn Fn(&Moment) -> bool);

/// Expressions that may find nothing at the station, whatever happens there, and why.
const MAY_BE_EMPTY: [(&str, &str); 7] = [
    (
        "overview.json: What the exporters complain of A",
        "only reasons for which something was turned away, and nothing was",
    ),
    (
        "memory.json: OOM kills A",
        "only where a control group tells",
    ),
    (
        "memory.json: Worst pressure A",
        "only where the kernel tells of pressure",
    ),
    (
        "memory.json: Memory pressure A",
        "only where the kernel tells of pressure",
    ),
    (
        "memory.json: Each process H",
        "only once a pattern is known, which may take longer than the test",
    ),
    (
        "buffers.json: Sources with repeated attempts A",
        "only while the window holds one; looked at beside the hot loop instead",
    ),
    (
        "source.json: Sessions that broke B",
        "only while the window holds the moment in which one did",
    ),
];

/// The dashboard of buffers against the sources whose every allocation is known.
pub(crate) fn buffers(stage: &Stage) {
    let expressions = expressions(&stage.exporter, "audio");
    let now = Moment::next(&stage.prometheus, "audio", &expressions);
    let single = |panel: &str| now.only(&format!("buffers.json: {panel}"));
    let memory = 2.0 * SMALL + LARGE + ANALYSIS;
    close(single("Live buffers A"), 6.0, "live buffers");
    close(single("Buffer memory A"), memory, "memory");
    close(single("Ledger imbalance A"), 0.0, "imbalance");
    close(single("Memory budget in use A"), memory / BUDGET, "budget");
    let outcomes = single("Attempts and their outcomes B");
    close(
        single("Attempts and their outcomes A"),
        outcomes,
        "attempts",
    );
    let repeating = now.of("buffers.json: Sources with repeated attempts A");
    assert_eq!(repeating.len(), 1, "the hot loop: {repeating:?}");
    let rates: BTreeMap<_, _> = now
        .of("buffers.json: Buffer Allocation Attempts by Result A")
        .into_iter()
        .map(|mut element| (element.labels.remove("result").unwrap(), element.value))
        .collect();
    let sum = rates["first_allocation"] + rates["repeated_blocked"] + rates["error"];
    close(rates["attempted"], sum, "rates of the ledger");
    assert!(
        rates["repeated_blocked"] > 0.0 && rates["error"] > 0.0,
        "{rates:?}"
    );
}

/// What is drawn changes under a fault and comes back, and each expression finds something at
/// one time or another.
pub(crate) fn under_faults(station: &Station) {
    let expressions = expressions(&station.exporter, "station|demo");
    let until = |what: &str, conditions: &[Condition]| {
        station.prometheus.until(what, || {
            let now = Moment::next(&station.prometheus, "station", &expressions);
            let mut unmet = conditions.iter().filter(|(_, holds)| !holds(&now));
            match unmet.next() {
                Some((condition, _)) => {
                    println!("{what}: not yet: {condition}");
                    None
                }
                None => Some(now),
            }
        })
    };
    let runs = |now: &Moment, recorder: f64| {
        let expected = [("recorder", recorder), ("self", 1.0), ("self", 1.0)];
        now.running() == expected.map(|(process, up)| (process.to_owned(), up))
    };

    let well = until(
        "all is well but what the demo shows",
        &[
            ("heard", &|now| now.heard() > 0.9),
            ("recorder runs", &|now| runs(now, 1.0)),
            ("demo is silent", &|now| now.alarms("silent", "silent")),
            ("gate is up", &|now| !now.alarms("source_down", "gate")),
            ("growth is seen", &|now| {
                !now.of("memory.json: Time to the limit A").is_empty()
            }),
        ],
    );
    close(well.state(), 3.0, "streaming is the third state");
    close(well.only("overview.json: Exporters A"), 2.0, "answer");
    close(well.only("overview.json: Exporters B"), 2.0, "known");
    close(well.only("overview.json: Heard B"), 5.0, "configured");
    assert!(well.only("overview.json: Heard, but wrong A") >= 1.0);
    assert!(well.only("overview.json: Heard, but wrong B") >= 1.0);
    let level = well.only("source.json: Level A");
    assert!((level + 15.0).abs() < 0.5, "the camera's tone: {level}");
    let coverage = well.only("source.json: Coverage A");
    assert!(coverage > 0.9, "{coverage}");

    station.camera("not-found");
    station.end_recorder();
    let broken = until(
        "camera and recorder are gone",
        &[
            ("not heard", &|now| now.heard() == 0.0),
            ("another state", &|now| now.state() != 3.0),
            ("counted", &|now| {
                now.only("overview.json: Not heard A") >= 1.0
            }),
            ("recorder is gone", &|now| runs(now, 0.0)),
            ("alarm", &|now| now.alarms("source_down", "gate")),
            ("alarm of the source", &|now| {
                !now.of("source.json: Alarms A").is_empty()
            }),
            ("failures", &|now| {
                !now.of("source.json: Attempts to connect B").is_empty()
            }),
        ],
    );
    let failures = broken.of("source.json: Attempts to connect B");
    let not_found = |element: &Element| element.labels["reason"] == "not_found";
    assert!(failures.iter().all(not_found), "{failures:?}");
    close(broken.only("memory.json: Running A"), 2.0, "run");
    close(broken.only("memory.json: Running B"), 3.0, "watched");
    let lost = broken.only("source.json: Coverage A");
    assert!(lost < coverage, "{lost} {coverage}");

    station.camera("play");
    station.start_recorder();
    let mended = until(
        "camera and recorder are back",
        &[
            ("heard", &|now| now.heard() > 0.9),
            ("streaming", &|now| now.state() == 3.0),
            ("recorder runs", &|now| runs(now, 1.0)),
            ("alarm is over", &|now| !now.alarms("source_down", "gate")),
            ("buffer was kept", &|now| now.repeated() > well.repeated()),
        ],
    );
    for grown in ["source.json: Missing A", "source.json: Broken sessions A"] {
        assert!(mended.only(grown) > well.only(grown), "{grown}");
    }
    assert!(mended.only("memory.json: Restarts A") > 0.0);

    let excused = BTreeSet::from(MAY_BE_EMPTY.map(|(name, _)| name));
    let ever = [well.empty(), broken.empty(), mended.empty()];
    let never: BTreeSet<_> = ever[0]
        .iter()
        .filter(|name| ever.iter().all(|empty| empty.contains(*name)))
        .filter(|name| !excused.contains(*name))
        .collect();
    assert!(never.is_empty(), "found nothing at any time: {never:#?}");
    for listed in excused {
        assert!(expressions.contains_key(listed), "no such panel: {listed}");
    }
}

/// Every expression of every dashboard that the program serves, as Grafana would send it: with
/// these jobs, the source `gate`, and all of everything else chosen.
fn expressions(exporter: &Exporter, jobs: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for name in shipped("grafana", "json") {
        let (status, text) = exporter.get(&format!("/grafana/{name}"));
        assert_eq!(status, 200, "{name}");
        let board: Value = serde_json::from_str(&text).unwrap();
        for (panel, target, expression) in targets(&board, jobs) {
            let before = all.insert(format!("{name}: {panel} {target}"), expression);
            assert_eq!(before, None, "{name}: two panels {panel}");
        }
    }
    all
}

/// Title, letter and expression of every target of a dashboard.
fn targets(board: &Value, jobs: &str) -> Vec<(String, String, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut expressions = Vec::new();
    let rows = list(&board["panels"]);
    let folded = rows.iter().flat_map(|row| list(&row["panels"]));
    for panel in rows.iter().cloned().chain(folded) {
        for target in list(&panel["targets"]) {
            let mut expression = text(&target["expr"])
                .replace("$__rate_interval", "4s")
                .replace("$__range", "60s")
                .replace("$job", jobs)
                .replace("$source", "gate");
            for variable in list(&board["templating"]["list"]) {
                let name = format!("${}", text(&variable["name"]));
                expression = expression.replace(&name, ".+");
            }
            assert!(!expression.contains('$'), "{expression}");
            expressions.push((text(&panel["title"]), text(&target["refId"]), expression));
        }
    }
    assert!(!expressions.is_empty());
    expressions
}
