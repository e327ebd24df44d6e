//! Whose memory the program uses: mimalloc's, unless it is built without the feature of that name.
//!
//! Actors allocate on one worker and free on another: a record that crosses, a batch, a message that owns something. glibc
//! takes a lock then, and two workers were slower than one for it (`nexmark/README.md` has the figures). A library must not
//! choose for its users, so this is the program's. What it measures names the allocator.

/// The allocator in use.
pub const NAME: &str = if cfg!(feature = "mimalloc") {
    "mimalloc"
} else {
    "system"
};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;
