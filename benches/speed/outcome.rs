//! What a row says: one line of the table, one line of JSON.

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use serde_json::{Value, json};

/// What must hold of a ratio.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn holds(self, value: f64) -> bool {
        match self {
            Goal::AtLeast(goal) => value >= goal,
            Goal::AtMost(goal) => value <= goal,
        }
    }

    fn told(self) -> String {
        match self {
            Goal::AtLeast(goal) => format!("≥ {goal}"),
            Goal::AtMost(goal) => format!("≤ {goal}"),
        }
    }
}

/// One measure of one row.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The row's name.
    pub(crate) row: &'static str,
    /// What was measured.
    pub(crate) what: String,
    /// The reference's figure, with its unit.
    pub(crate) reference: String,
    /// The gateway's figure, with its unit.
    pub(crate) measured: String,
    /// What the goal is about: a ratio to the reference, or the figure itself.
    pub(crate) value: f64,
    /// What should hold of it.
    pub(crate) goal: Goal,
    /// Everything else that the row knows.
    pub(crate) more: Value,
}

impl Outcome {
    pub(crate) fn held(&self) -> bool {
        self.goal.holds(self.value)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "row": self.row, "what": self.what, "reference": self.reference, "measured": self.measured,
            "value": (self.value * 1000.0).round() / 1000.0, "goal": self.goal.told(), "held": self.held(),
            "more": self.more,
        })
    }
}

/// All outcomes, for people.
pub(crate) fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(["row", "what", "reference", "measured", "value", "goal", "held"]);
    for it in outcomes {
        let (value, goal, held) = (format!("{:.2}", it.value), it.goal.told(), if it.held() { "yes" } else { "NO" });
        table.add_row([it.row, &it.what, &it.reference, &it.measured, &value, &goal, held]);
    }
    table
}

/// The middle of several measures.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
