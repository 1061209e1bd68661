//! The files that a petition announces, joined with the parts of the message that hold them, and checked.
//!
//! A file that contradicts its digest or size refuses its petition: whoever sent it meant another file.

use channel_sdk::{
    Fault, canonical,
    dialect::{Map, Record, Value},
    fault::FaultCode,
    inbound::InboundAttachment,
};

use crate::{multipart::Related, protocol::Protocol};

/// More files than this on one petition is a mistake; three is the most that was seen.
const FILES_MAX: usize = 50;

/// Takes the files out of the record of a petition that was read by `map`; `form` is the map of one file.
/// What is wrong with them is added to `faults`.
pub(super) fn take(
    protocol: &Protocol,
    (map, form): (&str, &str),
    record: &mut Record,
    message: Option<&Related>,
    faults: &mut Vec<Fault>,
) -> Vec<InboundAttachment> {
    let announced = record.take_list("attachments");
    let name = protocol.map(map).place_of("attachments").unwrap_or_default();
    if announced.len() > FILES_MAX {
        faults.push(Fault::new(FaultCode::TooLarge, name, format!("quá {FILES_MAX} tệp")));
        return Vec::new();
    }
    let mut files = Vec::new();
    for (at, value) in announced.into_iter().enumerate() {
        let Value::Record(record) = value else { continue };
        match file(record, message) {
            Ok(file) => files.push(file),
            Err(wrong) => {
                let place = format!("{name}[{at}]");
                for fault in wrong {
                    let fault = in_channel_words(fault, protocol.map(form)).under(&place);
                    // The dialect has told of it already, with its line.
                    if !faults.iter().any(|told| told.code == fault.code && told.place.starts_with(&fault.place)) {
                        faults.push(fault);
                    }
                }
            }
        }
    }
    files
}

/// One file: the part that it refers to, the base64 in its element, or its announcement alone.
fn file(mut record: Record, message: Option<&Related>) -> Result<InboundAttachment, Vec<Fault>> {
    let Some(message) = message.filter(|_| record.text("remote_id").is_some_and(|id| id.starts_with("cid:"))) else {
        return canonical::attachment_from(record);
    };
    // The reference means nothing outside its message.
    let reference = record.take_text("remote_id").unwrap_or_default();
    let Some(part) = message.file(&reference) else {
        let words = "không có phần nào của thông điệp mang `Content-ID` này";
        return Err(vec![Fault::new(FaultCode::Missing, "remote_id", words)]);
    };
    if record.text("media_type").is_none() {
        record.set_text("media_type", &part.content_type);
    }
    let announced = canonical::attachment_from(record)?;
    canonical::with_digested(announced.attachment, part.content.clone(), part.sha256()).map_err(|fault| vec![fault])
}

/// The fault with the place that the dialect gives its canonical field.
fn in_channel_words(fault: Fault, form: &Map) -> Fault {
    let place = form.place_of(&fault.place).map(|place| if place == "." { String::new() } else { place });
    Fault { place: place.unwrap_or(fault.place), ..fault }
}
