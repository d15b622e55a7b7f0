//! A host that takes connections and never says anything, and counts those that are open.

use std::{
    io::Read as _,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

pub(crate) struct Mute {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
}

impl Mute {
    /// Listens on a free port of a loopback address until the test ends.
    pub(crate) fn start(host: &str) -> Self {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&open);
        on_a_thread(move || {
            for stream in listener.incoming() {
                let (mut stream, counter) = (stream.unwrap(), Arc::clone(&counter));
                counter.fetch_add(1, SeqCst);
                on_a_thread(move || {
                    let mut buffer = [0; 1024];
                    while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
                    counter.fetch_sub(1, SeqCst);
                });
            }
        });
        Self { address, open }
    }

    pub(crate) fn url(&self) -> String {
        format!("rtsp://{}/x", self.address)
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(SeqCst)
    }
}

fn on_a_thread(body: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(body).unwrap();
}
