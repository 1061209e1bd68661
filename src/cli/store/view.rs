//! The view while a store is copied: a bar on a terminal, a line every few seconds elsewhere, nothing for programs.

use std::{
    fmt,
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{HumanCount, HumanFloatCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use petition_gateway::store::copy::{Phase, Progress};

use crate::cli::{
    output::Output,
    words::{Said, said},
};

/// Between two lines where nobody watches.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// What is seen of a copy while it runs.
pub(super) struct View {
    output: Output,
    /// None where nobody watches.
    bar: Option<ProgressBar>,
    phase: Option<Phase>,
    last_line: Instant,
}

impl View {
    pub(super) fn new(output: Output) -> View {
        let watched = !output.json && io::stderr().is_terminal();
        View { output, bar: watched.then(bar), phase: None, last_line: Instant::now() }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        let Progress { phase, table, rows, rows_all } = *progress;
        let is_new = self.phase.replace(phase) != Some(phase);
        match &self.bar {
            Some(bar) => {
                if is_new {
                    bar.reset();
                    bar.set_length(rows_all);
                    bar.set_prefix(name(phase).in_lang(self.output.lang).to_owned());
                }
                bar.set_position(rows);
                bar.set_message(table);
            }
            None if is_new || self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                let name = name(phase);
                let name = name.in_lang(self.output.lang);
                let (rows, rows_all) = (HumanCount(rows), HumanCount(rows_all));
                self.output.note(&said!("{name}: {rows}/{rows_all} ({table})", "{name}: {rows}/{rows_all} ({table})"));
            }
            None => {}
        }
    }

    /// Takes the bar away: the table that follows says it all.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let style = "{prefix} {bar:40} {human_pos}/{human_len} {rate} {eta} {msg}";
    let style = ProgressStyle::with_template(style).expect("the template is well-formed");
    let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
        // Nobody is told when a bar cannot be drawn.
        let _unseen = write!(out, "{:.0}/s", HumanFloatCount(state.per_sec()));
    });
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
}

fn name(phase: Phase) -> Said {
    match phase {
        Phase::Count => said!("đếm", "counting"),
        Phase::Copy => said!("sao chép", "copying"),
        Phase::Compare => said!("đối chiếu", "comparing"),
    }
}
