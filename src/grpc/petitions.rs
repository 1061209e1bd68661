//! `PetitionService`: the list of its methods, and those that read. Decisions stand in [`super::decisions`], what comes in
//! and goes out in [`super::transfer`], [`super::attachments`], [`super::watch`] and [`super::dossier`].

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use super::{
    Parts,
    convert::{Sight, names, petition::petition},
    entrance::{BoxStream, Limits, client},
    error::{CallError, Thing},
    filter,
    page::{self, Asked},
    principal::{Caller, caller},
    watch::Watchers,
    window::Windows,
};
use crate::{
    pb::{self, petition_service_server::PetitionService},
    petition::{Petition, PetitionId},
    store::{PetitionQuery, Sort},
};
use tokio_util::sync::CancellationToken;

/// Petitions a page unless told otherwise.
const PAGE_DEFAULT: u32 = 50;
/// The most petitions of a page of a list.
const PAGE_MAX: u32 = 1_000;
/// The most petitions of a page of a search: each is looked up by its words.
const SEARCH_PAGE_MAX: u32 = 200;
/// The longest query, and the most words in it.
const QUERY_BYTES_MAX: usize = 1_000;
const QUERY_WORDS_MAX: usize = 20;
/// A page is cut before it grows beyond this: a message is at most 4 MiB, and the token and the frame need room.
const PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;

/// What ministry systems do with petitions.
#[derive(Clone)]
pub(super) struct Petitions {
    pub(super) parts: Parts,
    pub(super) watchers: Watchers,
    pub(super) windows: Windows,
    pub(super) stop: CancellationToken,
}

impl Petitions {
    pub(super) fn new(parts: Parts, limits: &Limits, stop: CancellationToken) -> Petitions {
        let watchers = Watchers::new(parts.store.clone(), parts.committer.seq_changes(), limits.watchers_max);
        Petitions { parts, watchers, windows: Windows::default(), stop }
    }

    /// The petition, or a refusal.
    pub(super) async fn find(&self, id: PetitionId) -> Result<Petition, CallError> {
        self.parts.store.petition_get(id).await?.ok_or(CallError::NotFound(Thing::Petition))
    }

    async fn get(
        &self,
        caller: &Caller,
        request: pb::GetPetitionRequest,
    ) -> Result<pb::GetPetitionResponse, CallError> {
        let found = self.find(names::parse_petition(&request.name)?).await?;
        let sight = Sight::of(caller, request.view, Sight::Full);
        Ok(pb::GetPetitionResponse { petition: Some(petition(found, sight, self.parts.clock.today())) })
    }

    async fn list(
        &self,
        caller: &Caller,
        request: pb::ListPetitionsRequest,
    ) -> Result<pb::ListPetitionsResponse, CallError> {
        let sight = Sight::of(caller, request.view, Sight::Basic);
        let asked = Asked::of("ListPetitions", &[&request.filter, &request.order_by]);
        let query = PetitionQuery {
            sort: filter::order(&request.order_by)?,
            limit: page::size(request.page_size, PAGE_DEFAULT, PAGE_MAX),
            ..PetitionQuery::default()
        };
        let (petitions, next_page_token) = self.page(asked, &request.page_token, &request.filter, query, sight).await?;
        Ok(pb::ListPetitionsResponse { petitions, next_page_token })
    }

    async fn search(
        &self,
        caller: &Caller,
        request: pb::SearchPetitionsRequest,
    ) -> Result<pb::SearchPetitionsResponse, CallError> {
        let sight = Sight::of(caller, request.view, Sight::Basic);
        let words = request.query.split_whitespace().count();
        if words == 0 {
            return Err(CallError::InvalidQuery("at least one word is needed"));
        }
        if request.query.len() > QUERY_BYTES_MAX || words > QUERY_WORDS_MAX {
            return Err(CallError::InvalidQuery("a query is at most 1,000 bytes and 20 words"));
        }
        let asked = Asked::of("SearchPetitions", &[&request.filter, &request.query]);
        let query = PetitionQuery {
            text: Some(request.query),
            limit: page::size(request.page_size, PAGE_DEFAULT, SEARCH_PAGE_MAX),
            ..PetitionQuery::default()
        };
        let (petitions, next_page_token) = self.page(asked, &request.page_token, &request.filter, query, sight).await?;
        Ok(pb::SearchPetitionsResponse { petitions, next_page_token })
    }

    async fn imported(
        &self,
        request: Request<Streaming<pb::ImportPetitionsRequest>>,
    ) -> Answer<pb::ImportPetitionsResponse> {
        let (caller, window) = (caller(&request)?, self.windows.of(client(&request)));
        Ok(Response::new(self.import(&caller, &window, request.into_inner()).await?))
    }

    async fn page(
        &self,
        asked: Asked,
        token: &str,
        filter: &str,
        mut query: PetitionQuery,
        sight: Sight,
    ) -> Result<(Vec<pb::Petition>, String), CallError> {
        let today = self.parts.clock.today();
        filter::petitions(filter, today, &mut query)?;
        query.after = asked.place(token)?.map(|place| read_place(&place)).transpose()?;
        let (size, sort) = (query.limit as usize, query.sort);
        // One more than asked for tells whether there is a further page.
        query.limit += 1;
        let found = self.parts.store.petition_list(&query).await?;
        let mut has_more = found.len() > size;
        let (mut page, mut bytes, mut last) = (Vec::with_capacity(found.len().min(size)), 0, None);
        for one in found.into_iter().take(size) {
            let place = write_place(sort, &one);
            let rendered = petition(one, sight, today);
            bytes += rendered.encoded_len();
            if bytes > PAGE_BYTES_MAX && !page.is_empty() {
                has_more = true;
                break;
            }
            page.push(rendered);
            last = Some(place);
        }
        let next = last.filter(|_| has_more).map(|place| asked.token(&place)).unwrap_or_default();
        Ok((page, next))
    }
}

