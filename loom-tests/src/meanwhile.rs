//! Threads of a model beside its own.

use loom::thread::{self, JoinHandle};

/// A thread that does something with a share of its own in what is shared, and gives it up afterwards.
pub fn meanwhile<T: Clone + 'static, R: 'static>(shared: &T, act: impl FnOnce(&T) -> R + 'static) -> JoinHandle<R> {
    let shared = shared.clone();
    thread::spawn(move || act(&shared))
}
