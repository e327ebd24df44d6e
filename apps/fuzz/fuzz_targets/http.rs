//! Any bytes as the proxy's requests and responses: the claim is in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| potoroo_fuzz::http(input));
