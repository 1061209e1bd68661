//! Two far sides that know no keys: whatever reaches them they do, as often as it does. One, a register, can be asked what
//! it has; the other, a letter box, cannot. Both are as small as a far side can be, and theirs is the smallest adapter.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{Router, extract::State as Shared, response::IntoResponse, routing::post};
use bytes::Bytes;
use channel_sdk::{
    Adapter, Draft, Fault, Guarantees, Inbound, Known, Notice, Remote, Request, Verdict,
    adapter::{Abilities, Decoded, Item, ItemResult, Outcome, Page, PushReply, RawMessage, Route},
    model::{Agency, Attachment, Field, PetitionKind, Petitioner, PetitionerKind},
    notice::NoticeKind,
    remote::{Fetched, RemoteError},
    sandbox::{Account, FarSide, Mischief, SandboxPush, SandboxSettings, dice::Dice},
    verdict::{Syntax, verdict},
};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;

/// The far side.
pub(crate) struct Register {
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    mischief: Mischief,
    unreleased: u32,
    accounts: Vec<Account>,
    to_push: VecDeque<usize>,
    pushing: BTreeMap<u64, usize>,
    pushes: u64,
    /// What it was told, in order; the same again stands here again.
    told: Vec<String>,
}

impl Register {
    pub(crate) fn of(settings: &SandboxSettings) -> Arc<Register> {
        let state = State {
            dice: Dice::new(settings.seed),
            mischief: settings.mischief,
            unreleased: settings.petitions.min(3),
            accounts: Vec::new(),
            to_push: VecDeque::new(),
            pushing: BTreeMap::new(),
            pushes: 0,
            told: Vec::new(),
        };
        Arc::new(Register { state: Mutex::new(state) })
    }
}

impl FarSide for Register {
    fn router(self: Arc<Self>) -> Router {
        Router::new().route("/tell", post(tell)).route("/ask", post(ask)).with_state(self)
    }

    fn release(&self, count: u32) -> u32 {
        let mut state = self.state.lock().unwrap();
        for _ in 0..count.min(state.unreleased) {
            let number = state.accounts.len();
            let external_id = format!("SO-{:04}", number + 1);
            state.accounts.push(Account { external_id, sound: true, revision: 1, ..Account::default() });
            state.to_push.push_back(number);
            state.unreleased -= 1;
        }
        state.unreleased
    }

    fn unreleased(&self) -> u32 {
        self.state.lock().unwrap().unreleased
    }

    fn misbehave(&self, mischief: Mischief) {
        self.state.lock().unwrap().mischief = mischief;
    }

    fn next_push(&self) -> Option<SandboxPush> {
        let mut state = self.state.lock().unwrap();
        let number = state.to_push.pop_front()?;
        state.pushes += 1;
        let id = state.pushes;
        state.pushing.insert(id, number);
        let account = &mut state.accounts[number];
        account.handed_out = true;
        let body = Bytes::from(account.external_id.clone());
        let (path, content_type) = ("/so".to_owned(), "text/plain".to_owned());
        Some(SandboxPush { id, method: Method::POST, path, content_type, body })
    }

    fn pushed(&self, push: &SandboxPush, answer: Option<(u16, Bytes)>) {
        let mut state = self.state.lock().unwrap();
        let Some(number) = state.pushing.remove(&push.id) else { return };
        match answer {
            Some((200, id)) => state.accounts[number].petition_id = String::from_utf8(id.to_vec()).ok(),
            _ => state.to_push.push_back(number),
        }
    }

    fn accounts(&self) -> Vec<Account> {
        self.state.lock().unwrap().accounts.clone()
    }

