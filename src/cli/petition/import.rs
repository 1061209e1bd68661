//! `petition import`: records many petitions over one stream, from a file with one draft of JSON on each line.
//!
//! A line is a draft, or `{"item_id": …, "petition": …}` where items have ids of their own; without one the line's number
//! is the id. A line that cannot be read is told in the summary and stops nothing, like one that the gateway refuses.
//! The same file again under the same `--request-id` doubles nothing.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use clap::Args;
use futures::{Stream, stream};
use indicatif::ProgressBar;
use petition_gateway::pb;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use uuid::Uuid;

use super::draft;
use crate::cli::{
    connection::Gateway,
    failure::{Exit, Failure},
    output::{Output, Unit},
    page,
    reading::{self, Wrong},
    rendering::{self, Privacy},
    words::{Lang, said},
};

/// The gateway takes messages of 4 MiB, and JSON is not much longer than that.
const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// As many refusals are kept of the lines that cannot be read as the gateway keeps of the others.
const REFUSALS_MAX: usize = 1_000;

/// Many petitions to record.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// One draft of JSON on each line; - is standard input (tệp JSON lines)
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

/// What became of the lines that were never sent.
#[derive(Debug, Default)]
struct Unsent {
    count: u64,
    first: Vec<(u64, Vec<Wrong>)>,
    broken: Option<std::io::Error>,
}

impl Import {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let reader = open(&self.file).await?;
        let unsent = Arc::new(Mutex::new(Unsent::default()));
        let bar = output.progress(None, Unit::Items);
        let items = items(reader, gateway.request_id, Arc::clone(&unsent), bar.clone());
        let answer = gateway.petitions.import_petitions(items).await;
        bar.finish_and_clear();
        let answer = answer.map_err(Failure::change(gateway.request_id))?.into_inner();
        let unsent = std::mem::take(&mut *unsent.lock().unwrap_or_else(PoisonError::into_inner));
        tell(&answer, &unsent, gateway.request_id, output)?;
        match unsent.broken {
            Some(source) => Err(Failure::File { path: self.file, source }),
            None if unsent.count > 0 || answer.refused_count > 0 => Err(Failure::Told(Exit::Refused)),
            None => Ok(()),
        }
    }
}

type Reader = Box<dyn AsyncBufRead + Send + Unpin>;

async fn open(path: &Path) -> Result<Reader, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(tokio::io::stdin())));
    }
    let file = tokio::fs::File::open(path).await.map_err(Failure::file(path))?;
    Ok(Box::new(BufReader::new(file)))
}

/// Reads only as fast as the gateway takes.
fn items(
    reader: Reader,
    request_id: Uuid,
    unsent: Arc<Mutex<Unsent>>,
    bar: ProgressBar,
) -> impl Stream<Item = pb::ImportPetitionsRequest> {
    stream::unfold((reader, 0_u64), move |(mut reader, mut number)| {
        let (unsent, bar) = (Arc::clone(&unsent), bar.clone());
        async move {
            loop {
                let line = next_line(&mut reader).await;
                number += 1;
                let mut unsent = unsent.lock().unwrap_or_else(PoisonError::into_inner);
                match line {
                    Ok(None) => return None,
                    Ok(Some(line)) if line.trim_ascii().is_empty() => {}
                    Ok(Some(line)) => match item(&line, number) {
                        Ok(item) => {
                            bar.inc(1);
                            let request_id = request_id.to_string();
                            return Some((pb::ImportPetitionsRequest { request_id, ..item }, (reader, number)));
                        }
                        Err(wrongs) => unsent.add(number, wrongs),
                    },
                    Err(error) => {
                        unsent.broken = Some(error);
                        return None;
                    }
                }
            }
        }
    })
}

impl Unsent {
    fn add(&mut self, line: u64, wrongs: Vec<Wrong>) {
        self.count += 1;
        if self.first.len() < REFUSALS_MAX {
            self.first.push((line, wrongs));
        }
    }
}

