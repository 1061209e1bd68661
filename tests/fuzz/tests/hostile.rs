//! Messages that mean harm, through the adapters as the gateway calls them: refused with a reason that names the place,
//! within 64 MiB and soon, without a file or a socket being opened.
#![expect(clippy::unwrap_used, reason = "clippy's exemption for tests does not reach their helpers")]

use std::{
    fs,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use channel_sdk::{
    Adapter, Fault, Kind,
    adapter::{Entrance, RawMessage, Settings},
};
use fuzz::hostile::{Entry, Hostile, MESSAGES};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a message may cost beyond its own bytes, which are at most 32 MiB.
const MEMORY_MAX_MIB: f32 = 64.0;

/// A second with optimisation on an idle machine; tests have neither.
const PATIENCE: Duration = Duration::from_secs(30);

fn adapter(kind: &Kind, interface: Option<&str>) -> Arc<dyn Adapter> {
    let mut table = toml::Table::new();
    interface.map(|interface| table.insert("interface".to_owned(), interface.into()));
    let settings = Settings { agency: "000.00.00.G07".to_owned(), table, dialect: kind.default_dialect.to_owned() };
    (kind.build)(settings).map_err(|faults| format!("{faults:?}")).unwrap()
}

fn entered(message: &Hostile, entry: Entry) -> (Arc<dyn Adapter>, RawMessage) {
    let (adapter, entrance, route) = match entry {
        Entry::Portal => (adapter(&government_portal::KIND, None), Entrance::Push, "POST /pakn"),
        Entry::Assembly => (adapter(&national_assembly::KIND, None), Entrance::Push, "POST /kien-nghi"),
        Entry::Search => (adapter(&national_assembly::KIND, Some("search")), Entrance::Pull, "tim-kiem"),
    };
    let raw = RawMessage {
        entrance,
        route: route.to_owned(),
        content_type: message.content_type.to_owned(),
        received_at: jiff::Timestamp::UNIX_EPOCH,
        body: (message.body)().into(),
    };
    (adapter, raw)
}

fn each(check: impl Fn(&Hostile, Entry)) {
    MESSAGES.iter().for_each(|message| message.entries.iter().for_each(|entry| check(message, *entry)));
}

/// Everything that is said of the message; each of its items must have been refused.
fn refusal(adapter: &dyn Adapter, raw: &RawMessage, name: &str) -> Vec<Fault> {
    match adapter.decode(raw) {
        Err(faults) => faults,
        Ok(decoded) => {
            assert!(!decoded.items.is_empty(), "{name} was taken for an empty list");
            let refused = decoded.items.into_iter().map(|item| item.message.err());
            refused.flat_map(|faults| faults.unwrap_or_else(|| panic!("{name} was taken"))).collect()
        }
    }
}

/// Peaks are the process's, so everything that is measured is measured in one test.
#[test]
fn what_means_harm_is_refused_with_its_place_soon_and_in_little_memory() {
    each(|message, entry| {
        let name = format!("{} at {entry:?}", message.name);
        let (adapter, raw) = entered(message, entry);
        let before = MEMORY.current_usage_as_mb();
        MEMORY.reset_peak_usage();
        let begun = Instant::now();
        match message.code {
            None => drop(adapter.decode(&raw)),
            Some(code) => {
                let faults = refusal(adapter.as_ref(), &raw, &name);
                assert!(faults.iter().any(|fault| fault.code == code), "{name}: {:?}", faults[0]);
                let told = faults.iter().all(|fault| !fault.place.is_empty() || fault.code == code);
                assert!(told && faults.iter().all(|fault| !fault.message.is_empty()), "{name}: no place");
            }
        }
        let (took, grown) = (begun.elapsed(), MEMORY.peak_usage_as_mb() - before);
        assert!(took <= PATIENCE, "{name} took {took:?}");
        assert!(grown <= MEMORY_MAX_MIB, "{name} took {grown} MiB beyond its own");
        if std::env::var_os("HOSTILE_FIGURES").is_some() {
            eprintln!("{name}: {} KiB sent, {grown:.1} MiB taken, {took:?}", raw.body.len() >> 10);
        }
    });
}

/// Paths that nobody has, opened to mark in the trace where decoding begins and ends.
const MARKS: [&str; 2] = ["/nowhere/decoding-begins", "/nowhere/decoding-ends"];

#[test]
fn decoding_opens_no_file_and_no_socket() {
    if std::env::var_os("HOSTILE_TRACED").is_some() {
        let messages: Vec<_> = MESSAGES.iter().filter(|message| (message.body)().len() < 1 << 20).collect();
        let [begins, ends] = MARKS;
        for message in messages {
            let (adapter, raw) = entered(message, message.entries[0]);
            assert!(fs::File::open(begins).is_err());
            drop(adapter.decode(&raw));
            assert!(fs::File::open(ends).is_err());
        }
        return;
    }
    let trace = tempfile::NamedTempFile::new().unwrap();
    let calls = "trace=open,openat,openat2,creat,socket,connect,execve";
    let status = Command::new("strace")
        .args(["-f", "-qq", "-e", calls, "-o"])
        .arg(trace.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "decoding_opens_no_file_and_no_socket"])
        .env("HOSTILE_TRACED", "1")
        .status();
    assert!(status.expect("strace must be installed").success());
    let text = fs::read_to_string(trace.path()).unwrap();
    let (mut decodings, mut inside) = (0, false);
    for line in text.lines() {
        if line.contains(MARKS[0]) {
            inside = true;
        } else if line.contains(MARKS[1]) {
            (decodings, inside) = (decodings + 1, false);
        } else {
            assert!(!inside || !line.contains('('), "while decoding: {line}");
        }
    }
    assert!(decodings >= 10, "the trace shows {decodings} decodings");
}
