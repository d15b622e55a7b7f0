//! A station for the dashboards: a source and a recorder that can be broken and mended, beside
//! what the demo shows.

use std::{
    cell::RefCell,
    io::Write as _,
    path::Path,
    process::{ChildStdin, Command, Stdio},
};

use crate::support::{Exporter, Running, Scratch, Server, prometheus::Prometheus, write_tone};

/// Everything that runs: two exporters, the jobs `station` and `demo`; dropped from the top.
pub(crate) struct Station {
    pub(crate) prometheus: Prometheus,
    pub(crate) exporter: Exporter,
    _demo: Exporter,
    orders: RefCell<ChildStdin>,
    recorder: RefCell<Option<Running>>,
    _camera: Server,
    files: Scratch,
}

impl Station {
    pub(crate) fn open() -> Self {
        let files = Scratch::new();
        // A minute of it is more than 10 MiB. It repeats itself, so it counts as stuck.
        write_tone(&files.path("mast.wav"), 48_000, 2, 1.0, -20.0);
        let (camera, orders) = Server::switched("hostile_rtsp.py", &[]);
        let recorder = record(&files);
        let config = format!(
            "connect: {{ backoff: {{ initial: 50ms, max: 100ms }} }}\nsources:\n\
             - {{ url: mast.wav, loop: true, expect: {{ sample_rate: 48000, channels: 2 }} }}\n\
             - {{ name: gate, url: \"{}\", expect: {{ sample_rate: 8000, channels: 1 }}, \
               alarms: {{ for: {{ source_down: 1s }} }} }}\n\
             watch: [ {{ name: recorder, pid_file: recorder.pid, memory_limit: 2GiB }} ]\n\
             memory: {{ sample_interval: 250ms, analysis_interval: 500ms, baseline_after: 2s }}\n\
             alarms: {{ keep_firing: 1s }}\n",
            camera.url("/switch/gate")
        );
        let exporter = Exporter::with_config(&files.write("config.yaml", &config));
        let demo = Exporter::start(["demo"]);
        exporter.until_state("gate", "streaming");
        demo.until_state("healthy", "streaming");
        let job = |name: &str, exporter: &Exporter| {
            let address = &exporter.address;
            format!(
                "- {{ job_name: {name}, static_configs: [ {{ targets: [ \"{address}\" ] }} ] }}\n"
            )
        };
        let jobs = job("station", &exporter) + &job("demo", &demo);
        let prometheus = Prometheus::start(&jobs, &[]);
        prometheus.next_scrape("station");
        prometheus.next_scrape("demo");
        Self {
            prometheus,
            exporter,
            _demo: demo,
            orders: RefCell::new(orders),
            recorder: RefCell::new(Some(recorder)),
            _camera: camera,
            files,
        }
    }

    /// Has the camera behave in a way of `hostile_rtsp.py`; `play` is the good one.
    pub(crate) fn camera(&self, way: &str) {
        // In one piece: the server takes what it reads for whole lines.
        let order = format!("gate {way}\n");
        self.orders
            .borrow_mut()
            .write_all(order.as_bytes())
            .unwrap();
    }

    /// Ends the recorder.
    pub(crate) fn end_recorder(&self) {
        self.recorder.take();
    }

    /// Starts another in its place.
    pub(crate) fn start_recorder(&self) {
        self.recorder.replace(Some(record(&self.files)));
    }
}

/// A process whose memory grows, and the file that says which.
fn record(files: &Scratch) -> Running {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/memory_shapes.py");
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script).args(["leak", "--pace", "0.05"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let process = Running::start(command.stderr(Stdio::piped()));
    files.write("recorder.pid", &format!("{}\n", process.id()));
    process
}
