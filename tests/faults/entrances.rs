//! Who comes in beside the day's load: an import, files, and pushes that nobody can read, with the operator who looks at
//! them. Each persists until it is answered, and what it was told is compared with what is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use petition_gateway::{
    demo::ministry::{books::Books, gateways::Gateways},
    pb::{self, channel_service_client::ChannelServiceClient, download_attachment_response, upload_attachment_request},
};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    support::{new_request_id, signed},
    together::{
        petitioners::{PAPER, draft},
        places::Places,
    },
};

/// Items of an import: some batches of the committer, and short enough that several come to their end.
const ITEMS: std::ops::Range<u32> = 3..15;
/// Stands in every push that is refused, so that the operator knows it again.
const REFUSED: &str = "để xem lại";
/// Bytes of a file: one piece or some.
const FILE_BYTES: std::ops::Range<usize> = 1..200_000;

/// What was acknowledged.
#[derive(Debug, Default)]
struct Told {
    /// Of each import that was answered, the external ids.
    imported: Vec<String>,
    /// The digest of each file that was answered, and the petition that names it.
    uploaded: BTreeMap<String, String>,
    /// Pushes that were answered with the reason why they, or what is in them, cannot be taken.
    refused: usize,
    /// The names of those that the operator has found.
    found: BTreeSet<String>,
}

type SharedTold = Arc<Mutex<Told>>;

/// Everybody of them.
pub(super) struct Entrances {
    told: SharedTold,
    stop: CancellationToken,
    callers: JoinSet<()>,
    operator: JoinSet<()>,
}

impl Entrances {
    /// Begins all of them.
    pub(super) fn begin(places: &Places, seed: u64) -> Entrances {
        let (told, stop) = (SharedTold::default(), CancellationToken::new());
        let gateways = || Gateways::new(places.connections(), Books::default());
        let draw = |part| ChaCha8Rng::seed_from_u64(seed * 1_000 + 900 + part);
        let (mut callers, mut operator) = (JoinSet::new(), JoinSet::new());
        callers.spawn(import(gateways(), draw(0), Arc::clone(&told), stop.clone()));
        callers.spawn(upload(gateways(), draw(1), Arc::clone(&told), stop.clone()));
        callers.spawn(push(places.clone(), draw(2), Arc::clone(&told), stop.clone()));
        operator.spawn(mend(places.clone(), Arc::clone(&told)));
        Entrances { told, stop, callers, operator }
    }

    /// Lets everybody come to an end, and the operator go on for what is left.
    pub(super) async fn finish(&mut self) {
        self.stop.cancel();
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
    }

    /// Everything that was acknowledged is there, once; gives how much was imported, uploaded and mended.
    pub(super) async fn audit(mut self, places: &Places) -> Result<[usize; 3], Vec<String>> {
        self.operator.shutdown().await;
        let mut wrong = Vec::new();
        let mut ministry = crate::support::Ministry::connect(places.of_turn(0).grpc).await;
        let mut kept: BTreeMap<String, Vec<pb::Petition>> = BTreeMap::new();
        for petition in ministry.list(&format!("channel = {PAPER}")).await {
            kept.entry(petition.external_id.clone()).or_default().push(petition);
        }
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        let doubled = kept.iter().filter(|(_, found)| found.len() != 1);
        wrong.extend(doubled.map(|(id, found)| format!("{id}: {} petitions of one", found.len())));
        let lost = told.imported.iter().filter(|it| !kept.contains_key(*it));
        wrong.extend(lost.map(|id| format!("{id}: imported, acknowledged and lost")));
        for (sha256, external_id) in &told.uploaded {
            let found = kept.get(external_id).and_then(|it| it.first()).and_then(|it| it.attachments.first());
            match found {
                Some(file) if file.sha256 == *sha256 => match content(&mut ministry, &file.name).await {
                    Ok(content) if hex::encode(Sha256::digest(&content)) == *sha256 => {}
                    other => wrong.push(format!("{external_id}: its file is not what was uploaded: {other:?}")),
                },
                other => wrong.push(format!("{external_id}: acknowledged with a file, found {other:?}")),
            }
        }
        if told.found.len() < told.refused {
            wrong.push(format!("{} pushes were refused and kept, {} found", told.refused, told.found.len()));
        }
        if wrong.is_empty() { Ok([told.imported.len(), told.uploaded.len(), told.found.len()]) } else { Err(wrong) }
    }
}

fn paper(external_id: &str) -> pb::PetitionDraft {
    pb::PetitionDraft { channel: format!("channels/{PAPER}"), ..draft(external_id) }
}

/// Imports batch after batch, each until it is answered.
async fn import(gateways: Gateways, mut draw: ChaCha8Rng, told: SharedTold, stop: CancellationToken) {
    for number in 0.. {
        sleep(Duration::from_millis(draw.random_range(50..400))).await;
        if stop.is_cancelled() {
            return;
        }
        let request_id = new_request_id();
        let ids: Vec<String> = (0..draw.random_range(ITEMS)).map(|item| format!("HS-{number}-{item}")).collect();
        let item = |id: &String| pb::ImportPetitionsRequest {
            request_id: request_id.clone(),
            item_id: id.clone(),
            petition: Some(paper(id)),
        };
        let items: Vec<_> = ids.iter().map(item).collect();
        let answer = gateways.persist(|mut client| {
            let items = items.clone();
            async move { client.import_petitions(futures::stream::iter(items)).await }
        });
        let answer = answer.await.unwrap().into_inner();
        let done = answer.created_count + answer.duplicate_count;
        assert_eq!((done, answer.refused_count), (i64::try_from(ids.len()).unwrap(), 0), "{answer:?}");
        told.lock().unwrap().imported.extend(ids);
    }
}

