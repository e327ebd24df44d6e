//! The disks of a simulated world: what a program has written, and what a power loss would leave of it.
//!
//! A file is a list of sectors of 512 bytes, each as it was written last and as it is durable. Writing touches the first;
//! syncing the file makes the one the other. Making, renaming and removing names goes into a journal; syncing a directory
//! makes the journal durable up to the last entry about that directory. When the power goes, each sector that was not synced
//! is found as it was, as it was to be, or torn, and of the journal's open end some beginning is kept. It lacks directories
//! of their own (they are there when a file is), links, rights, and times.

mod drive;

use super::faults::FaultKind;
use super::places::{Places, Whose, choose};
use crate::sys::simulated::{self, Disk, Opening};
use drive::{Content, Drive, Entry, Inode};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

struct Open {
    whose: Whose,
    inode: Inode,
}

#[derive(Default)]
struct State {
    drives: BTreeMap<usize, Drive>,
    open: BTreeMap<u64, Open>,
    next: u64,
}

impl State {
    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// The disks of all nodes.
pub(super) struct Disks {
    places: Rc<Places>,
    state: RefCell<State>,
}

impl Disks {
    pub(super) fn new(places: Rc<Places>) -> Self {
        Self {
            places,
            state: RefCell::default(),
        }
    }

    /// A disk does something for the running node: it may be slow, and it may be where the power goes.
    fn begin(&self) -> io::Result<Whose> {
        let whose = self.places.present();
        let falls = {
            let mut state = self.state.borrow_mut();
            let drive = self.drive(&mut state, whose.node);
            drive.operations += 1;
            drive.falls_at.is_some_and(|at| drive.operations > at)
        };
        if falls && self.places.fall(whose.node) {
            self.lose_power(whose.node);
        }
        if !self.places.is_alive(whose) {
            return Err(io::Error::other("the node has crashed"));
        }
        if self.places.strikes(FaultKind::DiskSlow, |faults| faults.disk_slow) {
            let slow_max = self.places.faults.borrow().disk_slow_max;
            let time = self.places.some(slow_max);
            simulated::with(|world| world.take_time(time));
        }
        Ok(whose)
    }

    fn drive<'a>(&self, state: &'a mut State, node: usize) -> &'a mut Drive {
        state.drives.entry(node).or_insert_with(|| Drive {
            room: self.places.faults.borrow().disk_bytes_max,
            ..Drive::default()
        })
    }

    fn with_drive<R>(&self, node: usize, f: impl FnOnce(&mut Drive) -> R) -> R {
        f(self.drive(&mut self.state.borrow_mut(), node))
    }

    fn with_content<R>(
        &self,
        file: u64,
        f: impl FnOnce(&mut Content, &mut Option<u64>) -> io::Result<R>,
    ) -> io::Result<R> {
        let whose = self.begin()?;
        let mut state = self.state.borrow_mut();
        let State { open, drives, .. } = &mut *state;
        let open = open.get(&file).filter(|open| open.whose == whose);
        let open = open.ok_or_else(|| io::Error::other("the file was opened before the crash"))?;
        let drive = drives.get_mut(&whose.node).ok_or(ErrorKind::NotFound)?;
        let content = drive.contents.get_mut(&open.inode).ok_or(ErrorKind::NotFound)?;
        f(content, &mut drive.room)
    }

    /// What the power loss leaves.
    pub(super) fn lose_power(&self, node: usize) {
        self.with_drive(node, |drive| drive.lose_power(&self.places));
    }

    /// How many operations a node's disk has done or begun.
    pub(super) fn operations(&self, node: usize) -> u64 {
        self.with_drive(node, |drive| drive.operations)
    }

    /// Has the power go after so many more operations.
    pub(super) fn fall_after(&self, node: usize, operations: u64) {
        self.with_drive(node, |drive| drive.falls_at = Some(drive.operations + operations));
    }

    /// Leaves so much room.
    pub(super) fn set_room(&self, node: usize, bytes: Option<u64>) {
        self.with_drive(node, |drive| drive.room = bytes);
    }

    /// A file as a program reads it, or as it is durable.
    pub(super) fn content(&self, node: usize, path: &Path, durable: bool) -> Option<Vec<u8>> {
        let path = plain(path);
        self.with_drive(node, |drive| {
            let names = if durable { &drive.durable_names } else { &drive.names };
            let content = drive.contents.get(names.get(&path)?)?;
            Some(if durable {
                content.durable.clone()
            } else {
                content.written.clone()
            })
        })
    }

    /// The names of all files.
    pub(super) fn names(&self, node: usize, durable: bool) -> Vec<PathBuf> {
        self.with_drive(node, |drive| {
            let names = if durable { &drive.durable_names } else { &drive.names };
            names.keys().cloned().collect()
        })
    }

    /// Puts a durable file there.
    pub(super) fn put(&self, node: usize, path: &Path, bytes: &[u8]) {
        let path = plain(path);
        let inode = self.state.borrow_mut().next();
        self.with_drive(node, |drive| {
            let mut content = Content::default();
            content.write(0, bytes);
            content.sync();
            drive.contents.insert(inode, content);
            drive.note(Entry::Set(path, inode));
            drive.commit(drive.journal.len());
        });
    }

    /// Turns one bit of a file over; `false` if there is no such bit.
    pub(super) fn flip(&self, node: usize, path: &Path, bit: usize) -> bool {
        let path = plain(path);
        self.with_drive(node, |drive| {
            let Some(content) = drive.names.get(&path).and_then(|inode| drive.contents.get_mut(inode)) else {
                return false;
            };
            let mut flipped = false;
            for bytes in [&mut content.written, &mut content.durable] {
                if let Some(byte) = bytes.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                    flipped = true;
                }
            }
            flipped
        })
    }
}

