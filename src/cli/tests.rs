mod flags;
mod help;
mod words;

use super::*;

fn arguments(line: &str) -> Vec<OsString> {
    std::iter::once("audio-capture-exporter")
        .chain(line.split_whitespace())
        .map(OsString::from)
        .collect()
}

fn refused(line: &str) -> Exit {
    parse(arguments(line)).expect_err(line)
}

fn run(line: &str) -> Options {
    match parse(arguments(line)) {
        Ok(Command::Run(options)) => options,
        other => panic!("{line}: {other:?}"),
    }
}

fn demo(line: &str) -> Options {
    match parse(arguments(line)) {
        Ok(Command::Demo(options)) => options,
        other => panic!("{line}: {other:?}"),
    }
}