/// Uploads file after file, each until it is answered, and submits a petition that names it.
async fn upload(gateways: Gateways, mut draw: ChaCha8Rng, told: SharedTold, stop: CancellationToken) {
    for number in 0.. {
        sleep(Duration::from_millis(draw.random_range(50..400))).await;
        if stop.is_cancelled() {
            return;
        }
        let mut content = vec![0; draw.random_range(FILE_BYTES)];
        draw.fill_bytes(&mut content);
        let sha256 = hex::encode(Sha256::digest(&content));
        let answer = gateways.persist(|mut client| {
            let parts = parts_of(&content);
            async move { client.upload_attachment(futures::stream::iter(parts)).await }
        });
        assert_eq!(answer.await.unwrap().into_inner().sha256, sha256);

        let external_id = format!("TEP-{number}");
        let file = pb::Attachment { file_name: "đơn.pdf".to_owned(), sha256: sha256.clone(), ..Default::default() };
        let petition = pb::PetitionDraft { attachments: vec![file], ..paper(&external_id) };
        let request = pb::SubmitPetitionRequest { request_id: new_request_id(), petition: Some(petition) };
        let answer = gateways.persist(|mut client| {
            let request = request.clone();
            async move { client.submit_petition(request).await }
        });
        answer.await.unwrap();
        told.lock().unwrap().uploaded.insert(sha256, external_id);
    }
}

fn parts_of(content: &[u8]) -> Vec<pb::UploadAttachmentRequest> {
    let header = pb::UploadHeader { request_id: new_request_id(), ..Default::default() };
    let header = upload_attachment_request::Part::Header(header);
    let chunks = content.chunks(50_000).map(Bytes::copy_from_slice).map(upload_attachment_request::Part::Chunk);
    std::iter::once(header).chain(chunks).map(|part| pb::UploadAttachmentRequest { part: Some(part) }).collect()
}

async fn content(ministry: &mut crate::support::Ministry, name: &str) -> Result<Vec<u8>, Status> {
    let request = pb::DownloadAttachmentRequest { name: name.to_owned(), offset: 0 };
    let mut stream = ministry.petitions.download_attachment(request).await?.into_inner();
    let mut content = Vec::new();
    while let Some(message) = stream.message().await? {
        if let Some(download_attachment_response::Part::Chunk(chunk)) = message.part {
            content.extend(chunk);
        }
    }
    Ok(content)
}

/// Pushes what cannot be read, and by turns a petition without its text, each until that is answered.
async fn push(places: Places, mut draw: ChaCha8Rng, told: SharedTold, stop: CancellationToken) {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(3)).build().unwrap();
    for number in 0.. {
        sleep(Duration::from_millis(draw.random_range(200..600))).await;
        if stop.is_cancelled() {
            return;
        }
        let is_readable = number % 2 == 1;
        let body = if is_readable { without_text(number) } else { format!("{{ {REFUSED} {number}") };
        loop {
            let address = format!("http://{}/channels/portal/pakn", places.of_turn(0).http);
            let request = client.post(address).header("content-type", "application/json");
            match signed(request, body.clone().into_bytes()).send().await.map(|answer| answer.status().as_u16()) {
                // Each item is answered for itself.
                Ok(200) if is_readable => break,
                Ok(400..=422) if !is_readable => break,
                Ok(status @ ..500) if status != 429 => panic!("a push that is to be refused was answered {status}"),
                Ok(_) | Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
        told.lock().unwrap().refused += 1;
    }
}

fn without_text(number: u32) -> String {
    let mut petition = crate::portal::petition(&format!("PAKN-2019-9{number:06}"), 1, "");
    let fields = petition.as_object_mut().unwrap();
    fields.remove("noiDung");
    fields.insert("tieuDe".to_owned(), REFUSED.into());
    petition.to_string()
}

/// Has what was refused looked at again, and discards it when it still cannot be taken.
async fn mend(places: Places, told: SharedTold) {
    let mut client = ChannelServiceClient::new(places.connection(0));
    // What the portal itself pushed broken stays where it is, for the day's own audit.
    let mut others = BTreeSet::new();
    loop {
        sleep(Duration::from_millis(150)).await;
        // A gateway that is gone is asked again later.
        let request = pb::ListQuarantineRequest { parent: "channels/portal".to_owned(), ..Default::default() };
        let Ok(listed) = client.list_quarantine(request).await else { continue };
        let mut listed = listed.into_inner().messages;
        listed.retain(|it| !others.contains(&it.name));
        for item in listed {
            let request =
                pb::GetQuarantinedMessageRequest { name: item.name.clone(), include_raw: true, ..Default::default() };
            let Ok(looked_at) = client.get_quarantined_message(request).await else { continue };
            let raw = looked_at.into_inner().message.unwrap_or_default().raw;
            if !String::from_utf8_lossy(&raw).contains(REFUSED) {
                others.insert(item.name);
                continue;
            }
            told.lock().unwrap().found.insert(item.name.clone());
            let (name, request_id) = (item.name.clone(), new_request_id());
            if client.reprocess_message(pb::ReprocessMessageRequest { name, request_id }).await.is_err() {
                continue;
            }
            let (name, reason) = (item.name, "không tiếp nhận được".to_owned());
            let request = pb::DiscardMessageRequest { name, request_id: new_request_id(), reason };
            // Should the answer be lost, it is listed again or it is not.
            client.discard_message(request).await.ok();
        }
    }
}
