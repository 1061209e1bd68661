//! `petition watch`: every event after a `seq`, in order, without gap or repeat.
//!
//! With `--follow-state FILE` the place is kept in a file, so that a watch that was killed goes on where it was. The
//! file is written after the event was printed: what was printed last may be printed once more, and nothing is missed.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use petition_gateway::pb::{self, watch_petitions_response::Item};
use serde_json::{Value, json};
use tonic::Streaming;

use crate::cli::{
    connection::Gateway,
    contract,
    failure::Failure,
    output::Output,
    page,
    rendering::{self, Privacy},
    resource,
    words::said,
};

/// The place is written at the latest so many events after it changed, to bound what is repeated after a kill.
const EVENTS_BETWEEN_SAVES: u32 = 100;
/// The place is written at the latest so long after it changed, for the same reason on a quiet stream.
const SAVE_INTERVAL: Duration = Duration::from_millis(500);

/// What is watched, and from where.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Begin after this event; 0 is the beginning (bắt đầu sau số thứ tự)
    #[arg(long, value_name = "SEQ", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    after: i64,
    /// Begin at the present (chỉ sự kiện mới)
    #[arg(long, conflicts_with = "after")]
    from_now: bool,
    /// Keep the place in this file; where it exists it wins over --after and --from-now (tệp giữ chỗ)
    #[arg(long, value_name = "FILE")]
    follow_state: Option<PathBuf>,
    /// Only from these channels (kênh)
    #[arg(long, value_delimiter = ',')]
    channel: Vec<String>,
    /// Only of these kinds (loại)
    #[arg(long, value_delimiter = ',', value_parser = contract::names("PetitionKind"))]
    kind: Vec<String>,
    /// End after so many events (số sự kiện tối đa)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// End when the present is reached instead of waiting for more (dừng khi đã hết)
    #[arg(long)]
    until_caught_up: bool,
    /// With texts and personal data (kèm nội dung và dữ liệu cá nhân)
    #[arg(long)]
    full: bool,
}

impl Watch {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let mut place = Place::open(self.follow_state.clone())?;
        let request = pb::WatchPetitionsRequest {
            after_seq: place.seq.unwrap_or(self.after),
            from_now: self.from_now && place.seq.is_none(),
            channels: self.channel.iter().map(|it| resource::channel(it)).collect(),
            kinds: self.kind.iter().map(|it| contract::number("PetitionKind", it)).collect(),
            include_petition: false,
            view: if self.full { pb::PetitionView::Full } else { pb::PetitionView::Basic }.into(),
            heartbeat_seconds: 0,
        };
        let stream = gateway.petitions.watch_petitions(request).await.map_err(Failure::read)?.into_inner();
        let ended = self.follow(stream, &mut place, output).await;
        place.save()?;
        if let (Err(Failure::Call { .. }), Some(seq)) = (&ended, place.seq) {
            output.note(&said!("tiếp tục với --after {seq}", "go on with --after {seq}"));
        }
        ended
    }

    async fn follow(
        &self,
        mut stream: Streaming<pb::WatchPetitionsResponse>,
        place: &mut Place,
        output: Output,
    ) -> Result<(), Failure> {
        let mut left = self.limit;
        loop {
            // Waiting for the next message may be given up at any time without losing one.
            let message = tokio::select! {
                message = stream.message() => message.map_err(Failure::read)?,
                () = tokio::time::sleep(SAVE_INTERVAL), if place.unsaved > 0 => {
                    place.save()?;
                    continue;
                }
            };
            let Some(message) = message else { return Ok(()) };
            match &message.item {
                Some(Item::Event(event)) => {
                    self.show(&message, output)?;
                    place.move_to(event.seq)?;
                    left = left.map(|it| it - 1);
                }
                Some(Item::Progress(progress)) => {
                    if output.json {
                        self.show(&message, output)?;
                    }
                    place.move_to(progress.seq)?;
                    if self.until_caught_up && progress.caught_up {
                        return Ok(());
                    }
                }
                None => {}
            }
            if left == Some(0) {
                return Ok(());
            }
        }
    }

    fn show(&self, message: &pb::WatchPetitionsResponse, output: Output) -> Result<(), Failure> {
        let record = rendering::json(message, Privacy::from_flag(self.full));
        if output.json {
            return output.line(&record.to_string());
        }
        let event = &record["event"];
        let cell = |path: &str| page::cell(event, path, output.lang);
        output.line(&format!(
            "{:>8}  {}  {}  {}  {}",
            cell("seq"),
            cell("event_time"),
            cell("petition"),
            cell("change"),
            cell("channel")
        ))?;
        if self.full { output.bytes(page::of(&change_of(event), output.lang).as_bytes()) } else { Ok(()) }
    }
}

/// What happened, without what the line above it says.
fn change_of(event: &Value) -> Value {
    let name = event["change"].as_str().unwrap_or_default();
    event.get(name).map_or(Value::Null, |change| json!({ name: change }))
}

/// How far a watch has come, kept in a file or only here.
#[derive(Debug)]
struct Place {
    file: Option<PathBuf>,
    seq: Option<i64>,
    unsaved: u32,
}

impl Place {
    fn open(file: Option<PathBuf>) -> Result<Place, Failure> {
        let seq = match &file {
            Some(path) => read_place(path)?,
            None => None,
        };
        Ok(Place { file, seq, unsaved: 0 })
    }

    fn move_to(&mut self, seq: i64) -> Result<(), Failure> {
        if self.seq != Some(seq) {
            self.seq = Some(seq);
            self.unsaved += 1;
        }
        if self.unsaved >= EVENTS_BETWEEN_SAVES { self.save() } else { Ok(()) }
    }

    /// Writes beside the file and renames, so that a kill in the middle leaves the old place or the new one.
    fn save(&mut self) -> Result<(), Failure> {
        let (Some(path), Some(seq)) = (&self.file, self.seq) else { return Ok(()) };
        if self.unsaved == 0 {
            return Ok(());
        }
        let mut beside = path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        std::fs::write(&beside, format!("{seq}\n")).map_err(Failure::file(&beside))?;
        std::fs::rename(&beside, path).map_err(Failure::file(path))?;
        self.unsaved = 0;
        Ok(())
    }
}

fn read_place(path: &Path) -> Result<Option<i64>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(path)(error)),
    };
    let seq = text.trim().parse::<i64>().ok().filter(|seq| *seq >= 0);
    seq.map(Some).ok_or_else(|| {
        let path = path.display();
        Failure::Usage(said!(
            "{path} không phải tệp giữ chỗ: phải là một số",
            "{path} keeps no place: it must be one number"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    #[test]
    fn a_place_is_kept_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("place");
        let mut place = Place::open(Some(file.clone())).unwrap();
        assert_eq!(place.seq, None);
        place.move_to(7).unwrap();
        place.save().unwrap();
        assert_eq!(Place::open(Some(file.clone())).unwrap().seq, Some(7));
        for seq in 8..8 + i64::from(EVENTS_BETWEEN_SAVES) {
            place.move_to(seq).unwrap();
        }
        assert_eq!(Place::open(Some(file)).unwrap().seq, place.seq);
    }

    #[test]
    fn a_file_that_keeps_no_place_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("letter.txt");
        std::fs::write(&file, "Kính gửi").unwrap();
        assert_eq!(Place::open(Some(file.clone())).unwrap_err().exit(), Exit::Usage);
        assert_eq!(std::fs::read_to_string(file).unwrap(), "Kính gửi");
    }
}
