//! Files through the blocking pool: order, bounds, errors that help, and ends in the middle.

use potoroo_runtime::io::files::{File, FileError, FileErrorKind, FileOperation, FileOptions};
use potoroo_runtime::{Actor, ActorRef, AskError, Context, Reply, System, Turn};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

type Outcome<T> = Result<T, FileError>;

/// Does to files what a test tells it.
#[derive(Default)]
struct Clerk(Option<File>);

type Errand = Box<dyn FnOnce(&mut Clerk, &mut Context<'_, Clerk>) + Send>;

impl Actor for Clerk {
    type Msg = Errand;

    fn handle(&mut self, errand: Errand, ctx: &mut Context<'_, Self>) -> Turn {
        errand(self, ctx);
        Ok(())
    }
}

impl Clerk {
    fn file(&self) -> &File {
        self.0.as_ref().expect("a file is open")
    }
}

/// Answers with what came of an operation.
fn answer<T: Send + 'static>(
    reply: Reply<Outcome<T>>,
) -> impl FnOnce(&mut Clerk, Outcome<T>, &mut Context<'_, Clerk>) -> Turn + Send {
    |_, outcome, _| {
        reply.send(outcome);
        Ok(())
    }
}

fn clerk(system: &System) -> ActorRef<Clerk> {
    system.spawn(|_| Ok(Clerk::default()))
}

fn ask<T: Send + 'static>(
    clerk: &ActorRef<Clerk>,
    errand: impl FnOnce(&mut Clerk, Reply<Outcome<T>>, &mut Context<'_, Clerk>) + Send + 'static,
) -> Outcome<T> {
    let errand = |reply| -> Errand { Box::new(|this, ctx| errand(this, reply, ctx)) };
    clerk
        .ask(errand)
        .within(Duration::from_secs(60))
        .wait()
        .expect("it answers")
}

fn open(clerk: &ActorRef<Clerk>, path: &Path, options: FileOptions) -> Outcome<()> {
    let path = path.to_owned();
    ask(clerk, move |_, reply, ctx| {
        ctx.open_file(path, options).then(|this, file, _| {
            reply.send(file.map(|file| this.0 = Some(file)));
            Ok(())
        });
    })
}

fn read_at(clerk: &ActorRef<Clerk>, offset: u64, length: usize) -> Outcome<Vec<u8>> {
    ask(clerk, move |this, reply, ctx| {
        this.file().read_at(offset, length, ctx).then(answer(reply));
    })
}

fn write_at(clerk: &ActorRef<Clerk>, offset: u64, bytes: &'static str) -> Outcome<()> {
    ask(clerk, move |this, reply, ctx| {
        this.file().write_at(offset, bytes, ctx).then(answer(reply));
    })
}

/// A directory that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("potoroo-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("writable");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_written_somewhere_is_read_there() {
    let (place, system) = (Place::new("anywhere"), System::new().expect("starts"));
    let (path, clerk) = (place.file("table"), clerk(&system));
    open(&clerk, &path, FileOptions::write().create()).expect("writable");
    write_at(&clerk, 0, "0123456789").expect("written");
    write_at(&clerk, 4, "four").expect("written");
    assert_eq!(read_at(&clerk, 2, 7).expect("read"), b"23four8");
    // What ends before is what there is; beyond the end there is nothing.
    assert_eq!(read_at(&clerk, 8, 100).expect("read"), b"89");
    assert_eq!(read_at(&clerk, 10, 100).expect("read"), b"");
    assert_eq!(read_at(&clerk, u64::MAX >> 1, 5).expect("read"), b"");
    write_at(&clerk, 12, "!").expect("written");
    assert_eq!(read_at(&clerk, 9, 9).expect("read"), b"9\0\0!");
    let length = ask(&clerk, |this, reply, ctx| this.file().len(ctx).then(answer(reply)));
    assert_eq!(length.expect("known"), 13);
    ask(&clerk, |this, reply, ctx| this.file().sync(ctx).then(answer(reply))).expect("on the disk");
    ask(&clerk, |this, reply, ctx| {
        this.0.take().expect("open").close(ctx).then(answer(reply));
    })
    .expect("closed");
    assert_eq!(std::fs::read(path).expect("there").len(), 13);
}

