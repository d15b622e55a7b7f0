//! Every fuzzer: the binary's name says which. The bodies are beside the code they try.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    audio_capture_exporter::fuzzing::run(env!("CARGO_BIN_NAME"), bytes);
});
