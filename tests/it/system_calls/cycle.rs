//! One cycle of work: a petition is pulled and confirmed, a file is uploaded and named by a petition of its own, a decision
//! is made and delivered. Callers persist under their keys, and remember what they were told.

use std::{collections::BTreeMap, future::Future, path::Path, time::Duration};

use channel_sdk::sandbox::{Mischief, SandboxPush};
use petition_gateway::pb::{self, upload_attachment_request::Part};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    cli_gateway::{ALL_ROLES, Gateway, Home},
    support::{Ministry, RunningFarSide, TestStore, channel_config, new_request_id, serve, signed, write_secrets},
    together::petitioners::draft,
};

/// How long a cycle may take. Long: what was under way when the disk failed waits for the end of its lease (5 s), and two
/// cores may be busy with everything else.
const PATIENCE: Duration = Duration::from_secs(60);
/// Petitions at the portal, one for each cycle.
const PETITIONS: u32 = 400;

/// A gateway, its portal, and what everybody was told.
pub(super) struct Site {
    pub(super) gateway: Option<Gateway>,
    pub(super) portal: RunningFarSide,
    config: String,
    cycles: u32,
    /// What was submitted: the external id, and the petition's name that was told.
    submitted: BTreeMap<String, String>,
    /// What the portal's petitions are to be told.
    decided: Vec<String>,
    /// Refusals that came meanwhile, by their reasons.
    pub(super) refusals: BTreeMap<String, usize>,
}

impl Site {
    /// A gateway on a folder, which may lie on a disk of its own.
    pub(super) async fn open(folder: Option<&Path>) -> Site {
        let portal = serve(&government_portal::KIND, PETITIONS, Mischief::default()).await;
        let channel = channel_config("portal", "government-portal", portal.address);
        // Pulled when asked to: so that each cycle makes the same calls.
        let config = format!(
            "{ALL_ROLES}[inbound]\nfailure_pause_seconds = 1\n[outbound]\nlease_seconds = 5\n\
             schedule = [\"100ms\"{}]\n{channel}poll.pakn.interval = \"1h\"\npoll.danh-gia.interval = \"1h\"\n",
            ", \"200ms\"".repeat(60)
        );
        let home = match folder {
            Some(folder) => tempfile::tempdir_in(folder).unwrap(),
            None => tempfile::tempdir().unwrap(),
        };
        write_secrets(home.path());
        let gateway = Some(Gateway::start_in(Home::at(home, TestStore::default()), &config));
        let (submitted, decided, refusals) = Default::default();
        Site { gateway, portal, config, cycles: 0, submitted, decided, refusals }
    }

    pub(super) fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    /// The folder of the store and of the attachments.
    pub(super) fn data(&self) -> std::path::PathBuf {
        self.gateway().folder.path().join("data")
    }

    /// Kills the gateway and starts another in its place.
    pub(super) fn restart(&mut self) {
        let home = self.gateway.take().unwrap().kill();
        self.gateway = Some(Gateway::start_in(home, &self.config));
    }

    pub(super) fn config(&self) -> String {
        self.config.clone()
    }

    pub(super) async fn ministry(&self) -> Ministry {
        Ministry::connect(self.gateway().grpc.parse().unwrap()).await
    }

    /// Whether the gateway says that it can work.
    pub(super) async fn is_ready(&self) -> bool {
        let answer = reqwest::get(format!("http://{}/readyz", self.gateway().http)).await;
        answer.is_ok_and(|it| it.status().is_success())
    }

