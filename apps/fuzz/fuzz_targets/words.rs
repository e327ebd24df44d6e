//! Any bytes as patterns and numbers: the claim is in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| potoroo_fuzz::words(input));
