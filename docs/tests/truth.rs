//! What the texts say is there, is there.
//!
//! Two checks that no compiler makes: every path that a text names in backticks or links to exists, and no folder of the
//! crates stands on a higher floor than its own. The floors are read from the tables in the crates' own documentation,
//! so there is nothing to keep in step here. It lacks any opinion about prose.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Endings that make a word in backticks the name of a file.
const ENDINGS: [&str; 4] = [".rs", ".md", ".toml", ".golden"];

fn root() -> PathBuf {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR"));
    docs.parent().expect("docs lies in the repository").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below `directory` with this ending, hidden and built ones left out.
fn files(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for entry in entries {
        let path = entry.expect("a readable directory").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" {
                files(&path, ending, found);
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
}

/// A text without its fenced blocks; lines keep their numbers.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut out = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        if !fenced && !is_fence {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

/// What stands in backticks in one line.
fn in_backticks(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Where the links of one line lead.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// Whether a word in backticks names a file or folder of the repository.
fn looks_like_a_path(word: &str, root: &Path) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if word.is_empty() || word.starts_with('/') || !word.chars().all(plain) {
        return false;
    }
    let has_ending = ENDINGS
        .iter()
        .any(|ending| word.len() > ending.len() && word.ends_with(ending));
    let in_a_room = word
        .split_once('/')
        .is_some_and(|(first, _)| first != "target" && !first.starts_with('.') && root.join(first).is_dir());
    has_ending || in_a_room
}

/// Whether `word` exists, seen from the repository, from the text's folder, or from the text's crate.
fn exists(word: &str, root: &Path, text: &Path) -> bool {
    let mut from = vec![root.to_owned()];
    if let Ok(inside) = text.strip_prefix(root)
        && let Some(room) = inside.components().next()
        && root.join(room).is_dir()
    {
        from.push(root.join(room));
    }
    from.extend(text.parent().map(Path::to_owned));
    from.iter().any(|from| from.join(word).exists())
}

#[test]
fn paths_named_in_texts_exist() {
    let root = root();
    let mut texts = Vec::new();
    files(&root, ".md", &mut texts);
    assert!(texts.len() > 10, "only {} texts were found", texts.len());
    let mut wrong = String::new();
    let mut named = 0;
    for text in &texts {
        let shown = text.strip_prefix(&root).unwrap_or(text).display();
        for (number, line) in (1..).zip(prose(&read(text)).lines()) {
            for word in in_backticks(line).filter(|word| looks_like_a_path(word, &root)) {
                named += 1;
                if !exists(word, &root, text) {
                    let _ = writeln!(wrong, "{shown}:{number}: `{word}` does not exist");
                }
            }
            for link in links(line) {
                let path = link.split('#').next().unwrap_or_default();
                if path.is_empty() || path.contains("://") || path.contains("::") {
                    continue;
                }
                named += 1;
                if !text.parent().is_some_and(|folder| folder.join(path).exists()) {
                    let _ = writeln!(wrong, "{shown}:{number}: the link to {path} leads nowhere");
                }
            }
        }
    }
    assert!(named > 50, "only {named} paths were found in {} texts", texts.len());
    assert!(wrong.is_empty(), "texts name what is not there:\n{wrong}");
}

/// The floors of a crate: folder → (floor, row), from the table in the documentation of its `lib.rs`.
fn floors(lib: &str) -> HashMap<String, (u32, usize)> {
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! |"));
    let mut floors = HashMap::new();
    let mut row = 0;
    for line in rows.skip_while(|line| !line.trim_start().starts_with("floor | folder |")) {
        let mut cells = line.split('|').map(str::trim);
        let (Some(floor), Some(folders)) = (cells.next(), cells.next()) else {
            continue;
        };
        let Ok(floor) = floor.parse() else { continue };
        for folder in in_backticks(folders) {
            floors.insert(folder.to_owned(), (floor, row));
            row += 1;
        }
    }
    floors
}

/// The code of a file as the program is built from it: without comments, and without what is for tests only.
fn code(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let bare = line.trim_start();
        if bare.starts_with("#[cfg(") && bare.contains("test") && !bare.contains("not(test)") {
            // Formatted code: a block ends with a brace in the column of its attribute.
            let indent = &line[..line.len() - bare.len()];
            let ends = [format!("{indent}}}"), format!("{indent}}};")];
            let mut in_block = false;
            out.push('\n');
            for skipped in lines.by_ref() {
                out.push('\n');
                in_block |= skipped.ends_with('{');
                let is_over = if in_block {
                    ends.iter().any(|end| end == skipped)
                } else {
                    skipped.ends_with(';')
                };
                if is_over {
                    break;
                }
            }
            continue;
        }
        out.push_str(bare.split("//").next().unwrap_or_default());
        out.push('\n');
    }
    out
}

/// The first segments after `crate::` in some code, with their line numbers; those of `use crate::{a, b}` as well.
fn named_by(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, what) in code.match_indices("crate::") {
        // `$crate::` is a macro's way to say the same.
        let number = code[..at].matches('\n').count() + 1;
        let rest = &code[at + what.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push((number, first_segment(rest)));
            continue;
        };
        let mut depth = 0;
        let mut item = String::new();
        for c in group.chars() {
            match c {
                '}' if depth == 0 => break,
                ',' if depth == 0 => found.push((number, first_segment(&std::mem::take(&mut item)))),
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if !(c == ',' && depth == 0) {
                item.push(c);
            }
        }
        found.push((number, first_segment(&item)));
    }
    found.retain(|(_, segment)| !segment.is_empty());
    found
}

fn first_segment(path: &str) -> String {
    let path = path.trim_start();
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    path[..end.unwrap_or(path.len())].to_owned()
}

/// Exported macros are the crate's, in no folder: those of `sync::mutant`, which stands on nothing.
const MACROS: [&str; 2] = ["mutant", "weakened"];

/// The violations of the rule "each folder stands only on those before it" in one crate.
fn violations(source: &Path) -> String {
    let floors = floors(&read(&source.join("lib.rs")));
    assert!(
        floors.len() > 5,
        "{}: the table of floors was not understood: {floors:?}",
        source.display()
    );
    let mut wrong = String::new();
    for folder in fs::read_dir(source).expect("a readable directory") {
        let folder = folder.expect("a readable directory").path();
        if !folder.is_dir() {
            continue;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(&(floor, row)) = floors.get(&name) else {
            let _ = writeln!(wrong, "{}: has no row in the table of floors", folder.display());
            continue;
        };
        let mut sources = Vec::new();
        files(&folder, ".rs", &mut sources);
        for file in sources {
            for (number, other) in named_by(&code(&read(&file))) {
                let place = format!("{}:{number}", file.display());
                match floors.get(&other) {
                    _ if other == name || MACROS.contains(&other.as_str()) => {}
                    None => {
                        let _ = writeln!(
                            wrong,
                            "{place}: `crate::{other}` is no folder of the table; name the folder it comes from"
                        );
                    }
                    Some(&(other_floor, other_row)) if (other_floor, other_row) > (floor, row) => {
                        let _ = writeln!(
                            wrong,
                            "{place}: {name} (floor {floor}) stands on {other} (floor {other_floor})"
                        );
                    }
                    Some(_) => {}
                }
            }
        }
    }
    for name in floors.keys() {
        if !source.join(name).is_dir() {
            let _ = writeln!(
                wrong,
                "{}: the table of floors names {name}, which is no folder",
                source.display()
            );
        }
    }
    wrong
}

#[test]
fn floors_do_not_cycle() {
    let wrong: String = ["runtime/src", "actors/src"]
        .iter()
        .map(|source| violations(&root().join(source)))
        .collect();
    assert!(
        wrong.is_empty(),
        "a folder stands on one that does not come before it:\n{wrong}"
    );
}

#[test]
fn the_table_of_floors_is_read() {
    let floors =
        floors("//! | floor | folder | what |\n//! |---|---|---|\n//! | 0 | [`a`] | x |\n//! | 1 | `b`, [`c`] | y |");
    assert_eq!(floors["a"], (0, 0));
    assert_eq!(floors["b"], (1, 1));
    assert_eq!(floors["c"], (1, 2));
}

#[test]
fn uses_are_found_outside_of_tests_and_comments() {
    let text = "\
//! See [`crate::no`].
use crate::{a, b::{self, c}};
fn f(_: crate::d::E) {}
#[cfg(all(test, not(x)))]
mod tests {
    use super::*;
    use crate::no;
}
use crate::e;
#[cfg(test)]
#[path = \"f_tests.rs\"]
mod tests;
pub(crate) use crate::g::H;
";
    let named: Vec<_> = named_by(&code(text)).into_iter().map(|(_, name)| name).collect();
    assert_eq!(named, ["a", "b", "d", "e", "g"]);
}

/// What only the doors may name: atomics, threads and clocks come through `sync` and `sys`, so that a model or a simulator
/// can stand in. A type alone (`PoisonError`, `SocketAddr`, `Duration`) is no access.
#[test]
fn the_runtime_reaches_atomics_threads_and_the_system_through_its_doors() {
    const BEHIND_DOORS: [&str; 11] = [
        "std::sync::atomic",
        "std::sync::Mutex",
        "std::sync::Arc",
        "std::thread",
        "std::time::Instant",
        "std::time::SystemTime",
        "std::fs",
        "std::net::Tcp",
        "mio::",
        "libc::",
        "core_affinity",
    ];
    let source = root().join("runtime/src");
    let mut sources = Vec::new();
    files(&source, ".rs", &mut sources);
    let mut wrong = String::new();
    let mut looked_at = 0;
    for path in sources {
        let inside = path.strip_prefix(&source).expect("found below it");
        // A folder `tests` is compiled for tests only.
        let for_tests = inside.components().any(|part| part.as_os_str() == "tests");
        if inside.starts_with("sync") || inside.starts_with("sys") || for_tests {
            continue;
        }
        let text = read(&path);
        // Tests stand at the foot of a file and run on real threads.
        let code = text.split("#[cfg(all(test").next().unwrap_or_default();
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in (1..).zip(code.lines()) {
            let line = line.split("//").next().unwrap_or_default();
            looked_at += 1;
            for name in BEHIND_DOORS.iter().filter(|name| line.contains(**name)) {
                let _ = writeln!(wrong, "runtime/src/{}:{number}: {name}", inside.display());
            }
        }
    }
    assert!(looked_at > 1000, "only {looked_at} lines were found");
    assert!(wrong.is_empty(), "past the doors:\n{wrong}");
}

/// The blocks of Rust in a text, each with the heading above it.
fn programs(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    let (mut heading, mut inside) = ("", false);
    for line in text.lines() {
        match line {
            "```rust" => {
                inside = true;
                found.push((heading, Vec::new()));
            }
            "```" => inside = false,
            _ if inside => found.last_mut().expect("one has begun").1.push(line),
            _ => heading = line.strip_prefix("## ").unwrap_or(heading),
        }
    }
    found
}

/// The first page shows how little it takes; that nothing is hidden or written by the macro is part of it.
#[test]
fn the_programs_of_the_readme_are_short() {
    let text = read(&root().join("README.md"));
    let programs = programs(&text);
    for (heading, most) in [("A counter", 18), ("A supervised pool", 15), ("A TCP server", 25)] {
        let program = programs.iter().find(|(above, _)| *above == heading);
        let (_, lines) = program.unwrap_or_else(|| panic!("no program below {heading:?}"));
        let count = lines.iter().filter(|line| !line.trim().is_empty()).count();
        assert!(count <= most, "{heading}: {count} lines, more than {most}");
        assert!(
            lines.contains(&"fn main() -> Result<(), Box<dyn std::error::Error>> {"),
            "{heading}"
        );
        for line in lines {
            assert!(line.len() <= 120, "{heading}: too long: {line}");
            assert!(
                !line.trim_start().starts_with("# ") && !line.contains("#[actor]"),
                "{heading}: {line}"
            );
        }
    }
}

#[test]
fn the_readme_has_two_commands() {
    let text = read(&root().join("README.md"));
    let mut lines = text.lines();
    let mut commands = Vec::new();
    while lines.by_ref().any(|line| line == "```sh") {
        commands.extend(lines.by_ref().take_while(|line| *line != "```"));
    }
    assert_eq!(commands, ["cargo run --release -- demo", "cargo test --workspace"]);
}

#[test]
fn every_chapter_is_in_the_contents_and_in_the_tests() {
    let book = root().join("docs/book");
    let mut chapters = Vec::new();
    files(&book, ".md", &mut chapters);
    assert!(chapters.len() > 10, "only {} chapters", chapters.len());
    let (contents, tests) = (
        read(&root().join("docs/README.md")),
        read(&root().join("docs/src/lib.rs")),
    );
    for chapter in chapters {
        let name = chapter.file_name().expect("a file").to_string_lossy();
        assert!(
            contents.contains(&format!("(book/{name})")),
            "{name} is not in docs/README.md"
        );
        assert!(
            tests.contains(&format!("\"../book/{name}\"")),
            "{name} is not in docs/src/lib.rs"
        );
    }
}
