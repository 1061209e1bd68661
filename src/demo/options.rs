//! What a demonstration is made of: how many petitions, how fast, how bad the far sides are.

use std::{path::PathBuf, time::Duration};

use channel_sdk::sandbox::Mischief;
use jiff::Timestamp;

/// What a demonstration is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is written; a temporary folder that is removed at the end unless given.
    pub folder: Option<PathBuf>,
    /// The seed of petitions, misbehaviour and the ministry's decisions.
    pub seed: u64,
    /// How long the year takes; petitions are released in the first two thirds.
    pub length: Duration,
    /// How many petitions the portal has.
    pub petitions: u32,
    /// How many voter petitions the National Assembly has.
    pub voter_petitions: u32,
    /// How both far sides misbehave.
    pub mischief: Mischief,
    /// How long to wait for what is still open once everything is released and nothing seems to move.
    pub patience: Duration,
    /// The first day of the year that is played.
    pub epoch: Timestamp,
    /// Whether to take the usual ports if they are free, so that addresses can be remembered.
    pub usual_ports: bool,
}

/// The misbehaviour of an ordinary bad day: a few per cent of everything.
pub const BAD_DAY: Mischief = Mischief {
    slow_per_mille: 30,
    slow_by_ms: 250,
    server_error_per_mille: 25,
    error_after_commit_per_mille: 20,
    // Each pauses the whole channel for as long as the far side asks.
    too_many_per_mille: 3,
    duplicate_per_mille: 40,
    reserve_page_per_mille: 40,
    edited_per_mille: 40,
    out_of_order_per_mille: 100,
    broken_item_per_mille: 25,
    withdrawn_per_mille: 25,
    // What is lost in silence is found by a reconciliation, which the demo's year does not wait for.
    drop_outbound_per_mille: 0,
    drop_inbound_per_mille: 0,
};

/// A mischief's keys are those of [`Mischief`]; `key=value` sets one.
///
/// # Errors
/// What is wrong with the text, and what would be right.
pub fn with_mischief(mischief: Mischief, setting: &str) -> Result<Mischief, String> {
    let wrong = || format!("`{setting}`: viết khóa=giá trị, ví dụ slow_per_mille=50 (write key=value)");
    let (key, value) = setting.split_once('=').ok_or_else(wrong)?;
    let value: u64 = value.trim().parse().map_err(|_| wrong())?;
    let mut table = serde_json::to_value(mischief).map_err(|_| wrong())?;
    let known: Vec<String> = table.as_object().map(|it| it.keys().cloned().collect()).unwrap_or_default();
    match table.get_mut(key.trim()) {
        Some(place) => *place = value.into(),
        None => return Err(format!("`{key}`: không có khóa này; có (there are): {}", known.join(", "))),
    }
    if key.trim().ends_with("per_mille") && value > 1000 {
        return Err(format!("`{setting}`: từ 0 đến 1000 (0 to 1000)"));
    }
    serde_json::from_value(table).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mischief_is_set_by_its_key() {
        let mischief = with_mischief(Mischief::default(), "slow_per_mille=50").unwrap();
        assert_eq!(mischief, Mischief { slow_per_mille: 50, ..Mischief::default() });
    }

    #[test]
    fn a_wrong_key_or_value_is_told_with_what_would_be_right() {
        let told = |setting| with_mischief(Mischief::default(), setting).unwrap_err();
        assert!(told("slow").contains("key=value"));
        assert!(told("slowly=3").contains("slow_per_mille"));
        assert!(told("slow_per_mille=1001").contains("0 to 1000"));
        assert!(told("slow_per_mille=many").contains("key=value"));
    }
}
