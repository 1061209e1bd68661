//! Code tables: the channel's codes and their canonical names, both ways.

use std::{collections::BTreeMap, sync::Arc};

use super::{did_you_mean, fault_at};
use crate::adapter::SettingsFault;

/// A code table; cheap to clone.
#[derive(Debug, Clone)]
pub struct CodeTable {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    /// In the dialect's order.
    codes: Vec<String>,
    to_canonical: BTreeMap<String, String>,
    to_channel: BTreeMap<String, String>,
    keep_unknown: bool,
}

impl CodeTable {
    /// The table `name` from pairs of channel code and canonical name, in the dialect's order.
    pub(super) fn new(name: &str, pairs: Vec<(String, String)>, keep_unknown: bool) -> CodeTable {
        let mut to_channel = BTreeMap::new();
        for (code, canonical) in &pairs {
            to_channel.entry(canonical.clone()).or_insert_with(|| code.clone());
        }
        let codes = pairs.iter().map(|(code, _)| code.clone()).collect();
        let to_canonical = pairs.into_iter().collect();
        CodeTable { inner: Arc::new(Inner { name: name.to_owned(), codes, to_canonical, to_channel, keep_unknown }) }
    }

    /// Its name in the dialect.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The canonical name of a channel's code.
    pub fn to_canonical(&self, code: &str) -> Option<&str> {
        self.inner.to_canonical.get(code).map(String::as_str)
    }

    /// The channel's code for a canonical name: the first one that the table gives it.
    pub fn to_channel(&self, canonical: &str) -> Option<&str> {
        self.inner.to_channel.get(canonical).map(String::as_str)
    }

    /// The channel's codes, in the dialect's order.
    pub fn channel_codes(&self) -> impl Iterator<Item = &str> {
        self.inner.codes.iter().map(String::as_str)
    }

    /// Whether an unknown code is kept as an extension instead of being refused.
    pub fn keeps_unknown(&self) -> bool {
        self.inner.keep_unknown
    }

    /// Everything wrong with its canonical names: those that are not among `known`, and those of `needed` that it lacks.
    pub fn check(&self, known: &[&str], needed: &[&str]) -> Vec<SettingsFault> {
        let mut faults = Vec::new();
        for (code, canonical) in &self.inner.to_canonical {
            if !known.contains(&canonical.as_str()) {
                let hint = did_you_mean(canonical, known.iter().copied());
                let key = format!("codes.{}.{code}", self.inner.name);
                faults.push(fault_at(key, format!("\"{canonical}\" không phải tên chuẩn{hint}; {}", among(known))));
            }
        }
        for canonical in needed.iter().filter(|it| self.to_channel(it).is_none()) {
            let key = format!("codes.{}", self.inner.name);
            faults.push(fault_at(key, format!("thiếu mã cho tên chuẩn \"{canonical}\"")));
        }
        faults
    }

    /// `mã phải là một trong: 1, 2, 3`, for a fault.
    pub(super) fn allowed(&self) -> String {
        format!("mã {}", among(&self.channel_codes().collect::<Vec<_>>()))
    }
}

/// `phải là một trong: …`, not endless.
pub(super) fn among(words: &[&str]) -> String {
    /// A list longer than this is looked up in the dialect, not read in a reply.
    const SHOWN_MAX: usize = 30;
    let more = if words.len() > SHOWN_MAX { ", …" } else { "" };
    format!("phải là một trong: {}{more}", words[..words.len().min(SHOWN_MAX)].join(", "))
}
