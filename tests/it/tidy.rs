//! The rules of the house that a compiler does not see: who may import whom, how long a file may be, what may stand where.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file of more lines is two things.
const LINES_MAX: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    files.sort();
    files
}

/// The text without its tests and comments: what ships.
fn shipped(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn assert_absent(folder: &str, except: &[&str], words: &[&str], why: &str) {
    for (path, text) in rust_files(folder) {
        if except.iter().any(|it| path.starts_with(it)) {
            continue;
        }
        let code = shipped(&text);
        for word in words {
            assert!(!code.contains(word), "{}: `{word}`: {why}", path.display());
        }
    }
}

#[test]
fn no_file_is_longer_than_its_limit() {
    for folder in ["src", "adapters", "tests", "benches"].iter().filter(|it| root().join(it).is_dir()) {
        for (path, text) in rust_files(folder) {
            let lines = text.lines().count();
            assert!(lines <= LINES_MAX, "{} has {lines} lines; split it", path.display());
        }
    }
}

#[test]
fn the_domain_is_pure() {
    let outside = ["crate::store", "crate::grpc", "crate::clock", "crate::committer", "tokio", "std::fs", "reqwest"];
    assert_absent("src/petition", &[], &outside, "the domain does no I/O, reads no clock and knows no store");
}

#[test]
fn only_the_store_speaks_sql() {
    let sql = ["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM", "rusqlite", "deadpool"];
    assert_absent("src", &["src/store"], &sql, "every statement stands in src/store");
}

#[test]
fn only_the_store_chooses_an_engine() {
    let engines = ["SqliteStore", "PostgresStore", "store::sqlite", "store::postgres"];
    assert_absent("src", &["src/store"], &engines, "callers see the Store trait");
    let choice = ["config::Store::"];
    assert_absent("src", &["src/config", "src/store/open.rs"], &choice, "an engine is chosen in src/store/open.rs");
}

#[test]
fn grpc_never_sees_an_adapter() {
    let adapters = ["government_portal", "national_assembly", "dyn Adapter", ".adapter."];
    assert_absent("src/grpc", &[], &adapters, "services speak to the engines, not to adapters");
}

#[test]
fn only_one_file_names_status_codes() {
    let constructors = [
        "Status::invalid",
        "Status::internal",
        "Status::not_found",
        "Status::failed",
        "tonic::Code",
        " Code::",
        "(Code::",
    ];
    assert_absent("src/grpc", &["src/grpc/status.rs"], &constructors, "codes are named in grpc/status.rs");
}

#[test]
fn an_adapter_knows_nothing_of_the_gateway() {
    for entry in fs::read_dir(root().join("adapters")).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&manifest) else { continue };
        assert!(!text.contains("petition-gateway ="), "{} depends on the gateway", manifest.display());
    }
}

#[test]
fn every_kind_in_the_adapters_folder_is_registered() {
    let registry = fs::read_to_string(root().join("src/adapters.rs")).unwrap();
    for entry in fs::read_dir(root().join("adapters")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !path.is_dir() || name == "sdk" {
            continue;
        }
        let line = format!("{}::KIND", name.replace('-', "_"));
        assert!(registry.contains(&line), "src/adapters.rs does not list {line}");
    }
}

#[test]
fn no_test_is_ignored_and_nothing_is_left_undone() {
    let marks = [concat!("#[ign", "ore"), concat!("todo", "!("), concat!("unimplemented", "!(")];
    for folder in ["src", "adapters", "tests"] {
        for (path, text) in rust_files(folder) {
            for mark in marks {
                assert!(!text.contains(mark), "{}: {mark}", path.display());
            }
        }
    }
}
