//! `sandbox`: one far side alone, a portal or a National Assembly's system, for whoever tries a gateway by hand.
//!
//! It serves its protocol, pushes to a gateway if it is given one, and tells at the end what it knows of every petition.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use channel_sdk::sandbox::{Account, Credentials, FarSide, Mischief, SandboxSettings};
use clap::Args;
use jiff::Timestamp;
use petition_gateway::{
    clock::SystemClock,
    demo::{
        certificates::Pair,
        far_end::FarEnd,
        options::with_mischief,
        push::{self, Driver, Target},
    },
    supervise::{self, Scope},
};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{
    demo::failure,
    failure::Failure,
    output::Output,
    words::{Said, said},
};

/// How long connections may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// `sandbox`
#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// The kind: government-portal or national-assembly (loại kênh)
    #[arg(long, value_name = "KIND")]
    kind: String,
    /// Where it listens (địa chỉ)
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The seed of everything that it makes up (hạt giống)
    #[arg(long, default_value_t = 2019, value_name = "NUMBER")]
    seed: u64,
    /// How many petitions it has (số phản ánh, kiến nghị)
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    petitions: u32,
    /// Petitions released a second; 0 for all at once (số phát mỗi giây)
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    release_per_second: u32,
    /// Seconds until it ends by itself; without it, Ctrl-C (thời gian chạy)
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// The ministry's code, for which the petitions are (mã cơ quan)
    #[arg(long, default_value = "000.00.00.G07", value_name = "CODE")]
    agency: String,
    /// The instant at which its year begins (ngày đầu năm)
    #[arg(long, default_value = "2019-01-01T00:00:00+07:00", value_name = "TIME")]
    epoch: Timestamp,
    /// One kind of misbehaviour, as `slow_per_mille=50`; may be repeated (mức gây lỗi)
    #[arg(long, value_name = "KEY=VALUE")]
    mischief: Vec<String>,
    /// The client id that it expects; without it everybody may come in (tên truy cập)
    #[arg(long, value_name = "ID", requires = "client_secret_file")]
    client_id: Option<String>,
    /// A file with the client secret that it expects
    #[arg(long, value_name = "FILE", requires = "client_id")]
    client_secret_file: Option<PathBuf>,
    #[command(flatten)]
    gateway: Gateway,
}

/// Where it pushes to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pushes (đẩy vào cổng)")]
struct Gateway {
    /// The gateway's listener for pushes, as https://localhost:8080; without it nothing is pushed (địa chỉ của cổng)
    #[arg(long, value_name = "URL", requires = "channel")]
    gateway: Option<String>,
    /// The channel's name at the gateway (tên kênh)
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// A file with the secret that pushes are signed with (khóa ký)
    #[arg(long, value_name = "FILE")]
    hmac_secret_file: Option<PathBuf>,
    /// The certificate that is shown to the gateway, PEM (chứng thư)
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Its key, PEM (khóa riêng)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// The authority that signed the gateway's certificate, PEM (cơ quan cấp)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Sandbox {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let mut signals = supervise::signals().map_err(Failure::Output)?;
        let end = FarEnd::open(&self.kind, self.settings()?, self.listen).await.map_err(failure)?;
        let (side, address, stop) = (Arc::clone(&end.side), end.address, CancellationToken::new());
        let mut tasks = Scope::new("sandbox", 2);
        if let Some(target) = self.gateway.target()? {
            tasks.spawn(Driver::new(Arc::clone(&side), target, self.seed, 0).run(stop.clone())).await;
        }
        tasks.spawn(end.serve(stop.clone())).await;
        let kind = &self.kind;
        output.note(&said!("{kind} đang chạy tại http://{address}", "{kind} listens at http://{address}"));
        tokio::select! {
            () = self.live(&*side) => {}
            _ = signals.recv() => {}
        }
        stop.cancel();
        if !tasks.drain(STOP_LIMIT).await {
            output.note(&said!("một số kết nối bị cắt", "some connections were cut off"));
        }
        tell(&*side, output)
    }

    fn settings(&self) -> Result<SandboxSettings, Failure> {
        let mischief = self.mischief.iter().try_fold(Mischief::default(), |it, setting| with_mischief(it, setting));
        let credentials = match (&self.client_id, &self.client_secret_file) {
            (Some(id), Some(file)) => Some(Credentials { id: id.clone(), secret: secret(file)? }),
            _ => None,
        };
        Ok(SandboxSettings {
            seed: self.seed,
            petitions: self.petitions,
            agency: self.agency.clone(),
            epoch: self.epoch,
            credentials,
            mischief: mischief.map_err(|wrong| Failure::Usage(said!("{wrong}", "{wrong}")))?,
        })
    }

    /// Releases petitions until its time has come.
    async fn live(&self, side: &dyn FarSide) {
        let begun = Instant::now();
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let all = if self.release_per_second == 0 { u32::MAX } else { self.release_per_second };
        loop {
            seconds.tick().await;
            side.release(all);
            if self.duration.is_some_and(|limit| begun.elapsed() >= Duration::from_secs(limit)) {
                return;
            }
        }
    }
}

