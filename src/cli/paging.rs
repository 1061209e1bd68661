//! How many of a list are asked for, page by page.

use clap::Args;

use super::{output::Output, words::said};

/// Records a page; the gateway cuts pages to a size of its own where records are large.
const PAGE_SIZE: u32 = 200;

/// How much of a list.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Paging {
    /// At most so many (số dòng tối đa)
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// All of them (tất cả)
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

/// How far the reading of a list has come.
#[derive(Debug)]
pub(crate) struct Progress {
    left: Option<u32>,
    /// The token of the next page; empty for the first.
    pub(crate) token: String,
}

impl Paging {
    /// Before the first page.
    pub(crate) fn begin(self) -> Progress {
        Progress { left: (!self.all).then_some(self.limit), token: String::new() }
    }
}

impl Progress {
    /// The size of the next page.
    pub(crate) fn page_size(&self) -> i32 {
        let size = self.left.unwrap_or(PAGE_SIZE).min(PAGE_SIZE);
        i32::try_from(size).expect("PAGE_SIZE fits")
    }

    /// Whether there is more to ask for, after a page of `count`.
    pub(crate) fn go_on(&mut self, count: usize, next_token: String, output: Output) -> bool {
        self.token = next_token;
        if self.token.is_empty() {
            return false;
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
            if *left == 0 {
                output.note(&said!("còn nữa: --limit N hoặc --all", "there is more: --limit N or --all"));
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::words::Lang;

    #[test]
    fn a_list_ends_at_its_limit_or_its_last_page() {
        let output = Output { json: true, lang: Lang::Vi };
        let mut progress = Paging { limit: 250, all: false }.begin();
        assert_eq!(progress.page_size(), 200);
        assert!(progress.go_on(200, "a".to_owned(), output));
        assert_eq!(progress.page_size(), 50);
        assert!(!progress.go_on(50, "b".to_owned(), output));
        let mut all = Paging { limit: 50, all: true }.begin();
        assert!(all.go_on(200, "a".to_owned(), output));
        assert!(!all.go_on(3, String::new(), output));
    }
}
