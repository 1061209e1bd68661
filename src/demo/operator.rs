//! What the demonstration asks the gateway as an operator: how the channels stand, and to hold still while it counts.

use tonic::{Request, transport::Channel};
use uuid::Uuid;

use super::{DemoError, client::CALL_LIMIT};
use crate::pb::{self, channel_service_client::ChannelServiceClient, petition_service_client::PetitionServiceClient};

/// An operator's connection.
#[derive(Clone)]
pub struct Operator {
    pub(super) channels: ChannelServiceClient<Channel>,
    pub(super) petitions: PetitionServiceClient<Channel>,
}

impl Operator {
    /// An operator on this connection.
    pub fn new(connection: Channel) -> Operator {
        let petitions = PetitionServiceClient::new(connection.clone());
        Operator {
            channels: ChannelServiceClient::new(connection).max_decoding_message_size(super::client::MESSAGE_BYTES_MAX),
            petitions: petitions.max_decoding_message_size(super::client::MESSAGE_BYTES_MAX),
        }
    }

    /// How the channels stand, by name.
    ///
    /// # Errors
    /// The gateway cannot be asked.
    pub async fn look(&mut self) -> Result<Vec<pb::Channel>, DemoError> {
        let answer = self.channels.list_channels(within_limit(pb::ListChannelsRequest {})).await;
        Ok(answer.map_err(DemoError::call("ListChannels"))?.into_inner().channels)
    }

    /// Lets a channel rest, so that nothing is pulled or delivered while both sides are counted.
    pub(super) async fn pause(&mut self, channel: &str) -> Result<(), DemoError> {
        let request = pb::PauseChannelRequest {
            name: format!("channels/{channel}"),
            request_id: Uuid::now_v7().to_string(),
            reason: "đối chiếu cuối buổi trình diễn (the demonstration counts)".to_owned(),
        };
        let answer = self.channels.pause_channel(within_limit(request)).await;
        answer.map(|_| ()).map_err(DemoError::call("PauseChannel"))
    }

    /// Ends the rest.
    pub(super) async fn resume(&mut self, channel: &str) -> Result<(), DemoError> {
        let name = format!("channels/{channel}");
        let request = pb::ResumeChannelRequest { name, request_id: Uuid::now_v7().to_string() };
        let answer = self.channels.resume_channel(within_limit(request)).await;
        answer.map(|_| ()).map_err(DemoError::call("ResumeChannel"))
    }

    /// The number of the last event that there is.
    ///
    /// # Errors
    /// The gateway cannot be asked.
    pub async fn last_seq(&mut self) -> Result<u64, DemoError> {
        use pb::watch_petitions_response::Item;
        let request = pb::WatchPetitionsRequest { from_now: true, ..Default::default() };
        let call = "WatchPetitions";
        let mut stream = self.petitions.watch_petitions(request).await.map_err(DemoError::call(call))?.into_inner();
        match stream.message().await.map_err(DemoError::call(call))?.and_then(|message| message.item) {
            Some(Item::Progress(progress)) => Ok(u64::try_from(progress.seq).unwrap_or_default()),
            // The contract says that the first message is a progress.
            Some(Item::Event(_)) | None => Err(DemoError::Call { call, code: tonic::Code::Unknown }),
        }
    }
}

/// A request with the longest time that it may take.
pub(super) fn within_limit<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_LIMIT);
    request
}
