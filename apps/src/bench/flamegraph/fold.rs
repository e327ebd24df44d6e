//! Folding: many stacks become one tree, whose nodes know how many samples passed through them.
//!
//! It reads what `perf script --fields=comm,tid,ip,sym` prints: a line with thread name and id, then one line per frame,
//! the innermost first, then an empty line. The root's children are the threads, by name.

use std::collections::BTreeMap;

/// A function, in all stacks that lead to it the same way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// Samples in it or in what it called.
    pub(super) samples: u64,
    pub(super) callees: BTreeMap<Frame, Node>,
}

/// What stands in one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Frame {
    pub(super) name: String,
    pub(super) in_kernel: bool,
}

/// All samples.
#[derive(Debug, Default)]
pub(super) struct Stacks {
    pub(super) root: Node,
}

impl Stacks {
    pub(super) fn samples(&self) -> u64 {
        self.root.samples
    }

    fn add(&mut self, thread: &str, innermost_first: &[Frame]) {
        let thread = Frame {
            name: thread.to_owned(),
            in_kernel: false,
        };
        let mut node = &mut self.root;
        node.samples += 1;
        for frame in std::iter::once(&thread).chain(innermost_first.iter().rev()) {
            node = node.callees.entry(frame.clone()).or_default();
            node.samples += 1;
        }
    }
}

impl Node {
    /// The longest way down, this node not counted.
    pub(super) fn depth(&self) -> usize {
        self.callees
            .values()
            .map(|callee| 1 + callee.depth())
            .max()
            .unwrap_or(0)
    }
}

/// Reads the output of `perf script`.
pub(super) fn fold(script: &str) -> Stacks {
    let mut stacks = Stacks::default();
    let mut thread = None;
    let mut frames = Vec::new();
    // The empty line after the last sample may be missing.
    for line in script.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            if let Some(thread) = thread.take() {
                stacks.add(thread, &frames);
            }
            frames.clear();
        } else if !line.starts_with([' ', '\t']) || thread.is_none() {
            thread = Some(thread_name(line));
        } else {
            frames.push(frame(line));
        }
    }
    stacks
}

/// The name in `name  1234 `; names may have spaces, so it ends before the last word.
fn thread_name(line: &str) -> &str {
    let line = line.trim();
    line.rsplit_once(char::is_whitespace)
        .map_or(line, |(name, _)| name.trim())
}

/// A frame in `  55d0a1b2c3 function<with, spaces>`.
fn frame(line: &str) -> Frame {
    let line = line.trim();
    let (address, name) = line.split_once(char::is_whitespace).unwrap_or((line, "[unknown]"));
    // The upper half of the addresses is the kernel's.
    let in_kernel = u64::from_str_radix(address, 16).is_ok_and(|address| address >> 63 == 1);
    Frame {
        name: name.trim().to_owned(),
        in_kernel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
# a comment of perf
potoroo-0 17776 
	ffffffff821e86a7 clear_page
	           98109 tell<a, b>
	           4b4fb main

potoroo-0 17776 
	           98109 tell<a, b>
	           4b4fb main

a name 7 
	           12345
";

    #[test]
    fn stacks_with_one_beginning_share_it() {
        let stacks = fold(SCRIPT);
        assert_eq!(stacks.samples(), 3);
        let child =
            |node: &'static Node, name: &str| node.callees.iter().find(|(frame, _)| frame.name == name).unwrap();
        let root = &*Box::leak(Box::new(stacks.root));
        assert_eq!(root.callees.len(), 2);
        let (_, worker) = child(root, "potoroo-0");
        let (_, main) = child(worker, "main");
        let (tell, told) = child(main, "tell<a, b>");
        assert_eq!((worker.samples, main.samples, told.samples), (2, 2, 2));
        assert!(!tell.in_kernel);
        let (page, cleared) = child(told, "clear_page");
        assert!(page.in_kernel);
        assert_eq!((cleared.samples, cleared.callees.len()), (1, 0));
        let (_, other) = child(root, "a name");
        assert_eq!(child(other, "[unknown]").1.samples, 1);
        assert_eq!(root.depth(), 4);
    }

    #[test]
    fn nothing_is_no_sample() {
        assert_eq!(fold("").samples(), 0);
        assert_eq!(fold("\n\n# x\n").samples(), 0);
    }
}
