//! Decisions: thirteen methods, one way. Parse, check the files that are named, ask the rules, answer with the petition.

use channel_sdk::model::Attachment;

use super::{
    convert::{
        Sight,
        checks::Checks,
        common::signed,
        decision::{About, Decision},
        names,
        petition::petition,
    },
    error::{CallError, Thing},
    petitions::Petitions,
    principal::Caller,
    request_id,
};
use crate::{decision::Context, petition::Command};

impl Petitions {
    /// Decides on a petition.
    pub(super) async fn decide<R: Decision>(&self, caller: &Caller, mut request: R) -> Result<R::Response, CallError> {
        let mut checks = Checks::default();
        let About { name, request_id, expected_version } = request.about(&mut checks);
        let key = request_id::key(caller, R::METHOD, request_id, &request);
        let mut command = request.command(&mut checks);
        let id = checks.passed(names::parse_petition(&name))?;
        checks.done()?;
        let id = id.ok_or(CallError::NotFound(Thing::Petition))?;
        match &mut command {
            Command::Answer { answer } => self.check_files(&mut answer.attachments).await?,
            Command::ProvideInformation { attachments, .. } => self.check_files(attachments).await?,
            _ => {}
        }
        // Told by a person now, unless they say when: the same words on another day are another happening.
        if let Command::Withdraw { told_at, .. } | Command::ProvideInformation { told_at, .. } = &mut command {
            *told_at = told_at.or_else(|| Some(self.parts.clock.now()));
        }
        let actor = caller.name.clone();
        let context = Context { actor, expected_version, request: Some(key), ..Context::default() };
        let decided = self.parts.decisions.decide(id, command, context).await?;
        crate::failpoint::at!("decide.before_answer");
        let seen = petition(decided.petition, Sight::Full, self.parts.clock.today());
        Ok((seen, signed(decided.seq.0), decided.repeated).into())
    }

    /// Sees that each file was uploaded, and takes over its size.
    pub(super) async fn check_files(&self, files: &mut [Attachment]) -> Result<(), CallError> {
        for file in files {
            let Some(size_bytes) = self.parts.blobs.stat(&file.sha256).await? else {
                return Err(CallError::AttachmentNotUploaded { sha256: file.sha256.clone() });
            };
            file.size_bytes = size_bytes;
        }
        Ok(())
    }
}