    /// Waits until the gateway says so.
    pub(super) async fn until_ready(&self, ready: bool) {
        let until = Instant::now() + PATIENCE;
        while self.is_ready().await != ready {
            assert!(Instant::now() < until, "the gateway never said that it is ready: {ready}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// A whole cycle, to its end.
    pub(super) async fn cycle(&mut self) {
        self.cycles += 1;
        let mut ministry = self.ministry().await;
        self.portal.side.release(1);
        self.submit_with_file(&mut ministry).await;
        let known = self.pull(&mut ministry).await;
        if let Some(name) = known {
            let request = pb::AcceptPetitionRequest { name, request_id: new_request_id(), ..Default::default() };
            self.persist(|| {
                let (request, mut ministry) = (request.clone(), ministry.clone());
                async move { ministry.petitions.accept_petition(request).await }
            })
            .await;
            self.until_told().await;
        }
    }

    /// Until the portal's newest petition is confirmed; its name, if the ministry may accept it.
    async fn pull(&mut self, ministry: &mut Ministry) -> Option<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let newest = self.portal.side.accounts().into_iter().find(|it| !self.decided.contains(&it.external_id));
            let account = newest.expect("one was released");
            if let Some(id) = &account.petition_id {
                self.decided.push(account.external_id.clone());
                let name = format!("petitions/{id}");
                let request = pb::GetPetitionRequest { name: name.clone(), ..Default::default() };
                let found = self.persist(|| {
                    let (request, mut ministry) = (request.clone(), ministry.clone());
                    async move { ministry.petitions.get_petition(request).await }
                });
                return (found.await.petition.unwrap().kind() != pb::PetitionKind::Complaint).then_some(name);
            }
            assert!(Instant::now() < until, "{} is not confirmed", account.external_id);
            self.push_all().await;
            let request = pb::SyncChannelRequest { name: "channels/portal".to_owned(), request_id: new_request_id() };
            if let Err(refusal) = ministry.channels.sync_channel(request).await {
                self.note(&refusal);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the portal wants to push, once; what is not taken is wanted again.
    async fn push_all(&self) {
        if let Some(push) = self.portal.side.next_push() {
            let SandboxPush { path, content_type, body, .. } = push.clone();
            let address = format!("http://{}/channels/portal{path}", self.gateway().http);
            let request = reqwest::Client::new().post(address).header("content-type", &content_type);
            let answer = match signed(request, body.to_vec()).send().await {
                Ok(answer) => Some((answer.status().as_u16(), answer.bytes().await.unwrap_or_default())),
                Err(_) => None,
            };
            self.portal.side.pushed(&push, answer);
        }
    }

    async fn submit_with_file(&mut self, ministry: &mut Ministry) {
        let external_id = format!("HS-{}", self.cycles);
        let content = format!("nội dung tệp của {external_id}").into_bytes();
        let sha256 = hex::encode(Sha256::digest(&content));
        let header = Part::Header(pb::UploadHeader { request_id: new_request_id(), ..Default::default() });
        let parts = [header, Part::Chunk(content.into())].map(|part| pb::UploadAttachmentRequest { part: Some(part) });
        let answer = self.persist(|| {
            let (parts, mut ministry) = (parts.clone(), ministry.clone());
            async move { ministry.petitions.upload_attachment(futures::stream::iter(parts)).await }
        });
        assert_eq!(answer.await.sha256, sha256);
        let file = pb::Attachment { file_name: "đơn.pdf".to_owned(), sha256, ..Default::default() };
        let petition = pb::PetitionDraft { attachments: vec![file], ..draft(&external_id) };
        let request = pb::SubmitPetitionRequest { request_id: new_request_id(), petition: Some(petition) };
        let answer = self.persist(|| {
            let (request, mut ministry) = (request.clone(), ministry.clone());
            async move { ministry.petitions.submit_petition(request).await }
        });
        let name = answer.await.petition.unwrap().name;
        self.submitted.insert(external_id, name);
    }

    /// Until the portal has heard that its newest petition is accepted.
    async fn until_told(&self) {
        let (until, id) = (Instant::now() + PATIENCE, self.decided.last().unwrap());
        loop {
            let accounts = self.portal.side.accounts();
            let account = accounts.iter().find(|it| it.external_id == *id).unwrap();
            if !account.statuses.is_empty() {
                return;
            }
            assert!(Instant::now() < until, "{id}: the portal was not told");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Repeats a call under its key until it is answered. A refusal meanwhile must be the clear one: not now, for the disk.
    async fn persist<T, F, Fut>(&mut self, call: F) -> T
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let until = Instant::now() + PATIENCE;
        loop {
            match call().await {
                Ok(answer) => return answer.into_inner(),
                Err(refusal) => self.note(&refusal),
            }
            assert!(Instant::now() < until, "never answered: {:?}", self.refusals);
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn note(&mut self, refusal: &Status) {
        let reason = refusal.get_details_error_info().map(|it| it.reason).unwrap_or_default();
        assert_eq!(refusal.code(), Code::Unavailable, "a disk that fails is told as `not now`: {refusal:?}");
        assert!(refusal.get_details_retry_info().is_some(), "with when to come again: {refusal:?}");
        *self.refusals.entry(reason).or_default() += 1;
    }

    /// What a caller beside the cycles was told.
    pub(super) fn was_told(&mut self, external_id: String, answer: pb::SubmitPetitionResponse) {
        self.submitted.insert(external_id, answer.petition.unwrap().name);
    }

    /// Kills the gateway, looks at the database itself, and compares what a new gateway says with what everybody was told.
    pub(super) async fn audit(self) {
        self.audit_but_for(0).await;
    }

    /// The same after so many calls whose callers were told that it is not known whether they are done.
    pub(super) async fn audit_but_for(mut self, unknown: usize) {
        let home = self.gateway.take().unwrap().kill();
        let database = home.folder().join("data/gateway.db");
        let conn = rusqlite::Connection::open(&database).unwrap();
        let whole: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
        let orphans = conn.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
        assert!(!orphans, "a row names another that is not there");
        drop(conn);
        // Contents that were kept for a caller who was told to come again, and came with others, are remarks and no damage.
        assert_eq!(home.audit(&[]), Ok(()), "the operator's audit");
        self.gateway = Some(Gateway::start_in(home, &self.config));
        let mut ministry = self.ministry().await;
        let kept = ministry.list("").await;
        for (external_id, name) in &self.submitted {
            let found: Vec<_> = kept.iter().filter(|it| it.external_id == *external_id).collect();
            assert!(matches!(found[..], [one] if one.name == *name), "{external_id}: {} of it", found.len());
            assert!(found[0].attachments.iter().all(|file| file.held), "{external_id}: its file");
        }
        for account in self.portal.side.accounts().iter().filter(|it| it.handed_out) {
            let found = kept.iter().filter(|it| it.external_id == account.external_id).count();
            assert_eq!(found, 1, "{}", account.external_id);
            assert!(account.statuses.len() <= 1, "{}: told twice: {:?}", account.external_id, account.statuses);
        }
        let direct = kept.iter().filter(|it| it.channel == "channels/direct").count();
        let told = self.submitted.len();
        assert!((told..=told + unknown).contains(&direct), "{direct} petitions, {told} were told of");
        assert_eq!(self.portal.side.complaints(), Vec::<String>::new());
    }
}
