//! The table of mutants and the source say the same.
#![cfg(not(potoroo_loom))]

use potoroo_loom_tests::mutants::MUTANTS;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("a folder of the workspace").to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The names in `mutant!("…")` and `weakened!("…", …)`, comments left out.
fn names(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let after = |what: &'static str| {
        let rests: Vec<String> = code.split(what).skip(1).map(str::to_owned).collect();
        rests
    };
    let rests = after("mutant!(").into_iter().chain(after("weakened!("));
    rests
        .filter_map(|rest| {
            let (name, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
            Some(name.to_owned())
        })
        .collect()
}

#[test]
fn names_are_found_in_code_alone() {
    let source =
        "// mutant!(\"no\")\nif mutant!(\"a\") {}\nlet x = weakened!(\n    \"b\",\n Release, Relaxed);\nmutant!($name)";
    assert_eq!(names(source), ["a", "b"]);
}

#[test]
fn each_mutant_is_in_the_source_and_each_in_the_source_is_in_the_table() {
    let root = root();
    let mut files = Vec::new();
    for folder in ["runtime/src", "loom-tests/src", "loom-tests/tests"] {
        sources(&root.join(folder), &mut files);
    }
    files.retain(|file| !file.ends_with("tests/table.rs"));
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a readable file");
        let shown = file.strip_prefix(&root).expect("below the root").display().to_string();
        // Those of the simulator are found by the simulator.
        for name in names(&text).into_iter().filter(|name| !name.starts_with("sim_")) {
            let before = found.insert(name.clone(), shown.clone());
            assert!(before.is_none(), "{name} is made in two places");
        }
    }
    for mutant in MUTANTS {
        let file = found.remove(mutant.name);
        assert_eq!(file.as_deref(), Some(mutant.file), "{}: where it is made", mutant.name);
    }
    assert!(found.is_empty(), "in the source and not in the table: {found:?}");
}

#[test]
fn each_mutant_names_a_model() {
    for mutant in MUTANTS {
        let (file, test) = mutant.model.split_once("::").expect("file::test");
        let path = root().join("loom-tests/tests").join(format!("{file}.rs"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            text.contains(&format!("fn {test}() {{")),
            "{}: no test {}",
            mutant.name,
            mutant.model
        );
        assert!(
            text.contains(&format!("\"{}\"", mutant.model)),
            "{}: no model of this name",
            mutant.model
        );
    }
}

/// The runner finds models by their tests, and compares.
#[test]
fn each_model_has_the_name_of_its_test() {
    let mut files = Vec::new();
    sources(&root().join("loom-tests/tests"), &mut files);
    let mut models = 0;
    for path in files {
        let text = fs::read_to_string(&path).expect("a readable file");
        if !text.lines().any(|line| line == "#![cfg(potoroo_loom)]") {
            continue;
        }
        let file = path.file_stem().expect("a file").to_string_lossy().into_owned();
        for test in text.split("#[test]\nfn ").skip(1) {
            let name = test.split('(').next().unwrap_or_default();
            assert!(
                test.contains(&format!("\"{file}::{name}\"")),
                "{file}::{name} is called otherwise"
            );
            models += 1;
        }
    }
    assert!(models > 40, "only {models} models were found");
}
