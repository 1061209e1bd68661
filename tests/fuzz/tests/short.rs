//! The short run: every target over its corpus and over some ten thousand mutations of it, from a seed.
//!
//! `FUZZ_MUTATIONS` asks for more of them, `FUZZ_SEED` for others. A failure names the target and writes its input to
//! `target/fuzz/found`, from where it goes under a name into `corpus/<target>/`.
#![expect(clippy::unwrap_used, reason = "clippy's exemption for tests does not reach their helpers")]

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

use fuzz::{TARGETS, Target, mutate::Mutator};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Mutations of each target's corpus; a quarter of them where messages are long.
const MUTATIONS: u64 = 10_000;

/// An input is at most 16 KiB and takes well under a millisecond; a machine that does much else may stop for seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The targets together, each reading its input several times over. One that keeps what it read would pass this soon.
const MEMORY_MAX_MIB: f32 = 64.0;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn told<T: FromStr>(variable: &str, otherwise: T) -> T {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs one input; what is wrong with it, if anything is.
fn fault_of(target: &Target, input: &[u8]) -> Option<String> {
    let begun = Instant::now();
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        return Some("breaks a promise (see the panic above)".to_owned());
    }
    let took = begun.elapsed();
    (took > PATIENCE).then(|| format!("takes {took:?}"))
}

fn check(target: &Target, input: &[u8]) {
    let Some(fault) = fault_of(target, input) else { return };
    let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../fuzz/found");
    fs::create_dir_all(&found).unwrap();
    let file = found.join(format!("{}-short", target.name));
    fs::write(&file, input).unwrap();
    panic!("{}: an input {fault}; it stands in {}", target.name, file.display());
}

#[test]
fn every_target_keeps_its_promises_over_its_corpus_and_mutations_of_it() {
    let (mutations, seed) = (told("FUZZ_MUTATIONS", MUTATIONS), told("FUZZ_SEED", 1));
    let only: String = told("FUZZ_TARGET", String::new());
    let targets: Vec<&Target> = TARGETS.iter().filter(|target| only.is_empty() || target.name == only).collect();
    assert!(!targets.is_empty(), "FUZZ_TARGET names no target");
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage_as_mb();
    let lanes = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for lane in 0..lanes {
            let targets: Vec<&Target> = targets.iter().copied().skip(lane).step_by(lanes).collect();
            scope.spawn(move || targets.into_iter().for_each(|target| short(target, seed, mutations)));
        }
    });
    let grown = MEMORY.peak_usage_as_mb() - before;
    assert!(grown <= MEMORY_MAX_MIB, "the targets took {grown} MiB");
}

fn short(target: &Target, seed: u64, mutations: u64) {
    let corpus = corpus(target.name);
    assert!(!corpus.is_empty(), "{} has no corpus", target.name);
    corpus.iter().for_each(|input| check(target, input));
    let mut mutator = Mutator::new(seed);
    let is_long = corpus.iter().map(Vec::len).sum::<usize>() / corpus.len() > 500;
    let mutations = if is_long { mutations / 4 } else { mutations };
    (0..mutations).for_each(|_| check(target, &mutator.next(&corpus)));
}

#[test]
fn every_folder_of_the_corpus_belongs_to_a_target() {
    for entry in fs::read_dir(folder("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(fuzz::target(&name).is_some(), "no target reads corpus/{name}");
    }
}

#[test]
fn a_target_that_breaks_a_promise_is_told() {
    let broken = Target { name: "broken", run: |bytes| assert!(bytes.len() < 3) };
    assert_eq!(fault_of(&broken, b"ab"), None);
    assert!(fault_of(&broken, b"abc").is_some_and(|fault| fault.contains("promise")));
}
