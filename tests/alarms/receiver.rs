//! A receiver of webhooks that behaves as it is told, and remembers what it was sent.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{PATIENCE, Stopwatch};

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// Answers with this status.
    Status(u16),
    /// Reads, and never answers.
    Hang,
    /// Answers 200 and promises a body that never comes.
    Unfinished,
    /// Sends the client elsewhere.
    Redirect(u16),
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) at: Instant,
    pub(crate) way: Way,
    /// Lower-case names, colon, value; one a line.
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The ids of its alerts.
    pub(crate) fn ids(&self) -> Vec<String> {
        let alerts = self.body["alerts"].as_array().unwrap();
        let ids = alerts.iter().map(|alert| alert["fingerprint"].as_str());
        ids.map(|id| id.unwrap().to_owned()).collect()
    }

    pub(crate) fn status(&self) -> &str {
        self.body["status"].as_str().unwrap()
    }
}

#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) port: u16,
    way: Arc<Mutex<Way>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    pub(crate) fn start(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            way: Arc::new(Mutex::new(way)),
            requests: Arc::default(),
        };
        let own = receiver.clone();
        let threads = std::thread::Builder::new();
        let accepting = threads.spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                let threads = std::thread::Builder::new();
                threads.spawn(move || own.serve(stream)).unwrap();
            }
        });
        accepting.unwrap();
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook/SECRET-PATH", self.port)
    }

    pub(crate) fn set(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Those that were answered with 200.
    pub(crate) fn taken(&self) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.way == Way::Status(200));
        requests
    }

    /// Waits for a request that fits.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, fits: impl Fn(&Request) -> bool) -> Request {
        let watch = Stopwatch::start();
        loop {
            if let Some(request) = self.requests().into_iter().find(&fits) {
                return request;
            }
            let late = watch.elapsed() > PATIENCE;
            assert!(!late, "not in time: {what}; {:#?}", self.requests());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            match line.split_once(": ") {
                Some((name, value)) => {
                    let name = name.to_ascii_lowercase();
                    if name == "content-length" {
                        length = value.parse().unwrap();
                    }
                    head += &format!("{name}: {value}\n");
                }
                None => head += &format!("{line}\n"),
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let way = *self.way.lock().unwrap();
        self.requests.lock().unwrap().push(Request {
            at: Instant::now(),
            way,
            head,
            body: serde_json::from_slice(&body).unwrap(),
        });
        let mut stream = reader.into_inner();
        let more = match way {
            Way::Status(status) => format!("{status} Said\r\n"),
            Way::Redirect(port) => {
                format!("302 Found\r\nLocation: http://127.0.0.1:{port}/stolen\r\n")
            }
            Way::Unfinished => {
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
                // The client may have gone; it gives up some time.
                let _sent = stream.write_all(head.as_bytes());
                let _gone = stream.read(&mut [0]);
                return;
            }
            Way::Hang => {
                // Until the client gives up.
                let _gone = stream.read(&mut [0]);
                return;
            }
        };
        let answer = format!("HTTP/1.1 {more}Content-Length: 0\r\nConnection: close\r\n\r\n");
        // The client may have gone.
        let _sent = stream.write_all(answer.as_bytes());
    }
}
