//! The processor's own counters: cycles and instructions of this process, where kernel and machine have them.
//!
//! They are opened by `perf_event_open` for the calling thread and all threads that it starts afterwards, and count user
//! mode alone, which is what a kernel lets a process count of itself. Many virtual machines have none, and containers
//! often may not ask. It lacks other events, and sampling: that is `perf`'s.

use std::io;

/// Cycles and instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Cycles in user mode.
    pub cycles: u64,
    /// Instructions in user mode.
    pub instructions: u64,
}

/// Counters that run until they are dropped.
#[derive(Debug)]
pub struct ProcessorCounters {
    cycles: event::Event,
    instructions: event::Event,
}

impl ProcessorCounters {
    /// Begins to count what the calling thread does, and the threads that it and its like start from now on. The error
    /// says why that cannot be.
    pub fn begin() -> io::Result<Self> {
        Ok(Self {
            cycles: event::Event::open(event::CYCLES)?,
            instructions: event::Event::open(event::INSTRUCTIONS)?,
        })
    }

    /// What was counted so far, those threads included that have ended.
    pub fn read(&self) -> io::Result<Counted> {
        Ok(Counted {
            cycles: self.cycles.read()?,
            instructions: self.instructions.read()?,
        })
    }
}

#[cfg(target_os = "linux")]
mod event {
    use std::fs::File;
    use std::io::{self, Read};
    use std::os::fd::FromRawFd;

    const TYPE_HARDWARE: u32 = 0;
    pub(super) const CYCLES: (u32, u64) = (TYPE_HARDWARE, 0);
    pub(super) const INSTRUCTIONS: (u32, u64) = (TYPE_HARDWARE, 1);

    /// The times for which an event was wanted and really counted, after its value.
    const READ_TIMES: u64 = 1 | 2;

    /// A flag of the call, not of the event.
    const CLOSE_ON_EXEC: libc::c_ulong = 1 << 3;

    const INHERIT: u64 = 1 << 1;
    const EXCLUDE_KERNEL: u64 = 1 << 5;
    const EXCLUDE_HYPERVISOR: u64 = 1 << 6;

    /// The first published form of the kernel's `perf_event_attr`; later ones append to it.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        kind: u32,
        size: u32,
        config: u64,
        sample_period: u64,
        sample_type: u64,
        read_format: u64,
        flags: u64,
        wakeup_events: u32,
        breakpoint_type: u32,
        breakpoint_address: u64,
    }

    const _: () = assert!(size_of::<Attributes>() == 64, "PERF_ATTR_SIZE_VER0");

    /// One counter of the kernel.
    #[derive(Debug)]
    pub(super) struct Event(File);

    impl Event {
        pub(super) fn open((kind, config): (u32, u64)) -> io::Result<Self> {
            let attributes = Attributes {
                kind,
                size: size_of::<Attributes>() as u32,
                config,
                read_format: READ_TIMES,
                flags: INHERIT | EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR,
                ..Attributes::default()
            };
            let (this_thread, any_processor, no_group) = (0, -1, -1);
            // SAFETY: the kernel reads the attributes, of the size they name, during the call alone.
            let descriptor = unsafe {
                libc::syscall(
                    libc::SYS_perf_event_open,
                    &raw const attributes,
                    this_thread,
                    any_processor,
                    no_group,
                    CLOSE_ON_EXEC,
                )
            };
            match i32::try_from(descriptor) {
                // SAFETY: the kernel has just opened it for us, and nobody else knows it.
                Ok(descriptor) if descriptor >= 0 => Ok(Self(unsafe { File::from_raw_fd(descriptor) })),
                _ => Err(explained(io::Error::last_os_error())),
            }
        }

        /// The count; where the processor had to share its counters, scaled up to the whole time.
        pub(super) fn read(&self) -> io::Result<u64> {
            let mut bytes = [0; 24];
            (&self.0).read_exact(&mut bytes)?;
            let word = |at: usize| u64::from_ne_bytes(std::array::from_fn(|byte| bytes[8 * at + byte]));
            let [count, wanted, counted] = [0, 1, 2].map(word);
            Ok(scaled(count, wanted, counted))
        }
    }

    pub(super) fn scaled(count: u64, wanted: u64, counted: u64) -> u64 {
        match counted {
            0 => 0,
            _ if counted >= wanted => count,
            _ => (u128::from(count) * u128::from(wanted) / u128::from(counted)) as u64,
        }
    }

    /// The error, with what it means here.
    fn explained(error: io::Error) -> io::Error {
        let meaning = match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP) => "this machine has no such counters",
            Some(libc::EACCES | libc::EPERM) => {
                "not permitted; see kernel.perf_event_paranoid, and the seccomp profile of a container"
            }
            Some(libc::ENOSYS) => "this kernel was built without them",
            _ => return error,
        };
        io::Error::new(error.kind(), meaning)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_counter_counts_threads_that_begin_later_or_says_why_not() {
            /// Processor time in ns, which needs no hardware.
            const TASK_CLOCK: (u32, u64) = (1, 1);
            match Event::open(TASK_CLOCK) {
                Ok(event) => {
                    let before = event.read().unwrap();
                    std::thread::spawn(|| (0..1_000_000_u64).fold(0, |a, b| std::hint::black_box(a ^ b)))
                        .join()
                        .unwrap();
                    let after = event.read().unwrap();
                    assert!(after > before, "{before} {after}");
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
            let nonsense = Event::open((u32::MAX, u64::MAX)).unwrap_err();
            assert!(!nonsense.to_string().is_empty());
        }

        #[test]
        fn counts_of_shared_counters_are_scaled() {
            assert_eq!((scaled(7, 10, 10), scaled(7, 10, 5), scaled(7, 10, 0)), (7, 14, 0));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod event {
    use std::io;

    pub(super) const CYCLES: () = ();
    pub(super) const INSTRUCTIONS: () = ();

    /// There are none.
    #[derive(Debug)]
    pub(super) enum Event {}

    impl Event {
        pub(super) fn open((): ()) -> io::Result<Self> {
            Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "only Linux is asked for them",
            ))
        }

        pub(super) fn read(&self) -> io::Result<u64> {
            match *self {}
        }
    }
}
