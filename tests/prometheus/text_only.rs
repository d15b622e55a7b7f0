//! A way for Prometheus to get the older format.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use crate::support::request;

/// Stands between Prometheus 2 and the program and asks for text 0.0.4, which a Prometheus
/// that also knows OpenMetrics never does by itself.
pub(crate) struct TextOnly {
    pub(crate) address: String,
    stopped: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl TextOnly {
    pub(crate) fn start(exporter: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stopped = Arc::new(AtomicBool::new(false));
        let (stop, exporter) = (Arc::clone(&stopped), exporter.to_owned());
        let serve = move || {
            for client in listener.incoming() {
                if stop.load(SeqCst) {
                    return;
                }
                let mut client = client.unwrap();
                let head = BufReader::new(client.try_clone().unwrap()).lines();
                let ended = head.map_while(Result::ok).any(|line| line.is_empty());
                if !ended {
                    continue;
                }
                let accept = "Accept: text/plain; version=0.0.4\r\n";
                let (_, head, body) = request(&exporter, "GET", "/metrics", accept);
                assert!(head.contains("text/plain; version=0.0.4"), "{head}");
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n";
                let length = body.len();
                let head = format!("{head}Connection: close\r\nContent-Length: {length}\r\n\r\n");
                // A client that has gone misses its answer, and will say so.
                let _sent = client.write_all(&[head.into_bytes(), body].concat());
            }
        };
        let thread = std::thread::Builder::new().spawn(serve).unwrap();
        Self {
            address,
            stopped,
            thread: Some(thread),
        }
    }
}

impl Drop for TextOnly {
    fn drop(&mut self) {
        self.stopped.store(true, SeqCst);
        // Wakes it.
        let _closed = std::net::TcpStream::connect(&self.address);
        if let Some(thread) = self.thread.take() {
            let _failed_already = thread.join();
        }
    }
}
