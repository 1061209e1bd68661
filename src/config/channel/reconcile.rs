//! `[channels.<name>.reconcile]`: when our books are compared with the far side's.

use jiff::civil::Time;

use crate::{config::reader::Section, reconcile::task::Plan};

pub(super) fn read(mut section: Section<'_>) -> Plan {
    let text = section.text("at");
    let at = text.parse::<Time>();
    if at.is_err() {
        section.fault("at", "must be a time of the day in Vietnam, such as \"02:30\"");
    }
    let plan = Plan {
        enabled: section.boolean("enabled"),
        at: at.unwrap_or_default(),
        pages_max: section.integer("pages_max", 1..=10_000_000),
    };
    section.finish();
    plan
}
