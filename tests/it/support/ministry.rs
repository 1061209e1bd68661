//! A ministry system: the generated client, with the few words that tests use again and again.

use std::net::SocketAddr;

use petition_gateway::pb::{
    self, channel_service_client::ChannelServiceClient, petition_service_client::PetitionServiceClient,
};
use tonic::transport::Channel;

/// A connected ministry system.
#[derive(Clone)]
pub(crate) struct Ministry {
    pub petitions: PetitionServiceClient<Channel>,
    pub channels: ChannelServiceClient<Channel>,
}

impl Ministry {
    /// Connects to a plain loopback listener.
    pub(crate) async fn connect(address: SocketAddr) -> Ministry {
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Ministry {
            petitions: PetitionServiceClient::new(channel.clone()),
            channels: ChannelServiceClient::new(channel),
        }
    }

    /// Every petition that the filter matches, in the FULL view, oldest first.
    pub(crate) async fn list(&mut self, filter: &str) -> Vec<pb::Petition> {
        let mut petitions = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = pb::ListPetitionsRequest {
                page_size: 100,
                page_token: page_token.clone(),
                filter: filter.to_owned(),
                order_by: "receive_time".to_owned(),
                view: pb::PetitionView::Full.into(),
            };
            let page = self.petitions.list_petitions(request).await.unwrap().into_inner();
            petitions.extend(page.petitions);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return petitions;
            }
        }
    }

    /// The petition of this id on its channel.
    pub(crate) async fn find(&mut self, external_id: &str) -> Option<pb::Petition> {
        self.list(&format!("external_id = \"{external_id}\"")).await.into_iter().next()
    }

    /// Thụ lý.
    pub(crate) async fn accept(&mut self, name: &str) -> pb::Petition {
        let request =
            pb::AcceptPetitionRequest { name: name.to_owned(), request_id: new_request_id(), ..Default::default() };
        self.petitions.accept_petition(request).await.unwrap().into_inner().petition.unwrap()
    }

    /// Phân công.
    pub(crate) async fn assign(&mut self, name: &str) -> pb::Petition {
        let unit = pb::Agency { code: String::new(), display_name: "Cục Việc làm".to_owned() };
        let request = pb::AssignPetitionRequest {
            name: name.to_owned(),
            request_id: new_request_id(),
            unit: Some(unit),
            ..Default::default()
        };
        self.petitions.assign_petition(request).await.unwrap().into_inner().petition.unwrap()
    }

    /// Trả lời, with a class for petitions of the National Assembly.
    pub(crate) async fn answer(&mut self, name: &str, text: &str, class: pb::ResolutionClass) -> pb::Petition {
        let request = pb::AnswerPetitionRequest {
            name: name.to_owned(),
            request_id: new_request_id(),
            text: text.to_owned(),
            resolution: class.into(),
            publishable: true,
            document: Some(pb::OfficialDocument {
                number: "12/LĐTBXH-VP".to_owned(),
                issue_date: Some(pb::CivilDate { year: 2019, month: 12, day: 20 }),
                signer: "Nguyễn Văn Ví Dụ".to_owned(),
                position: "Thứ trưởng".to_owned(),
            }),
            ..Default::default()
        };
        self.petitions.answer_petition(request).await.unwrap().into_inner().petition.unwrap()
    }

    /// What stands in quarantine, over all channels.
    pub(crate) async fn quarantine(&mut self) -> Vec<pb::QuarantinedMessage> {
        let request = pb::ListQuarantineRequest { parent: "channels/-".to_owned(), ..Default::default() };
        self.channels.list_quarantine(request).await.unwrap().into_inner().messages
    }
}

/// A new intent.
pub(crate) fn new_request_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A legal basis.
pub(crate) fn basis() -> Option<pb::LegalBasis> {
    Some(pb::LegalBasis { citation: "Quyết định 574/QĐ-TTg ngày 25-4-2017".to_owned() })
}