/// A path without `.` and `..`, from the root.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    plain
}

impl Disk for Disks {
    fn open(&self, path: &Path, how: Opening) -> io::Result<u64> {
        let whose = self.begin()?;
        let path = plain(path);
        let known = self.with_drive(whose.node, |drive| drive.names.get(&path).copied());
        let inode = match (known, how) {
            (None, Opening::Read | Opening::There) => return Err(ErrorKind::NotFound.into()),
            (Some(_), Opening::New) => return Err(ErrorKind::AlreadyExists.into()),
            (None, Opening::Create | Opening::Any | Opening::New) => {
                let inode = self.state.borrow_mut().next();
                self.with_drive(whose.node, |drive| {
                    drive.contents.insert(inode, Content::default());
                    drive.note(Entry::Set(path, inode));
                });
                inode
            }
            (Some(inode), Opening::Create) => {
                self.with_drive(whose.node, |drive| {
                    if let Some(content) = drive.contents.get_mut(&inode) {
                        content.empty();
                    }
                });
                inode
            }
            (Some(inode), Opening::Read | Opening::There | Opening::Any) => {
                let bits = self
                    .content(whose.node, &path, false)
                    .map_or(0, |bytes| bytes.len() * 8);
                if bits > 0 && self.places.strikes(FaultKind::BitFlip, |faults| faults.bit_flip) {
                    self.flip(whose.node, &path, choose(bits));
                }
                inode
            }
        };
        let mut state = self.state.borrow_mut();
        let file = state.next();
        state.open.insert(file, Open { whose, inode });
        Ok(file)
    }

    fn read_at(&self, file: u64, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.with_content(file, |content, _| {
            let from = usize::try_from(offset).unwrap_or(usize::MAX).min(content.written.len());
            let count = into.len().min(content.written.len() - from);
            into[..count].copy_from_slice(&content.written[from..from + count]);
            Ok(count)
        })
    }

    fn write_at(&self, file: u64, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.with_content(file, |content, room| {
            let offset = usize::try_from(offset).map_err(|_| ErrorKind::FileTooLarge)?;
            let free = room.map_or(usize::MAX, |room| usize::try_from(room).unwrap_or(usize::MAX));
            let count = bytes.len().min(free);
            if count == 0 && !bytes.is_empty() {
                self.places.count(FaultKind::DiskFull);
                return Err(ErrorKind::StorageFull.into());
            }
            content.write(offset, &bytes[..count]);
            *room = room.map(|room| room - count as u64);
            Ok(count)
        })
    }

    fn len(&self, file: u64) -> io::Result<u64> {
        self.with_content(file, |content, _| Ok(content.written.len() as u64))
    }

    fn sync(&self, file: u64) -> io::Result<()> {
        self.with_content(file, |content, _| {
            if self.places.strikes(FaultKind::SyncError, |faults| faults.sync_error) {
                // The pages count as clean: the next sync says that all is well, and nothing is.
                content.forget_dirty();
                return Err(io::Error::other("the disk could not write"));
            }
            content.sync();
            Ok(())
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let whose = self.begin()?;
        if self.places.strikes(FaultKind::SyncError, |faults| faults.sync_error) {
            return Err(io::Error::other("the disk could not write"));
        }
        let path = plain(path);
        self.with_drive(whose.node, |drive| {
            let last = drive.journal.iter().rposition(|entry| entry.is_in(&path));
            drive.commit(last.map_or(0, |last| last + 1));
        });
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let whose = self.begin()?;
        let (from, to) = (plain(from), plain(to));
        self.with_drive(whose.node, |drive| {
            if !drive.names.contains_key(&from) {
                return Err(ErrorKind::NotFound.into());
            }
            drive.note(Entry::Rename(from, to));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let whose = self.begin()?;
        let path = plain(path);
        self.with_drive(whose.node, |drive| {
            if !drive.names.contains_key(&path) {
                return Err(ErrorKind::NotFound.into());
            }
            drive.note(Entry::Remove(path));
            Ok(())
        })
    }

    fn is_directory(&self, path: &Path) -> bool {
        let path = plain(path);
        let node = self.places.present().node;
        self.with_drive(node, |drive| {
            drive.names.keys().any(|name| name != &path && name.starts_with(&path))
        })
    }

    fn close(&self, file: u64) {
        self.state.borrow_mut().open.remove(&file);
    }
}
