//! Any bytes as the payloads of Market Spread: the claim is in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| potoroo_fuzz::market_spread(input));
