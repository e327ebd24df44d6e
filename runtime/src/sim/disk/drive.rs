//! One node's disk: contents by sectors, names by a journal, and what a power loss leaves of both.

use super::super::faults::FaultKind;
use super::super::places::{Places, choose};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The bytes of a sector: what a disk writes whole or tears.
const SECTOR: usize = 512;

/// What a file is to the journal.
pub(super) type Inode = u64;

#[derive(Default)]
pub(super) struct Content {
    pub(super) written: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// Sectors written since the last sync.
    dirty: BTreeSet<usize>,
}

impl Content {
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.written.len() < end {
            // A hole is as dirty as what is behind it.
            self.dirty.extend(self.written.len() / SECTOR..offset / SECTOR);
            self.written.resize(end, 0);
        }
        self.written[offset..end].copy_from_slice(bytes);
        self.dirty.extend(offset / SECTOR..end.div_ceil(SECTOR));
    }

    /// Emptied like written: all of it may come back.
    pub(super) fn empty(&mut self) {
        self.dirty.extend(0..self.written.len().div_ceil(SECTOR));
        self.written.clear();
    }

    /// What was not synced never will be, and nobody knows.
    pub(super) fn forget_dirty(&mut self) {
        self.dirty.clear();
    }

    pub(super) fn sync(&mut self) {
        if self.dirty.is_empty() {
            return;
        }
        self.durable.resize(self.written.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            let from = (sector * SECTOR).min(self.written.len());
            let to = (from + SECTOR).min(self.written.len());
            self.durable[from..to].copy_from_slice(&self.written[from..to]);
        }
    }

    /// What a power loss leaves.
    fn lose_power(&mut self, places: &Places) {
        let keeps_length = self.dirty.is_empty() || choose(2) == 0;
        let mut kept = self.durable.clone();
        if !keeps_length {
            kept.resize(self.written.len(), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            let from = (sector * SECTOR).min(kept.len()).min(self.written.len());
            let to = (from + SECTOR).min(kept.len()).min(self.written.len());
            let (old, new) = (&mut kept[from..to], &self.written[from..to]);
            match choose(3) {
                0 => places.count(FaultKind::SectorLost),
                1 => old.copy_from_slice(new),
                _ => {
                    places.count(FaultKind::SectorTorn);
                    let torn = (1 + choose(new.len().max(2) - 1)).min(new.len());
                    old[..torn].copy_from_slice(&new[..torn]);
                }
            }
        }
        self.written.clone_from(&kept);
        self.durable = kept;
    }
}

/// Something done to names.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Set(PathBuf, Inode),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Entry {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Inode>) {
        match self {
            Self::Set(path, inode) => drop(names.insert(path.clone(), *inode)),
            Self::Remove(path) => drop(names.remove(path)),
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }

    pub(super) fn is_in(&self, directory: &Path) -> bool {
        let within = |path: &PathBuf| path.parent() == Some(directory);
        match self {
            Self::Set(path, _) | Self::Remove(path) => within(path),
            Self::Rename(from, to) => within(from) || within(to),
        }
    }
}

/// The disk of one node.
#[derive(Default)]
pub(super) struct Drive {
    pub(super) contents: BTreeMap<Inode, Content>,
    pub(super) names: BTreeMap<PathBuf, Inode>,
    pub(super) durable_names: BTreeMap<PathBuf, Inode>,
    pub(super) journal: Vec<Entry>,
    /// How much more can be written.
    pub(super) room: Option<u64>,
    pub(super) operations: u64,
    /// Before which of them the power goes.
    pub(super) falls_at: Option<u64>,
}

impl Drive {
    pub(super) fn note(&mut self, entry: Entry) {
        entry.apply(&mut self.names);
        self.journal.push(entry);
    }

    /// Makes so many entries of the journal durable.
    pub(super) fn commit(&mut self, entries: usize) {
        for entry in self.journal.drain(..entries) {
            entry.apply(&mut self.durable_names);
        }
    }

    pub(super) fn lose_power(&mut self, places: &Places) {
        for content in self.contents.values_mut() {
            content.lose_power(places);
        }
        let kept = choose(self.journal.len() + 1);
        self.commit(kept);
        for _ in self.journal.drain(..) {
            places.count(FaultKind::NameLost);
        }
        self.names.clone_from(&self.durable_names);
        self.falls_at = None;
    }
}
