//! What the command line knows of the public contract by reading it: the shapes of messages, the short names of enum
//! values, and which fields hold personal data (`debug_redact`).
//!
//! Reading the contract at run time instead of writing each message out a second time keeps `--json` whole when a field
//! is added, and lets nobody forget to hide one.

use std::{collections::HashSet, sync::LazyLock};

use clap::builder::{PossibleValue, PossibleValuesParser};
use petition_gateway::pb;
use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, MessageDescriptor, Value};

const PACKAGE: &str = "petition.gateway.v1";

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET).expect("the build compiled this very descriptor set")
});

/// Fields that are marked `debug_redact`, by their full names; looked up once because options are decoded at each look.
static PERSONAL: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let fields = POOL.all_messages().flat_map(|message| message.fields().collect::<Vec<_>>());
    fields.filter(is_marked).map(|field| field.full_name().to_owned()).collect()
});

fn is_marked(field: &FieldDescriptor) -> bool {
    field.options().get_field_by_name("debug_redact").is_some_and(|mark| *mark == Value::Bool(true))
}

/// Whether the contract says that the field holds personal data.
pub(crate) fn is_personal(field: &FieldDescriptor) -> bool {
    PERSONAL.contains(field.full_name())
}

/// A message of the contract that is shown or read by its fields.
pub(crate) trait Message: prost::Message + Default {
    /// Its name in the contract, without the package.
    const NAME: &'static str;

    /// Its shape.
    fn shape() -> MessageDescriptor {
        POOL.get_message_by_name(&format!("{PACKAGE}.{}", Self::NAME)).expect("a test looks every name up")
    }

    /// The message with its fields at hand by name.
    fn opened(&self) -> DynamicMessage {
        let mut open = DynamicMessage::new(Self::shape());
        open.transcode_from(self).expect("both sides are generated from one contract");
        open
    }
}

macro_rules! messages {
    ($($name:ident),* $(,)?) => {
        $(impl Message for pb::$name {
            const NAME: &'static str = stringify!($name);
        })*

        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

messages!(
    Channel,
    Delivery,
    Difference,
    Gateway,
    GetDossierResponse,
    ImportPetitionsResponse,
    Petition,
    PetitionDraft,
    QuarantinedMessage,
    Reconciliation,
    ReprocessMessageResponse,
    ReprocessMessagesResponse,
    UploadAttachmentResponse,
    WatchPetitionsResponse,
);

/// The short lower-case name of an enum value: `answered` for `PETITION_STATUS_ANSWERED`; `None` for unspecified. A
/// value that this program does not know is told by its number.
pub(crate) fn short_name(of: &EnumDescriptor, number: i32) -> Option<String> {
    if number == 0 {
        return None;
    }
    let Some(value) = of.get_value(number) else { return Some(number.to_string()) };
    Some(short(of, value.name()))
}

/// All short names of an enum but unspecified, with their numbers.
pub(crate) fn short_names(of: &EnumDescriptor) -> Vec<(String, i32)> {
    of.values().filter(|value| value.number() != 0).map(|value| (short(of, value.name()), value.number())).collect()
}

/// The enum of the contract by its name without the package.
pub(crate) fn enumeration(name: &str) -> EnumDescriptor {
    POOL.get_enum_by_name(&format!("{PACKAGE}.{name}")).expect("a test looks every name up")
}

/// The short names of an enum, as what the command line takes.
pub(crate) fn names(name: &str) -> PossibleValuesParser {
    PossibleValuesParser::new(short_names(&enumeration(name)).into_iter().map(|(name, _)| PossibleValue::new(name)))
}

/// The number of a short name that the command line took.
pub(crate) fn number(enumeration_name: &str, short: &str) -> i32 {
    let names = short_names(&enumeration(enumeration_name));
    names.into_iter().find(|(name, _)| name == short).map_or(0, |(_, number)| number)
}

fn short(of: &EnumDescriptor, value: &str) -> String {
    let mut prefix = String::new();
    for letter in of.name().chars() {
        if letter.is_ascii_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    prefix.push('_');
    value.strip_prefix(&prefix).unwrap_or(value).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_that_is_shown_stands_in_the_contract() {
        for name in NAMES {
            assert!(POOL.get_message_by_name(&format!("{PACKAGE}.{name}")).is_some(), "{name}");
        }
        for name in
            ["PetitionKind", "PetitionStatus", "PetitionerKind", "ResolutionClass", "DeliveryState", "FaultCode"]
        {
            assert!(!short_names(&enumeration(name)).is_empty(), "{name}");
        }
    }

    #[test]
    fn enum_values_have_short_names() {
        let status = enumeration("PetitionStatus");
        assert_eq!(short_name(&status, pb::PetitionStatus::Answered as i32).as_deref(), Some("answered"));
        assert_eq!(short_name(&status, 0), None);
        assert_eq!(short_name(&status, 999).as_deref(), Some("999"));
    }

    #[test]
    fn the_petitioners_name_is_personal_and_the_province_is_not() {
        let shape = POOL.get_message_by_name("petition.gateway.v1.Petitioner").unwrap();
        assert!(is_personal(&shape.get_field_by_name("full_name").unwrap()));
        assert!(!is_personal(&shape.get_field_by_name("province_code").unwrap()));
    }
}
