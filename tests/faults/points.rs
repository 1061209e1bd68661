//! Where a gateway is killed, and at which passing.

use petition_gateway::failpoint::POINTS;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Not a place: the driver kills whenever it likes.
pub(super) const RANDOM: &str = "random";

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(super) fn name(self) -> &'static str {
        match self {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgres",
        }
    }

    /// Every place that a gateway on this engine passes.
    pub(super) fn points(self) -> Vec<&'static str> {
        let others = match self {
            Engine::Sqlite => "postgres.",
            Engine::Postgres => "sqlite.",
        };
        POINTS.iter().copied().filter(|point| !point.starts_with(others)).chain([RANDOM]).collect()
    }
}

/// What must have happened for a place to be passed: a death that leaves a message half dealt with.
pub(super) fn prelude(point: &str) -> Option<&'static str> {
    point.starts_with("resume.").then_some("journal.after")
}

/// Whether the place is passed only by a gateway that was asked to stop.
pub(super) fn is_of_a_stop(point: &str) -> bool {
    point.starts_with("stop.") || point == "presence.left"
}

/// What the gateway is told: which passing is its last, and how long it may go on from there.
pub(super) fn order(point: &str, draw: &mut ChaCha8Rng) -> String {
    let (area, _) = point.split_once('.').unwrap_or((point, ""));
    // About half of what a second of load passes on a slow machine, so that no run waits long for its death.
    let passings = match area {
        "commit" | "sqlite" | "postgres" => 30,
        "decide" => 10,
        "claim" | "attempt" | "send" | "settle" | "intake" => 6,
        "submit" | "journal" | "decode" | "message" | "blob" | "import" if !is_rare(point) => 3,
        "upload" => 2,
        _ => 1,
    };
    let passing = draw.random_range(1..=passings);
    // The request has left and no answer has come: some milliseconds after it began to leave.
    match point {
        "send.before" if draw.random_bool(0.5) => format!("{point}=kill@{passing}+{}", draw.random_range(1..10)),
        _ => format!("{point}=kill@{passing}"),
    }
}

/// Once for a whole import.
fn is_rare(point: &str) -> bool {
    point == "import.before_answer"
}