impl Gateway {
    fn target(&self) -> Result<Option<Target>, Failure> {
        let (Some(gateway), Some(channel)) = (&self.gateway, &self.channel) else { return Ok(None) };
        let authority = self.ca.as_ref().map(read).transpose()?;
        let pair = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some(Pair { certificate: read(certificate)?, key: read(key)? }),
            _ => None,
        };
        let client = push::client(authority.as_deref(), pair.as_ref()).map_err(failure)?;
        let secret = self.hmac_secret_file.as_ref().map(secret).transpose()?.map(Into::into);
        let address = format!("{}/channels/{channel}", gateway.trim_end_matches('/'));
        Ok(Some(Target { address, client, secret, clock: Arc::new(SystemClock) }))
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(Failure::file(path))
}

fn secret(path: &PathBuf) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// What the far side knows at its end.
fn tell(side: &dyn FarSide, output: Output) -> Result<(), Failure> {
    let (accounts, complaints) = (side.accounts(), side.complaints());
    if output.json {
        return output.record(&json!({"accounts": accounts, "complaints": complaints}));
    }
    let heading = |vi: &str, en: &str| Said::of(vi.to_owned(), en.to_owned()).in_lang(output.lang).to_owned();
    let headings = vec![
        heading("Mã", "Id"),
        heading("Phiên bản", "Revision"),
        heading("Mã hồ sơ", "Petition"),
        heading("Các trạng thái", "Statuses"),
        heading("Trả lời", "Answers"),
        heading("Đánh giá", "Rating"),
        heading("Ghi chú", "Remarks"),
    ];
    output.table(headings, accounts.iter().map(|it| row(it, output)).collect())?;
    let (count, confirmed) = (accounts.len(), accounts.iter().filter(|it| it.petition_id.is_some()).count());
    output.say(&said!("{count} phản ánh, {confirmed} đã được xác nhận", "{count} petitions, {confirmed} confirmed"))?;
    for complaint in &complaints {
        output.say(&said!("sai giao thức: {complaint}", "breach of the protocol: {complaint}"))?;
    }
    Ok(())
}

fn row(account: &Account, output: Output) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut remark = |applies: bool, vi: &str, en: &str| {
        if applies {
            remarks.push(Said::of(vi.to_owned(), en.to_owned()).in_lang(output.lang).to_owned());
        }
    };
    remark(!account.handed_out, "chưa chuyển", "not handed out");
    remark(!account.sound, "sai quy cách", "broken");
    remark(account.withdrawn, "đã rút", "withdrawn");
    remark(account.forwarded_to.is_some(), "chuyển cơ quan khác", "forwarded");
    vec![
        account.external_id.clone(),
        account.revision.to_string(),
        account.petition_id.clone().unwrap_or_default(),
        account.statuses.join(" "),
        account.answers.to_string(),
        account.rating.map(|it| it.to_string()).unwrap_or_default(),
        remarks.join(", "),
    ]
}