/// The next line with its end, or `None` after the last. A longer line than any draft is an error, for the rest of the
/// file cannot be trusted to be lines.
async fn next_line(reader: &mut Reader) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    if read as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok((read > 0).then_some(line))
}

fn item(line: &[u8], number: u64) -> Result<pb::ImportPetitionsRequest, Vec<Wrong>> {
    let json = draft::parse(line)?;
    let (item_id, petition) = match json.get("petition") {
        Some(petition) => (json["item_id"].as_str().map(str::to_owned), petition),
        None => (None, &json),
    };
    Ok(pb::ImportPetitionsRequest {
        request_id: String::new(),
        item_id: item_id.unwrap_or_else(|| number.to_string()),
        petition: Some(reading::message(petition)?),
    })
}

fn tell(
    answer: &pb::ImportPetitionsResponse,
    unsent: &Unsent,
    request_id: Uuid,
    output: Output,
) -> Result<(), Failure> {
    let mut record = rendering::json(answer, Privacy::Hidden);
    record["unreadable_count"] = json!(unsent.count);
    record["unreadable"] = unsent.first.iter().map(|(line, wrongs)| unreadable(*line, wrongs, output.lang)).collect();
    record["request_id"] = json!(request_id);
    if output.json {
        return output.record(&record);
    }
    let count = |name: &str| page::cell(&record, name, output.lang);
    let (created, amended, duplicate) = (count("created_count"), count("amended_count"), count("duplicate_count"));
    let (refused, unreadable) = (count("refused_count"), count("unreadable_count"));
    output.say(&said!(
        "mới {created} · sửa đổi {amended} · trùng {duplicate} · bị từ chối {refused} · dòng không đọc được {unreadable}",
        "{created} new · {amended} amended · {duplicate} known · {refused} refused · {unreadable} lines unreadable"
    ))?;
    for (line, wrongs) in &unsent.first {
        for wrong in wrongs {
            let (vi, en) = (wrong.line(Lang::Vi), wrong.line(Lang::En));
            output.say(&said!("  dòng {line}: {vi}", "  line {line}: {en}"))?;
        }
    }
    for refusal in &answer.refusals {
        for fault in &refusal.faults {
            let (item, place, message) = (&refusal.item_id, &fault.place, &fault.message);
            output.say(&said!("  mục {item}: {place}: {message}", "  item {item}: {place}: {message}"))?;
        }
    }
    Ok(())
}

fn unreadable(line: u64, wrongs: &[Wrong], lang: Lang) -> Value {
    let faults = wrongs.iter().map(|it| json!({"place": it.place, "message": it.what.in_lang(lang)}));
    json!({"line": line, "faults": faults.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    async fn read(text: &'static [u8]) -> (Vec<pb::ImportPetitionsRequest>, Unsent) {
        let unsent = Arc::new(Mutex::new(Unsent::default()));
        let reader: Reader = Box::new(text);
        let sent = items(reader, Uuid::nil(), Arc::clone(&unsent), ProgressBar::hidden()).collect().await;
        let unsent = std::mem::take(&mut *unsent.lock().unwrap());
        (sent, unsent)
    }

    #[tokio::test]
    async fn a_line_that_cannot_be_read_stops_nothing() {
        let text = concat!(
            "{\"kind\": \"feedback\", \"body\": \"Một\"}\n",
            "\n",
            "{\"kind\": \"feedback\"\n",
            "{\"item_id\": \"b\", \"petition\": {\"kind\": \"feedback\", \"body\": \"Hai\"}}\r\n",
            "{\"kind\": 5}",
        );
        let (sent, unsent) = read(text.as_bytes()).await;
        let ids = sent.iter().map(|item| item.item_id.as_str()).collect::<Vec<_>>();
        assert_eq!(ids, ["1", "b"]);
        assert!(sent.iter().all(|item| item.request_id == Uuid::nil().to_string()));
        let lines = unsent.first.iter().map(|(line, _)| *line).collect::<Vec<_>>();
        assert_eq!((unsent.count, lines), (2, vec![3, 5]));
    }
}
