//! One decision as one gRPC call.

use channel_sdk::model::Agency;
use futures::{StreamExt, stream};
use tonic::{Request, Status, transport::Channel};

use super::{
    plan::{Reply, ReplyFile, Step},
    words,
};
use crate::{
    demo::{client::CALL_LIMIT, reading::civil},
    pb::{self, petition_service_client::PetitionServiceClient, upload_attachment_request::Part},
};

/// What the gateway answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// Number of the event.
    pub(super) seq: i64,
    /// Whether it was done before.
    pub(super) duplicate: bool,
}

/// A decision that is ready to be called, again and again under one key.
pub(super) struct Call<'a> {
    /// The petition, `petitions/{petition}`.
    pub(super) name: &'a str,
    /// The key.
    pub(super) request_id: &'a str,
    /// The rule that a decision rests on.
    pub(super) basis: &'static str,
    /// SHA-256 of the file that was uploaded for it.
    pub(super) file_sha256: Option<&'a str>,
}

/// Makes the call and waits for its answer.
macro_rules! told {
    ($client:ident . $method:ident ( $request:expr )) => {{
        let mut request = Request::new($request);
        request.set_timeout(CALL_LIMIT);
        let answer = $client.$method(request).await?.into_inner();
        Ok(Said { seq: answer.seq, duplicate: answer.duplicate })
    }};
}