#[test]
fn appends_keep_their_order_and_so_do_their_continuations() {
    const LINES: u32 = 1000;
    let place = Place::new("order");
    let path = place.file("log");
    // Several threads, so that the order is not the pool's merit.
    let system = System::builder()
        .workers(2)
        .blocking_threads_max(8)
        .build()
        .expect("starts");
    let clerk = clerk(&system);
    open(&clerk, &path, FileOptions::append().create()).expect("writable");
    let (done, order) = channel();
    clerk.tell(Box::new(move |this, ctx| {
        for n in 0..LINES {
            let done = done.clone();
            this.file().append(format!("{n}\n"), ctx).then(move |_, written, _| {
                written?;
                done.send(n)?;
                Ok(())
            });
        }
    }));
    let order: Vec<u32> = order.iter().take(LINES as usize).collect();
    assert!(order.into_iter().eq(0..LINES));
    let lines: String = (0..LINES).map(|n| format!("{n}\n")).collect();
    assert_eq!(std::fs::read_to_string(path).expect("there"), lines);
}

#[test]
fn a_whole_file_is_replaced_or_stays() {
    let (place, system) = (Place::new("whole"), System::new().expect("starts"));
    let (path, clerk) = (place.file("state"), clerk(&system));
    let write = |bytes: &'static [u8]| {
        let path = path.clone();
        ask(&clerk, move |_, reply, ctx| {
            ctx.write_file(path, bytes).then(answer(reply))
        })
    };
    let read = |bytes_max| {
        let path = path.clone();
        ask(&clerk, move |_, reply, ctx| {
            ctx.read_file(path, bytes_max).then(answer(reply))
        })
    };
    write(b"one").expect("written");
    write(b"three").expect("written");
    assert_eq!(read(5).expect("read"), b"three");
    let error = read(4).expect_err("too long");
    assert!(matches!(error.kind(), FileErrorKind::TooLong { bytes_max: 4 }));
    assert_eq!(
        std::fs::read_dir(&place.0).expect("readable").count(),
        1,
        "nothing else is left"
    );
    // A place where nothing can be written: the name stays what it was.
    let nowhere = ask(&clerk, |_, reply, ctx| {
        ctx.write_file("/proc/potoroo", "x").then(answer(reply))
    });
    assert_eq!(
        nowhere.expect_err("no place for files").operation(),
        FileOperation::Write
    );
}

#[test]
fn errors_say_what_which_and_what_to_do() {
    let (place, system) = (Place::new("errors"), System::new().expect("starts"));
    let clerk = clerk(&system);
    let missing = place.file("missing");
    let error = open(&clerk, &missing, FileOptions::read()).expect_err("not there");
    assert_eq!(
        (error.io_kind(), error.path()),
        (Some(ErrorKind::NotFound), missing.as_path())
    );
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot open {}: ", missing.display())),
        "{text}"
    );
    assert!(
        text.ends_with("check the path, and that its directory exists"),
        "{text}"
    );
    // A directory, for reading, where the system itself would not mind, and in the place of a whole file.
    for options in [FileOptions::read(), FileOptions::write(), FileOptions::append()] {
        let error = open(&clerk, &place.0, options).expect_err("a directory");
        assert_eq!(error.io_kind(), Some(ErrorKind::IsADirectory));
    }
    let directory = place.0.clone();
    let error = ask(&clerk, |_, reply, ctx| {
        ctx.read_file(directory, 100).then(answer(reply))
    });
    assert_eq!(error.expect_err("a directory").io_kind(), Some(ErrorKind::IsADirectory));
    let directory = place.0.clone();
    let error = ask(&clerk, |_, reply, ctx| {
        ctx.write_file(directory, "x").then(answer(reply))
    });
    assert_eq!(error.expect_err("a directory").io_kind(), Some(ErrorKind::IsADirectory));
    // What even root may not do: make something below `/proc/self`, or a file out of a file's name.
    let forbidden = Path::new("/proc/self/potoroo");
    let error = open(&clerk, forbidden, FileOptions::write().create()).expect_err("not there");
    assert!(error.io_kind().is_some(), "{error}");
    let below = place.file("file");
    std::fs::write(&below, "x").expect("writable");
    let error = open(&clerk, &below.join("more"), FileOptions::read()).expect_err("no directory");
    assert_eq!(error.io_kind(), Some(ErrorKind::NotADirectory));
    let error = open(&clerk, &below, FileOptions::write().create_new()).expect_err("there");
    assert_eq!(error.io_kind(), Some(ErrorKind::AlreadyExists));
    assert!(error.to_string().ends_with("remove it first, or open what is there"));
}

