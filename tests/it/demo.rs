//! The commands that need no gateway of yours: `demo`, `sandbox` and `certificates`, as the program that users run.

use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_petition-gateway")).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}\n{complaints}"))
}

#[test]
fn a_small_year_ends_with_all_sides_in_agreement() {
    let arguments = ["demo", "--petitions", "60", "--voter-petitions", "20", "--seconds", "3", "--json"];
    let output = run(&arguments);
    let report = json(&output);
    assert_eq!(report["disagreements"], serde_json::json!([]), "{report:#}");
    assert!(output.status.success(), "{report:#}");
    assert_eq!(report["agree"], true);
    let came_in = |at: usize| report["channels"][at]["came_in"].as_u64().unwrap();
    assert_eq!((came_in(0), came_in(1)), (60, 20));
    for channel in report["channels"].as_array().unwrap() {
        let figure = |name: &str| channel[name].as_u64().unwrap();
        assert_eq!(figure("came_in"), figure("recorded") + figure("quarantined"), "{channel:#}");
        assert!(figure("answered") > figure("came_in") / 2, "{channel:#}");
        assert_eq!(channel["dead_letters"], serde_json::json!({}));
    }
}

#[test]
fn the_folder_of_a_demonstration_is_one_that_serve_could_use_and_is_not_used_twice() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let year = ["--petitions", "3", "--voter-petitions", "2", "--seconds", "1", "--calm", "--json"];
    let output = run(&[&["demo", "--folder", place], year.as_slice()].concat());
    assert!(output.status.success(), "{:#}", json(&output));
    let config = folder.path().join("gateway.toml");
    let checked = run(&["check-config", "--config", config.to_str().unwrap(), "--json"]);
    assert!(checked.status.success(), "{:#}", json(&checked));
    let again = run(&[&["demo", "--folder", place], year.as_slice()].concat());
    assert_eq!(again.status.code(), Some(2), "a folder that is not empty is left alone");
}

#[test]
fn a_sandbox_tells_what_it_knows_when_its_time_is_over() {
    let output = run(&["sandbox", "--kind", "government-portal", "--petitions", "5", "--duration", "0", "--json"]);
    assert!(output.status.success());
    assert_eq!(json(&output)["accounts"].as_array().unwrap().len(), 5);
    let output = run(&["sandbox", "--kind", "post-box", "--duration", "0"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn certificates_are_not_overwritten_unless_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["certificates", "--folder", folder.path().to_str().unwrap(), "--json"];
    let made = run(&arguments);
    assert!(made.status.success());
    let ministry = json(&made)["clients"]["ministry"]["certificate"].as_str().unwrap().to_owned();
    let before = std::fs::read(&ministry).unwrap();
    assert_eq!(run(&arguments).status.code(), Some(2));
    assert_eq!(std::fs::read(&ministry).unwrap(), before);
    assert!(run(&[arguments.as_slice(), &["--force"]].concat()).status.success());
    assert_ne!(std::fs::read(&ministry).unwrap(), before);
}