impl Call<'_> {
    /// Makes the call once.
    pub(super) async fn make(&self, client: PetitionServiceClient<Channel>, step: &Step) -> Result<Said, Status> {
        match step {
            Step::Answer(_) | Step::Publish | Step::Close | Step::Reopen => self.conclude(client, step).await,
            Step::Forward(_) | Step::Decline(..) => self.give_away(client, step).await,
            Step::Accept | Step::Assign(_) | Step::Start | Step::Ask(_) | Step::Extend(_) => {
                self.go_on(client, step).await
            }
        }
    }

    async fn go_on(&self, mut client: PetitionServiceClient<Channel>, step: &Step) -> Result<Said, Status> {
        let (name, request_id, expected_version) = self.head();
        match step {
            Step::Assign(unit) => {
                let (unit, note) = (Some(agency(&unit.agency())), words::ASSIGNED.into());
                told!(client.assign_petition(pb::AssignPetitionRequest {
                    name,
                    request_id,
                    expected_version,
                    unit,
                    note
                }))
            }
            Step::Start => {
                let note = words::STARTED.into();
                told!(client.start_processing(pb::StartProcessingRequest { name, request_id, expected_version, note }))
            }
            Step::Ask(question) => {
                let question = (*question).to_owned();
                let reply_by_date = None;
                told!(client.request_information(pb::RequestInformationRequest {
                    name,
                    request_id,
                    expected_version,
                    question,
                    reply_by_date,
                }))
            }
            Step::Extend(due_on) => told!(client.extend_deadline(pb::ExtendDeadlineRequest {
                name,
                request_id,
                expected_version,
                due_date: Some(civil(*due_on)),
                reason: words::EXTENDED.into(),
                legal_basis: self.basis(),
            })),
            _ => {
                let note = words::ACCEPTED.into();
                told!(client.accept_petition(pb::AcceptPetitionRequest { name, request_id, expected_version, note }))
            }
        }
    }

    async fn give_away(&self, mut client: PetitionServiceClient<Channel>, step: &Step) -> Result<Said, Status> {
        let (name, request_id, expected_version) = self.head();
        let legal_basis = self.basis();
        match step {
            Step::Decline(reason, why) => told!(client.decline_petition(pb::DeclinePetitionRequest {
                name,
                request_id,
                expected_version,
                reason: (*reason).into(),
                explanation: (*why).to_owned(),
                legal_basis,
            })),
            Step::Forward(to) => told!(client.forward_petition(pb::ForwardPetitionRequest {
                name,
                request_id,
                expected_version,
                to: Some(agency(to)),
                reason: words::FORWARDED.into(),
                legal_basis,
            })),
            _ => unreachable!("`make` sends no other step here"),
        }
    }

    async fn conclude(&self, mut client: PetitionServiceClient<Channel>, step: &Step) -> Result<Said, Status> {
        let (name, request_id, expected_version) = self.head();
        match step {
            Step::Answer(reply) => told!(client.answer_petition(self.answer(reply))),
            Step::Publish => {
                let note = String::new();
                told!(client.publish_answer(pb::PublishAnswerRequest { name, request_id, expected_version, note }))
            }
            Step::Reopen => {
                let reason = words::REOPENED.into();
                told!(client.reopen_petition(pb::ReopenPetitionRequest { name, request_id, expected_version, reason }))
            }
            _ => {
                let note = words::CLOSED.into();
                told!(client.close_petition(pb::ClosePetitionRequest { name, request_id, expected_version, note }))
            }
        }
    }

    fn answer(&self, reply: &Reply) -> pb::AnswerPetitionRequest {
        let (name, request_id, expected_version) = self.head();
        let document = reply.letter.as_ref().map(|(number, issued_on, signer, position)| pb::OfficialDocument {
            number: number.clone(),
            issue_date: Some(civil(*issued_on)),
            signer: signer.clone(),
            position: (*position).to_owned(),
        });
        let attachment = reply.file.as_ref().zip(self.file_sha256).map(|(file, sha256)| pb::Attachment {
            file_name: file.name.clone(),
            media_type: MEDIA_TYPE.to_owned(),
            sha256: sha256.to_owned(),
            ..Default::default()
        });
        let class = reply.class.map(|(class, _)| class.as_str().to_ascii_uppercase());
        let class = class.and_then(|class| pb::ResolutionClass::from_str_name(&format!("RESOLUTION_CLASS_{class}")));
        pb::AnswerPetitionRequest {
            name,
            request_id,
            expected_version,
            text: reply.text.clone(),
            document,
            resolution: class.unwrap_or_default().into(),
            resolution_due_date: reply.class.and_then(|(_, term)| term).map(civil),
            publishable: reply.publishable,
            attachments: attachment.into_iter().collect(),
        }
    }

    /// The three fields that every decision has: the petition, the key, and no wish for a version.
    fn head(&self) -> (String, String, i64) {
        (self.name.to_owned(), self.request_id.to_owned(), 0)
    }

    fn basis(&self) -> Option<pb::LegalBasis> {
        Some(pb::LegalBasis { citation: self.basis.to_owned() })
    }
}

/// The documents of the demonstration are all of one type.
const MEDIA_TYPE: &str = "application/pdf";

/// Chunks smaller than they must be, so that even a small file travels in several.
const CHUNK_BYTES: usize = 16 * 1024;

/// Uploads a file once; its SHA-256.
pub(super) async fn upload(
    mut client: PetitionServiceClient<Channel>,
    request_id: &str,
    file: &ReplyFile,
) -> Result<String, Status> {
    let header = pb::UploadHeader {
        request_id: request_id.to_owned(),
        sha256: String::new(),
        size_bytes: i64::try_from(file.content.len()).unwrap_or_default(),
    };
    let mut parts = vec![Part::Header(header)];
    parts.extend(file.content.chunks(CHUNK_BYTES).map(|chunk| Part::Chunk(bytes::Bytes::copy_from_slice(chunk))));
    let messages = stream::iter(parts).map(|part| pb::UploadAttachmentRequest { part: Some(part) });
    let mut request = Request::new(messages);
    request.set_timeout(CALL_LIMIT);
    Ok(client.upload_attachment(request).await?.into_inner().sha256)
}

fn agency(agency: &Agency) -> pb::Agency {
    pb::Agency { code: agency.code.clone(), display_name: agency.name.clone() }
}
