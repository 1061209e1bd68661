//! The view while the year goes by: a bar for each channel on a terminal, a line every few seconds elsewhere.

use std::{
    cell::Cell,
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use petition_gateway::demo::{
    options::Options,
    progress::{ChannelProgress, Progress},
};

use crate::cli::{
    output::Output,
    words::{Lang, said},
};

/// Between two lines where nobody watches.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// What is seen of a demonstration while it runs.
pub(super) struct View {
    output: Output,
    /// One for each channel, and one for the ministry; none where nobody watches.
    bars: Option<(Vec<ProgressBar>, ProgressBar)>,
    seed: u64,
    length: Duration,
    counts: (u32, u32),
    last_line: Cell<Duration>,
}

impl View {
    pub(super) fn new(output: Output, options: &Options) -> View {
        let watched = !output.json && io::stderr().is_terminal();
        let counts = (options.petitions, options.voter_petitions);
        let (seed, length, last_line) = (options.seed, options.length, Cell::new(Duration::ZERO));
        View { output, bars: watched.then(|| bars(counts)), seed, length, counts, last_line }
    }

    /// What is about to happen.
    pub(super) fn begin(&self) {
        let ((petitions, voters), seed, seconds) = (self.counts, self.seed, self.length.as_secs());
        self.output.note(&said!(
            "Một năm của Bộ trong {seconds} giây: {petitions} phản ánh trên Cổng, {voters} kiến nghị cử tri (seed {seed}).",
            "A ministry's year in {seconds} seconds: {petitions} petitions of the portal, {voters} of voters (seed {seed})."
        ));
    }

    pub(super) fn show(&self, progress: &Progress) {
        match &self.bars {
            Some((channels, ministry)) => {
                for (bar, channel) in channels.iter().zip(&progress.channels) {
                    bar.set_position(channel.answered);
                    bar.set_prefix(channel.channel.clone());
                    bar.set_message(self.channel(channel));
                }
                ministry.set_message(self.ministry(progress));
            }
            None if progress.elapsed >= self.last_line.get() + LINE_INTERVAL => {
                self.last_line.set(progress.elapsed);
                let channels = progress.channels.iter().map(|it| format!("{}: {}", it.channel, self.channel(it)));
                let line = channels.chain([self.ministry(progress)]).collect::<Vec<_>>().join("; ");
                let seconds = progress.elapsed.as_secs();
                self.output.note(&said!("{seconds:>4} s  {line}", "{seconds:>4} s  {line}"));
            }
            None => {}
        }
    }

    /// The year is over, and both sides are read.
    pub(super) fn comparing(&self) {
        let said = said!("đối chiếu từng phản ánh, kiến nghị …", "comparing petition by petition …");
        match &self.bars {
            Some((_, ministry)) => ministry.set_message(said.in_lang(self.output.lang).to_owned()),
            None => self.output.note(&said),
        }
    }

    /// Takes the bars away: the table that follows says it all.
    pub(super) fn end(&self) {
        if let Some((channels, ministry)) = &self.bars {
            channels.iter().chain([ministry]).for_each(ProgressBar::finish_and_clear);
        }
    }

    fn channel(&self, channel: &ChannelProgress) -> String {
        let ChannelProgress { released, recorded, answered, waiting, quarantined, dead_letters, .. } = channel;
        said!(
            "đến {released}, ghi {recorded}, trả lời {answered}, chờ {waiting}, cách ly {quarantined}, hỏng {dead_letters}",
            "in {released}, recorded {recorded}, answered {answered}, waiting {waiting}, quarantined {quarantined}, dead {dead_letters}"
        )
        .in_lang(self.output.lang)
        .to_owned()
    }

    fn ministry(&self, progress: &Progress) -> String {
        let Progress { events, decisions, open, .. } = progress;
        said!(
            "Bộ: {events} sự kiện, {decisions} quyết định, {open} việc mở",
            "ministry: {events} events, {decisions} decisions, {open} open"
        )
        .in_lang(self.output.lang)
        .to_owned()
    }
}

fn bars((petitions, voters): (u32, u32)) -> (Vec<ProgressBar>, ProgressBar) {
    let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let style = |template| ProgressStyle::with_template(template).expect("the templates are well-formed");
    let channels = [petitions, voters]
        .map(|length| all.add(ProgressBar::new(length.into()).with_style(style("{prefix:>9} {bar:8} {wide_msg}"))));
    let ministry = all.add(ProgressBar::new_spinner().with_style(style("{elapsed:>9} {spinner} {wide_msg}")));
    (channels.into(), ministry)
}

/// A heading in the language of the output.
pub(super) fn heading(lang: Lang, vi: &str, en: &str) -> String {
    match lang {
        Lang::Vi => vi.to_owned(),
        Lang::En => en.to_owned(),
    }
}
