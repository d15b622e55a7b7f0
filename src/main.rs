//! The story in one screen: parse, load, build, run, drain, exit code.

fn main() {}
