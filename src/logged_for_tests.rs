//! What is logged, as a test sees it.

use std::{
    io,
    sync::{Arc, Mutex},
};

struct Into(Arc<Mutex<Vec<u8>>>);

impl io::Write for Into {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that are logged at `info` and above while `work` runs, on this thread.
pub(crate) fn logged(work: impl FnOnce()) -> Vec<String> {
    let text = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&text);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || Into(Arc::clone(&writer)))
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}
