//! Any bytes as the runtime's length prefixes and lines: the claim is in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| potoroo_fuzz::runtime_frames(input));
