//! The story in one screen: parse, load, build, run, drain, exit code.

use std::process::ExitCode;

use audio_capture_exporter::{
    app::{self, Watched},
    cli::{self, Command},
};

/// glibc's arenas keep growing under the churn of sessions; jemalloc's do not.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let outcome = match cli::parse(std::env::args_os()) {
        Ok(Command::Run(options)) => app::run(&options, Watched::Configured),
        Ok(Command::Demo(options)) => app::run(&options, Watched::Samples),
        Ok(Command::Check(options)) => return cli::check(&options).report(),
        Ok(Command::Probe(options)) => return app::probe(*options),
        Ok(Command::LeakCheck(options)) => return app::leakcheck(&options),
        Ok(Command::Assets(options)) => return app::assets(&options),
        Err(exit) => return exit.report(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("audio-capture-exporter: {error}");
            ExitCode::FAILURE
        }
    }
}
