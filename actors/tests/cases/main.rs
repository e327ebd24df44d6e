//! Cases that stream engines get wrong, under the names that they have in the list of them: what moves besides records (B), what
//! becomes of keys (K), what event time makes of silences (W). In the simulator, in any order of turns, and in virtual time.

mod feeding;
mod hot;
mod joining;
mod keys;
mod pauses;
mod silence;
