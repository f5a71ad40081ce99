#![no_main]

#[path = "../inputs.rs"]
#[allow(dead_code, reason = "of all inputs one is fuzzed here")]
mod inputs;

libfuzzer_sys::fuzz_target!(|data: &[u8]| inputs::sync_body(data));