/// A place in a list of petitions: the id, then the sort key.
fn write_place(sort: Sort, petition: &Petition) -> String {
    format!("{} {}", petition.id, sort.key(petition))
}

fn read_place(place: &str) -> Result<(String, PetitionId), CallError> {
    let (id, key) = place.split_once(' ').ok_or(CallError::InvalidPageToken)?;
    Ok((key.to_owned(), id.parse().map_err(|_| CallError::InvalidPageToken)?))
}

/// One method that has a question and an answer.
macro_rules! ask {
    ($self:ident.$method:ident($request:ident)) => {{
        let caller = caller(&$request)?;
        Ok(Response::new($self.$method(&caller, $request.into_inner()).await?))
    }};
}

/// A watch as messages, for whoever calls the method and not the service (`watch::service`), which sends the bytes.
fn decoded(stream: BoxStream<Bytes>) -> BoxStream<pb::WatchPetitionsResponse> {
    let decode = |bytes| pb::WatchPetitionsResponse::decode(bytes).expect("it was encoded a moment ago");
    stream.map_ok(decode).boxed()
}

/// A method's response, or why there is none.
type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
#[rustfmt::skip]
impl PetitionService for Petitions {
    type WatchPetitionsStream = BoxStream<pb::WatchPetitionsResponse>;
    type DownloadAttachmentStream = BoxStream<pb::DownloadAttachmentResponse>;
    type GetDossierStream = BoxStream<pb::GetDossierResponse>;

    async fn submit_petition(&self, request: Request<pb::SubmitPetitionRequest>) -> Answer<pb::SubmitPetitionResponse> { ask!(self.submit(request)) }
    async fn import_petitions(&self, request: Request<Streaming<pb::ImportPetitionsRequest>>) -> Answer<pb::ImportPetitionsResponse> { self.imported(request).await }
    async fn get_petition(&self, request: Request<pb::GetPetitionRequest>) -> Answer<pb::GetPetitionResponse> { ask!(self.get(request)) }
    async fn list_petitions(&self, request: Request<pb::ListPetitionsRequest>) -> Answer<pb::ListPetitionsResponse> { ask!(self.list(request)) }
    async fn search_petitions(&self, request: Request<pb::SearchPetitionsRequest>) -> Answer<pb::SearchPetitionsResponse> { ask!(self.search(request)) }
    async fn watch_petitions(&self, request: Request<pb::WatchPetitionsRequest>) -> Answer<Self::WatchPetitionsStream> { Ok(self.watch(request).await?.map(decoded)) }
    async fn accept_petition(&self, request: Request<pb::AcceptPetitionRequest>) -> Answer<pb::AcceptPetitionResponse> { ask!(self.decide(request)) }
    async fn decline_petition(&self, request: Request<pb::DeclinePetitionRequest>) -> Answer<pb::DeclinePetitionResponse> { ask!(self.decide(request)) }
    async fn forward_petition(&self, request: Request<pb::ForwardPetitionRequest>) -> Answer<pb::ForwardPetitionResponse> { ask!(self.decide(request)) }
    async fn assign_petition(&self, request: Request<pb::AssignPetitionRequest>) -> Answer<pb::AssignPetitionResponse> { ask!(self.decide(request)) }
    async fn start_processing(&self, request: Request<pb::StartProcessingRequest>) -> Answer<pb::StartProcessingResponse> { ask!(self.decide(request)) }
    async fn request_information(&self, request: Request<pb::RequestInformationRequest>) -> Answer<pb::RequestInformationResponse> { ask!(self.decide(request)) }
    async fn provide_information(&self, request: Request<pb::ProvideInformationRequest>) -> Answer<pb::ProvideInformationResponse> { ask!(self.decide(request)) }
    async fn extend_deadline(&self, request: Request<pb::ExtendDeadlineRequest>) -> Answer<pb::ExtendDeadlineResponse> { ask!(self.decide(request)) }
    async fn answer_petition(&self, request: Request<pb::AnswerPetitionRequest>) -> Answer<pb::AnswerPetitionResponse> { ask!(self.decide(request)) }
    async fn publish_answer(&self, request: Request<pb::PublishAnswerRequest>) -> Answer<pb::PublishAnswerResponse> { ask!(self.decide(request)) }
    async fn close_petition(&self, request: Request<pb::ClosePetitionRequest>) -> Answer<pb::ClosePetitionResponse> { ask!(self.decide(request)) }
    async fn reopen_petition(&self, request: Request<pb::ReopenPetitionRequest>) -> Answer<pb::ReopenPetitionResponse> { ask!(self.decide(request)) }
    async fn withdraw_petition(&self, request: Request<pb::WithdrawPetitionRequest>) -> Answer<pb::WithdrawPetitionResponse> { ask!(self.decide(request)) }
    async fn upload_attachment(&self, request: Request<Streaming<pb::UploadAttachmentRequest>>) -> Answer<pb::UploadAttachmentResponse> { ask!(self.upload(request)) }
    async fn download_attachment(&self, request: Request<pb::DownloadAttachmentRequest>) -> Answer<Self::DownloadAttachmentStream> { self.download(request).await }
    async fn get_dossier(&self, request: Request<pb::GetDossierRequest>) -> Answer<Self::GetDossierStream> { self.dossier(request).await }
}
