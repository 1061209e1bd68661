//! Resource names, both ways.

use std::str::FromStr;

use uuid::Uuid;

use super::checks::Checks;
use crate::{
    grpc::error::{CallError, Thing},
    petition::PetitionId,
    store::{DeliveryId, ItemRef, MessageId},
};

/// In a `parent`: all channels.
const ALL: &str = "-";
/// The longest channel name, as the configuration has it.
const CHANNEL_BYTES_MAX: usize = 40;

/// `petitions/{petition}`.
pub(in crate::grpc) fn petition(id: PetitionId) -> String {
    format!("petitions/{id}")
}

/// `petitions/{petition}/attachments/{sha256}`.
pub(in crate::grpc) fn attachment(id: PetitionId, sha256: &str) -> String {
    format!("petitions/{id}/attachments/{sha256}")
}

/// `channels/{channel}`.
pub(in crate::grpc) fn channel(name: &str) -> String {
    format!("channels/{name}")
}

/// `channels/{channel}/deliveries/{delivery}`.
pub(in crate::grpc) fn delivery(channel: &str, id: DeliveryId) -> String {
    format!("channels/{channel}/deliveries/{}", id.0)
}

/// `channels/{channel}/quarantine/{number}.{index}`.
pub(in crate::grpc) fn quarantined(channel: &str, item: ItemRef) -> String {
    format!("channels/{channel}/quarantine/{}.{}", item.message.0, item.index)
}

/// `channels/{channel}/reconciliations/{reconciliation}`.
pub(in crate::grpc) fn reconciliation(channel: &str, id: Uuid) -> String {
    format!("channels/{channel}/reconciliations/{id}")
}

/// `channels/{channel}/differences/{difference}`.
pub(in crate::grpc) fn difference(channel: &str, id: impl std::fmt::Display) -> String {
    format!("channels/{channel}/differences/{id}")
}

/// `channels/{channel}/messages/{number}`.
pub(in crate::grpc) fn message(channel: &str, id: MessageId) -> String {
    format!("channels/{channel}/messages/{}", id.0)
}

/// Reads `petitions/{petition}`. What is no id of ours names nothing that there is.
pub(in crate::grpc) fn parse_petition(name: &str) -> Result<PetitionId, CallError> {
    let id = name.strip_prefix("petitions/").ok_or_else(|| malformed("name", "petitions/{petition}"))?;
    Ok(PetitionId(uuid(id).ok_or(CallError::NotFound(Thing::Petition))?))
}

/// Reads `petitions/{petition}/attachments/{sha256}`.
pub(in crate::grpc) fn parse_attachment(name: &str) -> Result<(PetitionId, &str), CallError> {
    let form = || malformed("name", "petitions/{petition}/attachments/{sha256}");
    let (petition, sha256) = name.split_once("/attachments/").ok_or_else(form)?;
    let id = parse_petition(petition).map_err(|error| if is_invalid(&error) { form() } else { error })?;
    if !is_digest(sha256) {
        return Err(CallError::NotFound(Thing::Attachment));
    }
    Ok((id, sha256))
}

/// Reads `channels/{channel}`.
pub(in crate::grpc) fn parse_channel<'n>(field: &str, name: &'n str) -> Result<&'n str, CallError> {
    let name = name.strip_prefix("channels/").ok_or_else(|| malformed(field, "channels/{channel}"))?;
    if is_channel_name(name) { Ok(name) } else { Err(CallError::NotFound(Thing::Channel)) }
}

/// Reads the `parent` of a list: a channel, or `None` for all.
pub(in crate::grpc) fn parse_parent(parent: &str) -> Result<Option<&str>, CallError> {
    match parent.strip_prefix("channels/") {
        Some(ALL) => Ok(None),
        _ => parse_channel("parent", parent).map(Some),
    }
}

/// Reads `channels/{channel}/deliveries/{delivery}`.
pub(in crate::grpc) fn parse_delivery(name: &str) -> Result<(&str, DeliveryId), CallError> {
    let form = || malformed("name", "channels/{channel}/deliveries/{delivery}");
    let rest = name.strip_prefix("channels/").ok_or_else(form)?;
    let (channel, id) = rest.split_once("/deliveries/").ok_or_else(form)?;
    Ok((channel, DeliveryId(uuid(id).ok_or(CallError::NotFound(Thing::Delivery))?)))
}

