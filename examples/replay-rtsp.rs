//! A load server for benchmarks: replays recordings to any number of RTSP clients on
//! loopback, with as little work per packet as TCP allows.
//!
//! ```sh
//! ffmpeg -i recording.wav -c:a aac -b:a 64k -f adts recording.aac
//! cargo run --release --example replay-rtsp -- --port 8554 --adts recording.aac
//! ```
//!
//! The first line on standard output is the address; it stops on Ctrl-C or SIGTERM.

use std::{error::Error, path::PathBuf, time::Duration};

use audio_capture_exporter::{
    demo::rtsp::{Media, Mount, Server, ServerOptions},
    shutdown::Tasks,
};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Replays recordings to any number of RTSP clients on 127.0.0.1.
#[derive(Parser)]
struct Arguments {
    /// TCP port; 0 takes a free one.
    #[arg(long, default_value_t = 8554)]
    port: u16,
    /// An ADTS file, served as /aac.
    #[arg(long, value_name = "FILE")]
    adts: Option<PathBuf>,
    /// A raw µ-law file at 8 kHz mono, served as /pcmu.
    #[arg(long, value_name = "FILE")]
    pcmu: Option<PathBuf>,
}

// One thread on purpose: a benchmark shares its cores with what it measures.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut mounts = Vec::new();
    if let Some(path) = arguments.adts {
        mounts.push(Mount::new(
            "aac",
            Media::recorded_aac(&std::fs::read(path)?)?,
        ));
    }
    if let Some(path) = arguments.pcmu {
        let media = Media::recorded_pcmu(&std::fs::read(path)?);
        mounts.push(Mount::new(
            "pcmu",
            media.ok_or("the µ-law file has less than 20 ms")?,
        ));
    }
    if mounts.is_empty() {
        return Err("nothing to serve: give --adts or --pcmu".into());
    }
    let tasks = Tasks::default();
    let options = ServerOptions {
        port: arguments.port,
        ..ServerOptions::default()
    };
    let server = Server::start_with(&tasks, mounts, options)?;
    println!("{}", server.address());
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    tasks.drain(Duration::from_secs(2)).await;
    Ok(())
}