    fn complaints(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Register {
    /// How often a message reached it.
    pub(crate) fn times_told(&self, delivery: &str) -> usize {
        self.state.lock().unwrap().told.iter().filter(|it| *it == delivery).count()
    }
}

/// `POST /tell`: petition, delivery and kind, each on a line.
async fn tell(Shared(register): Shared<Arc<Register>>, body: String) -> axum::response::Response {
    let mut state = register.state.lock().unwrap();
    let mischief = state.mischief;
    let fate = state.dice.call(&mischief);
    if let Some(status) = fate.instead {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let mut lines = body.lines();
    let (petition, delivery) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    state.told.push(delivery.to_owned());
    if let Some(account) = state.accounts.iter_mut().find(|it| it.external_id == petition) {
        account.statuses.push(lines.next().unwrap_or_default().to_owned());
    }
    if fate.error_afterwards {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    "{\"ketQua\":\"OK\"}".into_response()
}

/// `POST /ask`: whether it has the message of a delivery.
async fn ask(Shared(register): Shared<Arc<Register>>, body: String) -> &'static str {
    if register.times_told(&body) > 0 { "{\"co\":true}" } else { "{\"co\":false}" }
}

/// The adapter of either.
pub(crate) struct RegisterAdapter {
    pub(crate) can_be_asked: bool,
}

#[async_trait]
impl Adapter for RegisterAdapter {
    fn abilities(&self) -> Abilities {
        Abilities {
            routes: vec![Route { method: Method::POST, pattern: "/so" }],
            carries: NoticeKind::ALL.to_vec(),
            guarantees: Guarantees { answers_by_reference: self.can_be_asked, ..Guarantees::default() },
            ..Abilities::default()
        }
    }

    fn decode(&self, raw: &RawMessage) -> Result<Decoded, Vec<Fault>> {
        let id = String::from_utf8_lossy(&raw.body).into_owned();
        let message = Ok(Inbound::Petition(Box::new(draft(&id))));
        let item = Item { place: "so".to_owned(), external_id: Some(id), message };
        Ok(Decoded { items: vec![item], warnings: Vec::new() })
    }

    fn acknowledge(&self, _: &RawMessage, outcome: &Outcome) -> PushReply {
        let (status, body) = match outcome {
            Outcome::Items(items) => match &items[0].result {
                ItemResult::Taken { petition_id } | ItemResult::AlreadyHad { petition_id } => {
                    (200, petition_id.clone())
                }
                ItemResult::Refused(_) => (422, String::new()),
            },
            Outcome::Unreadable(_) => (400, String::new()),
            Outcome::Unavailable { .. } => (503, String::new()),
        };
        PushReply { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: body.into() }
    }

    async fn pull(&self, _: &dyn Remote, _: &str, _: Option<&str>, _: Timestamp) -> Result<Page, RemoteError> {
        Err(RemoteError::Status(404))
    }

    async fn fetch(&self, _: &dyn Remote, _: &str, _: &Attachment) -> Result<Fetched, Verdict> {
        Err(Verdict::Reject { reason: "it has no files".to_owned() })
    }

    async fn deliver(&self, remote: &dyn Remote, notice: &Notice) -> Verdict {
        let body = format!("{}\n{}\n{}", notice.external_id, notice.delivery_id, notice.body.kind().as_str());
        let request = Request::new(Method::POST, "/tell").bytes("text/plain", body);
        verdict(&remote.call(request).await, &[], &[Syntax::Json])
    }

    async fn ask(&self, remote: &dyn Remote, notice: &Notice) -> Result<Known, RemoteError> {
        let request = Request::new(Method::POST, "/ask").bytes("text/plain", notice.delivery_id.clone());
        Ok(match &remote.call(request).await?.body[..] {
            b"{\"co\":true}" => Known::Has { remote_reference: None },
            b"{\"co\":false}" => Known::HasNot,
            _ => Known::CannotTell,
        })
    }

    async fn probe(&self, _: &dyn Remote) -> Result<(), RemoteError> {
        Ok(())
    }
}

fn draft(id: &str) -> Draft {
    Draft {
        external_id: id.to_owned(),
        revision: 1,
        kind: PetitionKind::Feedback,
        subject: String::new(),
        body: "Đường hỏng đã lâu, đề nghị sửa.".to_owned(),
        field: Field { code: "KHAC".to_owned(), name: "Khác".to_owned() },
        petitioner: Petitioner::of(PetitionerKind::Citizen),
        receiving_agency: Agency::default(),
        forwarding_agency: Agency::default(),
        sent_at: None,
        forwarded_at: None,
        due_on: None,
        public: true,
        assembly: None,
        attachments: Vec::new(),
        extensions: BTreeMap::new(),
    }
}