/// Reads `channels/{channel}/differences/{difference}`.
pub(in crate::grpc) fn parse_difference<'n>(field: &str, name: &'n str) -> Result<(&'n str, Uuid), CallError> {
    let form = || malformed(field, "channels/{channel}/differences/{difference}");
    let rest = name.strip_prefix("channels/").ok_or_else(form)?;
    let (channel, id) = rest.split_once("/differences/").ok_or_else(form)?;
    Ok((channel, uuid(id).ok_or(CallError::NotFound(Thing::Difference))?))
}

/// Reads `channels/{channel}/quarantine/{number}.{index}`.
pub(in crate::grpc) fn parse_quarantined(name: &str) -> Result<(&str, ItemRef), CallError> {
    let form = || malformed("name", "channels/{channel}/quarantine/{number}.{index}");
    let rest = name.strip_prefix("channels/").ok_or_else(form)?;
    let (channel, item) = rest.split_once("/quarantine/").ok_or_else(form)?;
    let item = item
        .split_once('.')
        .and_then(|(number, index)| Some(ItemRef { message: MessageId(numeral(number)?), index: numeral(index)? }));
    Ok((channel, item.ok_or(CallError::NotFound(Thing::Message))?))
}

/// Whether a text could be the name of a channel.
pub(in crate::grpc) fn is_channel_name(name: &str) -> bool {
    (1..=CHANNEL_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name != ALL
}

/// Whether a text is a SHA-256 in lower-case hex.
pub(in crate::grpc) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A UUID in the form that we give out; other forms of the same number are other names.
fn uuid(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.as_hyphenated().to_string() == text).then_some(id)
}

/// A number in the form that we give out; `+7` and `007` are other names.
fn numeral<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

fn malformed(field: &str, form: &str) -> CallError {
    let mut checks = Checks::default();
    checks.format(field, format!("must be of the form {form}"));
    checks.done().err().unwrap_or(CallError::NoSuchMethod)
}

fn is_invalid(error: &CallError) -> bool {
    matches!(error, CallError::Invalid(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_went() {
        let id = PetitionId(Uuid::from_u128(0x0190_a3c2_0000_7000_8000_0000_0000_0001));
        assert_eq!(parse_petition(&petition(id)).unwrap(), id);
        let sha256 = "0a".repeat(32);
        assert_eq!(parse_attachment(&attachment(id, &sha256)).unwrap(), (id, sha256.as_str()));
        let item = ItemRef { message: MessageId(42), index: 3 };
        assert_eq!(parse_quarantined(&quarantined("portal", item)).unwrap(), ("portal", item));
        let sent = DeliveryId(id.0);
        assert_eq!(parse_delivery(&delivery("portal", sent)).unwrap(), ("portal", sent));
        assert_eq!(parse_parent("channels/-").unwrap(), None);
        assert_eq!(parse_parent("channels/portal").unwrap(), Some("portal"));
    }

    #[test]
    fn a_wrong_form_is_invalid_and_a_wrong_id_is_not_found() {
        for name in ["", "petition/1", "0190a3c2-0000-7000-8000-000000000001"] {
            assert!(matches!(parse_petition(name), Err(CallError::Invalid(_))), "{name}");
        }
        for name in ["petitions/", "petitions/1", "petitions/0190A3C2-0000-7000-8000-000000000001"] {
            assert!(matches!(parse_petition(name), Err(CallError::NotFound(Thing::Petition))), "{name}");
        }
        for name in ["channels/", "channels/-", "channels/../x", "channels/Portal"] {
            assert!(matches!(parse_channel("name", name), Err(CallError::NotFound(Thing::Channel))), "{name}");
        }
        for item in ["7", "+7.1", "07.1", "7.01", "7.-1"] {
            let name = format!("channels/portal/quarantine/{item}");
            assert!(matches!(parse_quarantined(&name), Err(CallError::NotFound(Thing::Message))), "{name}");
        }
        assert!(matches!(parse_delivery("channels/portal"), Err(CallError::Invalid(_))));
    }
}
