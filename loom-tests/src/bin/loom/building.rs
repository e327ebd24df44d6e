//! Building the models: cargo, called with the flags that make them models.

use serde::Deserialize;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether deliberate faults can be switched on in a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    Plain,
    WithMutants,
}

impl Build {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["--cfg", "potoroo_loom"],
            Self::WithMutants => &["--cfg", "potoroo_loom", "--cfg", "potoroo_mutants"],
        }
    }

    /// A folder of its own: the flags rebuild everything.
    fn folder_name(self) -> &'static str {
        match self {
            Self::Plain => "loom",
            Self::WithMutants => "loom-mutants",
        }
    }

    /// Where this build lies, and what the models leave behind.
    pub(crate) fn folder(self) -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        target.join(self.folder_name())
    }

    /// The name and content of the environment variable with the compiler's flags, those that were set included.
    pub(crate) fn rustflags(self) -> (&'static str, OsString) {
        // cargo reads the first of the two that is there.
        let (name, separator) = match env::var_os("CARGO_ENCODED_RUSTFLAGS") {
            Some(_) => ("CARGO_ENCODED_RUSTFLAGS", "\x1f"),
            None => ("RUSTFLAGS", " "),
        };
        let mut flags = env::var_os(name).unwrap_or_default();
        for flag in self.flags() {
            if !flags.is_empty() {
                flags.push(separator);
            }
            flags.push(flag);
        }
        (name, flags)
    }
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// One test of one file.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// `file::test`.
    pub(crate) name: String,
    pub(crate) test: String,
    pub(crate) executable: PathBuf,
}

/// The one kind of line that matters in what cargo says about a build.
#[derive(Deserialize)]
struct Line {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

/// Builds and gives all models, by file and test.
pub(crate) fn models(build: Build) -> Result<Vec<Model>, String> {
    let (name, flags) = build.rustflags();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsStr::new("cargo").to_owned());
    let output = Command::new(cargo)
        .current_dir(root())
        .args([
            "test",
            "--profile",
            "loom",
            "--locked",
            "--no-run",
            "--tests",
            "-p",
            "potoroo-loom-tests",
        ])
        .args(["--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(build.folder())
        .env(name, flags)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        return Err("the models could not be built".to_owned());
    }
    let mut models = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(Line {
            target: Some(target),
            executable: Some(executable),
        }) = serde_json::from_str(line)
        else {
            continue;
        };
        if target.kind == ["test"] {
            models.extend(tests_of(&target.name, &executable)?);
        }
    }
    models.sort_by(|a, b| a.name.cmp(&b.name));
    if models.is_empty() {
        return Err("no models were built".to_owned());
    }
    Ok(models)
}

/// The tests of one file, as it lists them itself.
fn tests_of(file: &str, executable: &Path) -> Result<Vec<Model>, String> {
    let output = Command::new(executable)
        .args(["--list", "--format", "terse"])
        .output()
        .map_err(|error| format!("{}: {error}", executable.display()))?;
    let listed = String::from_utf8_lossy(&output.stdout);
    let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(tests
        .map(|test| Model {
            name: format!("{file}::{test}"),
            test: test.to_owned(),
            executable: executable.to_owned(),
        })
        .collect())
}