#[test]
fn a_handle_does_what_it_was_opened_for_within_its_bounds() {
    let (place, system) = (Place::new("bounds"), System::new().expect("starts"));
    let (path, clerk) = (place.file("file"), clerk(&system));
    std::fs::write(&path, "0123456789").expect("writable");
    open(&clerk, &path, FileOptions::read().read_bytes_max(4)).expect("there");
    let error = read_at(&clerk, 0, 5).expect_err("too long");
    assert!(matches!(error.kind(), FileErrorKind::TooLong { bytes_max: 4 }));
    assert_eq!(read_at(&clerk, 0, 4).expect("as long as allowed"), b"0123");
    let error = write_at(&clerk, 0, "x").expect_err("to be read");
    assert!(matches!(error.kind(), FileErrorKind::WrongAccess));
    open(&clerk, &path, FileOptions::append()).expect("there");
    let error = write_at(&clerk, 0, "x").expect_err("at the end only");
    assert!(matches!(error.kind(), FileErrorKind::WrongAccess));
    open(&clerk, &path, FileOptions::write()).expect("there");
    let error = ask(&clerk, |this, reply, ctx| {
        this.file().append("x", ctx).then(answer(reply))
    });
    assert!(matches!(
        error.expect_err("anywhere").kind(),
        FileErrorKind::WrongAccess
    ));
    assert_eq!(std::fs::read(&path).expect("there"), b"0123456789");
}

/// Keeps the only thread of a pool until it is let go.
fn occupy(clerk: &ActorRef<Clerk>) -> Sender<()> {
    loop {
        let ((begun, has_begun), (go, until)) = (channel(), channel::<()>());
        clerk.tell(Box::new(move |_, ctx| {
            let work = move || {
                let _ = begun.send(());
                let _ = until.recv();
            };
            ctx.blocking(work).then(|_, _, _| Ok(()));
        }));
        // Refused while the thread is not idle yet, if nothing may wait.
        if has_begun.recv().is_ok() {
            return go;
        }
    }
}

fn one_thread(queue_max: usize) -> System {
    System::builder()
        .workers(1)
        .blocking_threads_max(1)
        .blocking_queue_max(queue_max)
        .build()
        .expect("starts")
}

/// What came of some appends that were asked for in one turn, in order.
fn append_all(clerk: &ActorRef<Clerk>, all: Vec<&'static str>) -> std::sync::mpsc::Receiver<Outcome<()>> {
    let (tell, heard) = channel();
    clerk.tell(Box::new(move |this, ctx| {
        for bytes in all {
            let tell = tell.clone();
            this.file()
                .append(bytes, ctx)
                .then(move |_, outcome, _| Ok(tell.send(outcome)?));
        }
    }));
    heard
}

