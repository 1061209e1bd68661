//! What is shipped knows no place at which it could be killed, and the list of them is the places that there are.

use std::{collections::BTreeSet, fs, path::Path};

use crate::tidy::rust_files;

/// The names in `failpoint::at!("…")`, over all of `src`, each with the file it stands in.
fn placed() -> Vec<(String, String)> {
    let mut placed = Vec::new();
    for (path, text) in rust_files("src") {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for after in code.split("failpoint::at!(\"").skip(1) {
            placed.push((after.split('"').next().unwrap().to_owned(), path.display().to_string()));
        }
    }
    placed
}

/// The names in the list of `src/failpoint.rs`, read as text: a build without the feature has no list.
fn listed() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/failpoint.rs")).unwrap();
    let (_, list) = text.split_once("POINTS: &[&str] = &[").unwrap();
    let (list, _) = list.split_once("];").unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_list_of_fail_points_is_the_fail_points_that_there_are() {
    let placed: Vec<String> = placed().into_iter().map(|(name, _)| name).collect();
    let (at_places, in_list) = (BTreeSet::from_iter(placed.clone()), BTreeSet::from_iter(listed()));
    assert_eq!(at_places, in_list);
    assert_eq!(placed.len(), at_places.len(), "each name stands at one place: {placed:?}");
    assert!(at_places.len() >= 40, "{}", at_places.len());
}

#[test]
fn a_build_without_fail_points_holds_none_of_their_names() {
    // As text, for the search in text is a quick one; what is no text is no name.
    let binary = fs::read(env!("CARGO_BIN_EXE_petition-gateway")).unwrap();
    let binary = String::from_utf8_lossy(&binary);
    let holds = |text: &str| binary.contains(text);
    assert!(holds("petition-gateway"), "the search finds what is there");
    let found: Vec<String> =
        listed().into_iter().chain(["PETITION_GATEWAY_FAIL".to_owned()]).filter(|it| holds(it)).collect();
    if cfg!(feature = "failpoints") {
        assert_eq!(found.len(), listed().len() + 1, "the search finds each where it must be: {found:?}");
    } else {
        assert!(found.is_empty(), "{found:?}");
    }
}
