//! Where everything that the command line says goes: results to standard output, the rest to standard error.
//!
//! A reader that goes away (`| head`) ends the command quietly: writing reports it as an error, and that error is none.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::{
    failure::Failure,
    page,
    words::{self, Lang, Said},
};

/// How to say things: for people or for programs, in which language, on a terminal or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// JSON instead of tables and pages.
    pub(crate) json: bool,
    /// The language for people.
    pub(crate) lang: Lang,
}

impl Output {
    /// One line of the result.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Bytes of the result, as they are.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        io::stdout().lock().write_all(bytes).map_err(Failure::Output)
    }

    /// A sentence of the result.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn say(self, said: &Said) -> Result<(), Failure> {
        self.line(said.in_lang(self.lang))
    }

    /// One record: a line of JSON, or a page of names and values.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn record(self, record: &Value) -> Result<(), Failure> {
        if self.json {
            return self.line(&record.to_string());
        }
        self.bytes(page::of(record, self.lang).as_bytes())
    }

    /// A list: a line of JSON for each, or a table of the columns, each named by its path in the record.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn list(self, records: &[Value], columns: &[&str]) -> Result<(), Failure> {
        if self.json {
            return records.iter().try_for_each(|record| self.line(&record.to_string()));
        }
        let heading = |column: &&str| words::heading(page::heading_of(column), self.lang);
        let rows = records.iter().map(|record| columns.iter().map(|it| page::cell(record, it, self.lang)).collect());
        self.table(columns.iter().map(heading).collect(), rows.collect())
    }

    /// A table; plain columns when nobody looks at it on a terminal.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn table(self, headings: Vec<String>, rows: Vec<Vec<String>>) -> Result<(), Failure> {
        let mut table = Table::new();
        if io::stdout().is_terminal() {
            table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.load_preset(presets::NOTHING);
        }
        table.set_header(headings).add_rows(rows);
        // Names are there to be copied, and must not be broken over lines.
        if let Some(names) = table.column_mut(0) {
            names.set_constraint(ColumnConstraint::ContentWidth);
        }
        table.trim_fmt().lines().try_for_each(|line| self.line(line.trim_end()))
    }

    /// Something for people beside the result; programs are spared.
    pub(crate) fn note(self, said: &Said) {
        if !self.json {
            self.complain(said.in_lang(self.lang));
        }
    }

    /// A line on standard error. If that cannot be written there is nobody left to tell.
    pub(crate) fn complain(self, text: &str) {
        drop(writeln!(io::stderr().lock(), "{text}"));
    }

    /// A progress bar for `length` bytes or items (unknown: a spinner), on a terminal only.
    pub(crate) fn progress(self, length: Option<u64>, unit: Unit) -> ProgressBar {
        if self.json || !io::stderr().is_terminal() {
            return ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden());
        }
        let template = match (length, unit) {
            (Some(_), _) => "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            (None, Unit::Bytes) => "{spinner} {bytes} {bytes_per_sec}",
            (None, Unit::Items) => "{spinner} {human_pos} ({per_sec})",
        };
        let style = ProgressStyle::with_template(template).expect("the templates above are well-formed");
        ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr()).with_style(style)
    }
}

/// What a progress bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes of a file.
    Bytes,
    /// Items of a stream.
    Items,
}
