//! What a process sees, what a crash leaves, and the changes between the two.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use super::Loss;

const ROOT: u64 = 0;

/// One change that is not durable yet.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { file: u64, offset: u64, bytes: Vec<u8> },
    Truncate { file: u64, size: u64 },
    Link { dir: u64, name: String, node: u64 },
    Unlink { dir: u64, name: String },
    Rename { dir: u64, from: String, to: String },
}

#[derive(Debug, Clone)]
enum Node {
    File(Vec<u8>),
    Dir(BTreeMap<String, u64>),
}

type Nodes = BTreeMap<u64, Node>;

#[derive(Debug)]
pub(super) struct Disk {
    live: Nodes,
    durable: Nodes,
    /// In the order in which they were made.
    changes: Vec<Change>,
    next_node: u64,
    pub(super) calls: u64,
    /// Numbers of the calls that fail.
    pub(super) fails: Range<u64>,
    pub(super) syncs: u64,
    /// Number of the sync that fails as if the disk was full.
    pub(super) full_sync: u64,
    pub(super) capacity: u64,
    pub(super) locked: BTreeSet<PathBuf>,
    pub(super) no_descriptors: bool,
    /// How often each file was opened.
    pub(super) opened: BTreeMap<u64, u64>,
}

impl Default for Disk {
    fn default() -> Self {
        Self::holding(BTreeMap::from([(ROOT, Node::Dir(BTreeMap::new()))]), 1)
    }
}

