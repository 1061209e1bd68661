//! Draft to petition: what a petition must have before it may be recorded, whatever channel it came through.

use channel_sdk::{
    fault::{Fault, FaultCode},
    inbound::Draft,
};

/// The longest external id, in bytes: it is a key and stands in addresses.
pub const EXTERNAL_ID_BYTES_MAX: usize = 200;
/// The longest code of a field or an agency, in bytes: codes have some twenty letters, and lists are asked by them.
pub const CODE_BYTES_MAX: usize = 200;
/// The longest subject, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 4_000;
/// The longest body, in bytes: questions run to about 2,500 characters; letters that quote others run longer.
pub const BODY_BYTES_MAX: usize = 1_000_000;
/// The most attachments: portals take a handful; more is a mistake or an attack.
pub const ATTACHMENTS_MAX: usize = 100;
/// The most extension fields, and the most bytes in all of them.
pub const EXTENSIONS_MAX: usize = 200;
/// The most bytes in all extension values together.
pub const EXTENSION_BYTES_MAX: usize = 200_000;

/// Everything that is wrong with a draft; empty when it may be recorded.
pub fn check(draft: &Draft) -> Vec<Fault> {
    let mut faults = Vec::new();
    check_key(&draft.external_id, &mut faults);
    if draft.body.trim().is_empty() {
        faults.push(fault(FaultCode::Missing, "body", "thiếu nội dung (the body is empty)"));
    }
    for (place, length, limit) in [
        ("subject", draft.subject.len(), SUBJECT_BYTES_MAX),
        ("body", draft.body.len(), BODY_BYTES_MAX),
        ("attachments", draft.attachments.len(), ATTACHMENTS_MAX),
        ("extensions", draft.extensions.len(), EXTENSIONS_MAX),
        ("field.code", draft.field.code.len(), CODE_BYTES_MAX),
        ("forwarding_agency.code", draft.forwarding_agency.code.len(), CODE_BYTES_MAX),
        ("receiving_agency.code", draft.receiving_agency.code.len(), CODE_BYTES_MAX),
        ("petitioner.province_code", draft.petitioner.province_code.as_ref().map_or(0, String::len), CODE_BYTES_MAX),
        ("assembly.delegation.code", draft.assembly.as_ref().map_or(0, |it| it.delegation.code.len()), CODE_BYTES_MAX),
        ("extensions", draft.extensions.values().map(String::len).sum(), EXTENSION_BYTES_MAX),
    ] {
        if length > limit {
            let message = format!("{length} vượt quá giới hạn {limit} (over the limit)");
            faults.push(Fault::new(FaultCode::TooLarge, place, message));
        }
    }
    for (index, file) in draft.attachments.iter().enumerate() {
        if file.attachment.name.is_empty() {
            let place = format!("attachments[{index}].name");
            faults.push(Fault::new(FaultCode::Missing, place, "thiếu tên tệp (the file has no name)"));
        }
    }
    faults
}

/// An external id is a key: not empty, not overlong, without control characters.
fn check_key(external_id: &str, faults: &mut Vec<Fault>) {
    if external_id.is_empty() {
        faults.push(fault(FaultCode::Missing, "external_id", "thiếu mã phản ánh, kiến nghị (the id is absent)"));
    } else if external_id.len() > EXTERNAL_ID_BYTES_MAX {
        faults.push(fault(FaultCode::TooLarge, "external_id", "mã dài quá 200 byte (the id is over 200 bytes)"));
    } else if external_id.chars().any(char::is_control) {
        faults.push(fault(FaultCode::Format, "external_id", "mã có ký tự điều khiển (control characters in the id)"));
    }
}

fn fault(code: FaultCode, place: &str, message: &str) -> Fault {
    Fault::new(code, place, message)
}
