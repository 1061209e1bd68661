//! What is seen of an audit: a bar on a terminal, a line for each finding, and at the end what each sort of them means.

use std::io::{self, IsTerminal};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use petition_gateway::audit::{Finding, Report, Section, Told, Weight, What};
use serde_json::{Value, json};

use super::words;
use crate::cli::{failure::Failure, output::Output, words::said};

/// What is seen while it runs.
pub(super) struct View {
    output: Output,
    bar: ProgressBar,
    section: Option<Section>,
}

impl View {
    pub(super) fn new(output: Output) -> View {
        let is_watched = !output.json && io::stderr().is_terminal();
        let target = if is_watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        View { output, bar: ProgressBar::with_draw_target(None, target), section: None }
    }

    /// # Errors
    /// Standard output cannot be written.
    pub(super) fn show(&mut self, told: &Told) -> Result<(), Failure> {
        match told {
            Told::Progress { section, rows, rows_all } => {
                self.progress(*section, *rows, *rows_all);
                Ok(())
            }
            Told::Found(finding) => self.bar.suspend(|| line(finding, self.output)),
        }
    }

    fn progress(&mut self, section: Section, rows: u64, rows_all: Option<u64>) {
        if self.section.replace(section) != Some(section) {
            let template = match rows_all {
                Some(_) => "{prefix} {bar:40} {human_pos}/{human_len} {per_sec} {eta}",
                None => "{prefix} {spinner} {human_pos} ({per_sec})",
            };
            self.bar.reset();
            self.bar.set_style(ProgressStyle::with_template(template).expect("the templates are well-formed"));
            self.bar.set_prefix(words::section(section).in_lang(self.output.lang).to_owned());
        }
        if let Some(rows_all) = rows_all {
            self.bar.set_length(rows_all.max(rows));
        }
        self.bar.set_position(rows);
    }

    /// Takes the bar away: the summary that follows says it all.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn line(finding: &Finding, output: Output) -> Result<(), Failure> {
    let Finding { section, what, row } = finding;
    if output.json {
        return output.record(&record(finding));
    }
    let mark = match what.weight() {
        Weight::Finding => said!("LỖI", "FAULT"),
        Weight::Remark => said!("ghi chú", "remark"),
    };
    let mark = mark.in_lang(output.lang);
    output.line(&format!("{mark}  {section}  {what}  {row}"))
}

fn record(finding: &Finding) -> Value {
    let Finding { section, what, row } = finding;
    let mut record = json!({"section": section, "what": what, "weight": what.weight(), "row": row});
    explain(*what, &mut record);
    record
}

/// What it means and what to do, in both languages.
fn explain(what: What, record: &mut Value) {
    let (meaning, action) = words::of(what);
    record["meaning"] = both(&meaning);
    record["action"] = both(&action);
}

fn both(said: &crate::cli::words::Said) -> Value {
    use crate::cli::words::Lang::{En, Vi};
    json!({"vi": said.in_lang(Vi), "en": said.in_lang(En)})
}

/// What was looked at and what was found.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn summary(report: &Report, output: Output) -> Result<(), Failure> {
    if output.json {
        return output.record(&json!({
            "store": report.store,
            "served": report.is_served,
            "sound": report.is_sound(),
            "finding_count": report.findings(),
            "rows": report.rows,
            "found": report.found,
        }));
    }
    for (section, rows) in &report.rows {
        let (name, rows) = (words::section(*section), HumanCount(*rows));
        let name = name.in_lang(output.lang);
        output.say(&said!("{name}: đã xem {rows} dòng", "{name}: {rows} rows looked at"))?;
    }
    for (what, count) in &report.found {
        let (meaning, action) = words::of(*what);
        let (meaning, action) = (meaning.in_lang(output.lang), action.in_lang(output.lang));
        let count = HumanCount(*count);
        output.say(&said!(
            "\n{what}: {count}\n  Nghĩa là: {meaning}\n  Cần làm: {action}",
            "\n{what}: {count}\n  It means: {meaning}\n  What to do: {action}"
        ))?;
    }
    let (store, count) = (&report.store, HumanCount(report.findings()));
    output.say(&match report.is_sound() {
        true => said!("{store}: toàn vẹn, không có lỗi", "{store}: sound, nothing was found"),
        false => said!("\n{store}: {count} lỗi", "\n{store}: {count} fault(s)"),
    })
}
