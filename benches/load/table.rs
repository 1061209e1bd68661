//! What was promised and what was seen.

use serde_json::json;

/// The rows, as they are found.
pub(crate) struct Table {
    name: &'static str,
    rows: Vec<Row>,
}

struct Row {
    what: &'static str,
    promised: String,
    seen: String,
    holds: bool,
}

impl Table {
    pub(crate) fn new(name: &'static str) -> Table {
        Table { name, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, what: &'static str, promised: impl ToString, seen: impl ToString, holds: bool) {
        self.rows.push(Row { what, promised: promised.to_string(), seen: seen.to_string(), holds });
    }

    /// Prints all; whether every promise holds.
    pub(crate) fn print(&self) -> bool {
        println!("\n{:<52} {:>22} {:>30}", self.name, "promised", "seen");
        for Row { what, promised, seen, holds } in &self.rows {
            println!("{what:<52} {promised:>22} {seen:>30}  {}", if *holds { "holds" } else { "DOES NOT HOLD" });
        }
        for Row { what, promised, seen, holds } in &self.rows {
            println!("{}", json!({"run": self.name, "row": what, "promised": promised, "seen": seen, "holds": holds}));
        }
        self.rows.iter().all(|row| row.holds)
    }
}
