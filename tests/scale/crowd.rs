//! An RTSP server for very many clients that can be killed and come back.

use std::time::Duration;

use audio_capture_exporter::{
    demo::rtsp::{Media, Mount, Server, ServerOptions},
    shutdown::Tasks,
};
use tokio::runtime::Runtime;

/// PCMU on `/pcmu`; dropping it cuts every connection.
pub(crate) struct Crowd {
    runtime: Option<Runtime>,
    pub(crate) port: u16,
}

impl Crowd {
    /// Serves on a port, or on any free one for 0.
    pub(crate) fn start(port: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let recording = vec![0x55; 8_000];
        let mounts = vec![Mount::new(
            "pcmu",
            Media::recorded_pcmu(&recording).unwrap(),
        )];
        let options = ServerOptions {
            port,
            ..ServerOptions::default()
        };
        let on_runtime = runtime.enter();
        let server = Server::start_with(&Tasks::default(), mounts, options).unwrap();
        drop(on_runtime);
        Self {
            runtime: Some(runtime),
            port: server.address().port(),
        }
    }

    /// Ends as a killed process does: everything is closed at once.
    pub(crate) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop();
    }
}