#[test]
fn no_more_waits_than_may_and_then_there_is_room_again() {
    let place = Place::new("waits");
    let path = place.file("log");
    let system = one_thread(10);
    let clerk = clerk(&system);
    let options = FileOptions::append().create().waiting_max(3).waiting_bytes_max(10);
    open(&clerk, &path, options).expect("writable");
    let go = occupy(&clerk);
    let by_count = append_all(&clerk, vec!["a", "b", "c", "d", "e"]);
    for _ in 0..2 {
        let error = by_count.recv().expect("at once").expect_err("more than three");
        assert!(matches!(error.kind(), FileErrorKind::TooMuchWaits), "{error}");
    }
    drop(go);
    assert!((0..3).all(|_| by_count.recv().expect("it comes").is_ok()));
    let go = occupy(&clerk);
    let by_bytes = append_all(&clerk, vec!["0123456789x", "y"]);
    let error = by_bytes.recv().expect("at once").expect_err("more than ten bytes");
    assert!(matches!(error.kind(), FileErrorKind::TooMuchWaits), "{error}");
    drop(go);
    by_bytes.recv().expect("it comes").expect("alone it is not too much");
    assert_eq!(std::fs::read_to_string(path).expect("there"), "abc0123456789x");
}

#[test]
fn a_full_pool_refuses_and_the_file_goes_on_later() {
    let place = Place::new("full");
    let path = place.file("log");
    let system = one_thread(0);
    let clerk = clerk(&system);
    open(&clerk, &path, FileOptions::append().create()).expect("writable");
    let go = occupy(&clerk);
    let refused = append_all(&clerk, vec!["a", "b"]);
    for _ in 0..2 {
        let error = refused.recv().expect("at once").expect_err("no thread");
        assert!(matches!(error.kind(), FileErrorKind::PoolFull), "{error}");
    }
    drop(go);
    // The thread may not be idle yet.
    while append_all(&clerk, vec!["c"]).recv().expect("it comes").is_err() {
        std::thread::yield_now();
    }
    assert_eq!(std::fs::read_to_string(path).expect("there"), "c");
}

#[test]
fn what_an_actor_asked_for_is_done_though_it_has_ended() {
    let place = Place::new("ended");
    let path = place.file("log");
    let system = one_thread(10);
    let other = clerk(&system);
    let clerk = clerk(&system);
    open(&clerk, &path, FileOptions::append().create()).expect("writable");
    let go = occupy(&other);
    let heard = append_all(&clerk, vec!["a", "b", "c"]);
    // A stop would overtake what was told before it.
    let (asked, is_asked) = channel();
    clerk.tell(Box::new(move |_, _| asked.send(()).expect("it is waited for")));
    is_asked.recv().expect("it comes");
    clerk.stop();
    // The continuations go with the actor, and nobody calls them.
    assert!(heard.recv().is_err());
    assert!(!clerk.is_alive());
    drop(go);
    assert!(system.shutdown().drained);
    assert_eq!(std::fs::read_to_string(path).expect("there"), "abc");
}

#[test]
fn a_shutdown_does_not_wait_for_files_for_ever() {
    let place = Place::new("shutdown");
    let path = place.file("log");
    let system = one_thread(10);
    let clerk = clerk(&system);
    open(&clerk, &path, FileOptions::append().create()).expect("writable");
    let go = occupy(&clerk);
    let errand = |reply| -> Errand { Box::new(|this, ctx| this.file().append("a", ctx).then(answer(reply))) };
    let waiting = clerk.ask(errand);
    assert!(!system.shutdown_within(Duration::from_millis(20)).drained);
    assert!(matches!(waiting.wait(), Err(AskError::Stopped)));
    drop(go);
    assert_eq!(std::fs::read_to_string(path).expect("there"), "", "it was dropped");
}

#[test]
fn a_limit_of_time_counts_the_wait() {
    let place = Place::new("within");
    let system = one_thread(10);
    let clerk = clerk(&system);
    let go = occupy(&clerk);
    let path = place.file("log");
    let error = ask(&clerk, move |_, reply, ctx| {
        ctx.read_file(path, 10)
            .within(Duration::from_millis(5))
            .then(answer(reply));
    });
    assert!(matches!(error.expect_err("too late").kind(), FileErrorKind::TimedOut));
    drop(go);
}