impl Disk {
    fn holding(nodes: Nodes, next_node: u64) -> Self {
        Self {
            live: nodes.clone(),
            durable: nodes,
            changes: Vec::new(),
            next_node,
            calls: 0,
            fails: 0..0,
            syncs: 0,
            full_sync: 0,
            capacity: u64::MAX,
            locked: BTreeSet::new(),
            no_descriptors: false,
            opened: BTreeMap::new(),
        }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        let mut node = ROOT;
        for part in path.components().filter_map(|part| match part {
            std::path::Component::Normal(name) => Some(name.to_string_lossy()),
            _ => None,
        }) {
            node = *self.dir(node)?.get(&*part).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    pub(super) fn parent(&self, path: &Path) -> io::Result<u64> {
        self.find(path.parent().ok_or(io::ErrorKind::InvalidInput)?)
    }

    pub(super) fn dir(&self, node: u64) -> io::Result<&BTreeMap<String, u64>> {
        match self.live.get(&node) {
            Some(Node::Dir(names)) => Ok(names),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn file(&self, node: u64) -> io::Result<&[u8]> {
        match self.live.get(&node) {
            Some(Node::File(contents)) => Ok(contents),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn edit(&mut self, node: u64, edit: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut contents = self.file(node)?.to_vec();
        edit(&mut contents);
        for nodes in [&mut self.live, &mut self.durable] {
            nodes.insert(node, Node::File(contents.clone()));
        }
        self.changes.retain(|change| change.node() != node);
        Ok(())
    }

    pub(super) fn add_dir(&mut self, path: &Path) -> io::Result<()> {
        self.add(path, Node::Dir(BTreeMap::new())).map(drop)
    }

    /// An empty file, in place of one that exists.
    pub(super) fn add_file(&mut self, path: &Path) -> io::Result<u64> {
        if let Ok(node) = self.find(path) {
            return self.apply(Change::Truncate { file: node, size: 0 }).map(|()| node);
        }
        self.add(path, Node::File(Vec::new()))
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<u64> {
        let (dir, name) = (self.parent(path)?, name(path)?);
        let number = self.next_node;
        self.next_node += 1;
        // A node without a name does no harm, so it need not wait for a sync.
        self.live.insert(number, node.clone());
        self.durable.insert(number, node);
        self.apply(Change::Link { dir, name, node: number })?;
        Ok(number)
    }

    /// What an `open` says when there is no descriptor left.
    pub(super) fn descriptor(&self) -> io::Result<()> {
        const EMFILE: i32 = 24;
        if self.no_descriptors { Err(io::Error::from_raw_os_error(EMFILE)) } else { Ok(()) }
    }

    pub(super) fn unlink(&mut self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        let (dir, name) = (self.parent(path)?, name(path)?);
        self.apply(Change::Unlink { dir, name })
    }

    /// Writes as much as fits.
    pub(super) fn write(&mut self, file: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let size = self.file(file)?.len() as u64;
        let growth = (offset + bytes.len() as u64).saturating_sub(size);
        let room = self.capacity.saturating_sub(self.used());
        let missing = growth.saturating_sub(room);
        let kept = bytes.len() - usize::try_from(missing).unwrap_or(usize::MAX).min(bytes.len());
        self.apply(Change::Write { file, offset, bytes: bytes[..kept].to_vec() })?;
        if missing > 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn apply(&mut self, change: Change) -> io::Result<()> {
        change.apply_to(&mut self.live);
        self.changes.push(change);
        Ok(())
    }

    /// Makes a file's contents or a directory's names durable; if it fails they are forgotten, though still seen.
    pub(super) fn sync(&mut self, node: u64, fails: bool) -> io::Result<()> {
        self.syncs += 1;
        let full = self.syncs == self.full_sync;
        let fails = fails || full;
        let durable = &mut self.durable;
        self.changes.retain(|change| {
            let concerned = change.node() == node;
            if concerned && !fails {
                change.apply_to(durable);
            }
            !concerned
        });
        if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn crash(&self, loss: Loss) -> Self {
        let mut nodes = self.durable.clone();
        let mut fate = Fate::of(loss, self.changes.len());
        for (place, change) in self.changes.iter().enumerate() {
            fate.decide(place, change, &mut nodes);
        }
        Self::holding(nodes, self.next_node)
    }

    pub(super) fn used(&self) -> u64 {
        self.walk().iter().filter_map(|(_, node)| self.file(*node).ok()).map(|file| file.len() as u64).sum()
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.walk().into_iter().filter(|(_, node)| self.file(*node).is_ok()).map(|(path, _)| path).collect()
    }

    /// Everything that has a name.
    fn walk(&self) -> Vec<(PathBuf, u64)> {
        let mut found = vec![(PathBuf::from("/"), ROOT)];
        let mut next = 0;
        while let Some((path, node)) = found.get(next).cloned() {
            next += 1;
            if let Ok(names) = self.dir(node) {
                found.extend(names.iter().map(|(name, child)| (path.join(name), *child)));
            }
        }
        found
    }
}

impl Change {
    /// Whose sync makes it durable.
    fn node(&self) -> u64 {
        match self {
            Self::Write { file, .. } | Self::Truncate { file, .. } => *file,
            Self::Link { dir, .. } | Self::Unlink { dir, .. } | Self::Rename { dir, .. } => *dir,
        }
    }

    fn apply_to(&self, nodes: &mut Nodes) {
        match (self, nodes.get_mut(&self.node())) {
            (Self::Write { offset, bytes, .. }, Some(Node::File(contents))) => put(contents, *offset, bytes),
            (Self::Truncate { size, .. }, Some(Node::File(contents))) => {
                contents.truncate(usize::try_from(*size).unwrap_or(usize::MAX));
            }
            (Self::Link { name, node, .. }, Some(Node::Dir(names))) => {
                names.insert(name.clone(), *node);
            }
            (Self::Unlink { name, .. }, Some(Node::Dir(names))) => {
                names.remove(name);
            }
            (Self::Rename { from, to, .. }, Some(Node::Dir(names))) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            _ => {}
        }
    }
}

fn put(contents: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = start + bytes.len();
    if contents.len() < end {
        contents.resize(end, 0);
    }
    contents[start..end].copy_from_slice(bytes);
}

pub(super) fn name(path: &Path) -> io::Result<String> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(name.to_string_lossy().into_owned())
}

/// Decides what becomes of each change.
struct Fate {
    loss: Loss,
    random: SplitMix,
    /// Where a suffix begins.
    cut: usize,
}

impl Fate {
    fn of(loss: Loss, changes: usize) -> Self {
        let seed = match loss {
            Loss::Suffix(seed) | Loss::Some(seed) | Loss::Sectors(_, seed) => seed,
            Loss::Everything | Loss::Nothing => 0,
        };
        let mut random = SplitMix(seed);
        let cut = usize::try_from(random.next() % (changes as u64 + 1)).unwrap_or(0);
        Self { loss, random, cut }
    }

    fn decide(&mut self, place: usize, change: &Change, nodes: &mut Nodes) {
        match self.loss {
            Loss::Everything => {}
            Loss::Nothing => change.apply_to(nodes),
            Loss::Suffix(_) if place < self.cut => change.apply_to(nodes),
            Loss::Suffix(_) if place == self.cut => self.tear(change, nodes),
            Loss::Suffix(_) => {}
            Loss::Some(_) => {
                if self.random.coin() {
                    change.apply_to(nodes);
                }
            }
            Loss::Sectors(sector, _) => self.keep_sectors(change, sector, nodes),
        }
    }

    /// Keeps the beginning of a write.
    fn tear(&mut self, change: &Change, nodes: &mut Nodes) {
        if let Change::Write { file, offset, bytes } = change {
            let kept = usize::try_from(self.random.next() % (bytes.len() as u64 + 1)).unwrap_or(0);
            Change::Write { file: *file, offset: *offset, bytes: bytes[..kept].to_vec() }.apply_to(nodes);
        }
    }

    fn keep_sectors(&mut self, change: &Change, sector: u64, nodes: &mut Nodes) {
        let Change::Write { file, offset, bytes } = change else {
            if self.random.coin() {
                change.apply_to(nodes);
            }
            return;
        };
        let mut at = 0;
        while at < bytes.len() {
            let left_in_sector = sector - (offset + at as u64) % sector;
            let end = bytes.len().min(at + usize::try_from(left_in_sector).unwrap_or(usize::MAX));
            if self.random.coin() {
                let piece = bytes[at..end].to_vec();
                Change::Write { file: *file, offset: offset + at as u64, bytes: piece }.apply_to(nodes);
            }
            at = end;
        }
    }
}

/// A small random generator; Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn coin(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }
}
