//! The checklist of the folder's README, line by line: each test is named there.

mod collections;
mod counts;
mod evacuation;
mod parcels;
mod pools;
mod turns;
