//! What many messages hold: instants, days, agencies, files.

use channel_sdk::{
    fault::Fault,
    model::{Agency, Attachment, Field},
};
use jiff::{Timestamp, civil::Date};

use super::{Sight, checks::Checks, enums, names};
use crate::{pb, petition::PetitionId};

/// The most files that one request may name: the domain's own limit for a petition.
const ATTACHMENTS_MAX: usize = crate::petition::check::ATTACHMENTS_MAX;
/// The years of a civil day that the contract allows.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=9999;

/// An instant, as the contract has it.
pub(in crate::grpc) fn time(at: Timestamp) -> prost_types::Timestamp {
    // Before 1970, seconds and nanoseconds of the contract count in different directions; jiff's in the same.
    let (seconds, nanos) = (at.as_second(), at.subsec_nanosecond());
    if nanos < 0 {
        prost_types::Timestamp { seconds: seconds - 1, nanos: nanos + 1_000_000_000 }
    } else {
        prost_types::Timestamp { seconds, nanos }
    }
}

/// Reads an instant.
pub(in crate::grpc) fn parse_time(
    checks: &mut Checks,
    field: &str,
    time: Option<prost_types::Timestamp>,
) -> Option<Timestamp> {
    let time = time?;
    let is_normal = (0..1_000_000_000).contains(&time.nanos);
    match Timestamp::new(time.seconds, time.nanos) {
        Ok(at) if is_normal && YEARS.contains(&at.to_zoned(jiff::tz::TimeZone::UTC).year()) => Some(at),
        _ => {
            checks.format(field, "must be an instant between the years 1900 and 9999");
            None
        }
    }
}

/// A day, as the contract has it.
pub(in crate::grpc) fn day(day: Date) -> pb::CivilDate {
    pb::CivilDate { year: day.year().into(), month: day.month().into(), day: day.day().into() }
}

/// Reads a day.
pub(in crate::grpc) fn parse_day(checks: &mut Checks, field: &str, day: Option<pb::CivilDate>) -> Option<Date> {
    let pb::CivilDate { year, month, day } = day?;
    let parts = (i16::try_from(year), i8::try_from(month), i8::try_from(day));
    let date = match parts {
        (Ok(year), Ok(month), Ok(day)) if YEARS.contains(&year) => Date::new(year, month, day).ok(),
        _ => None,
    };
    if date.is_none() {
        checks.format(field, "must be a day that there is: year 1900 to 9999, month 1 to 12, day of that month");
    }
    date
}

/// An agency; unset where nothing is known of it.
pub(in crate::grpc) fn agency(agency: Agency) -> Option<pb::Agency> {
    let is_known = !agency.code.is_empty() || !agency.name.is_empty();
    is_known.then_some(pb::Agency { code: agency.code, display_name: agency.name })
}

/// Reads an agency.
pub(in crate::grpc) fn parse_agency(checks: &mut Checks, field: &str, agency: Option<pb::Agency>) -> Agency {
    let pb::Agency { code, display_name } = agency.unwrap_or_default();
    Agency {
        code: checks.line(&format!("{field}.code"), code),
        name: checks.line(&format!("{field}.display_name"), display_name),
    }
}

/// A field of state management; unset where none is known.
pub(in crate::grpc) fn field(field: Field) -> Option<pb::Field> {
    let is_known = !field.code.is_empty() || !field.name.is_empty();
    is_known.then_some(pb::Field { code: field.code, display_name: field.name })
}

/// Reads a field of state management.
pub(in crate::grpc) fn parse_field(checks: &mut Checks, place: &str, field: Option<pb::Field>) -> Field {
    let pb::Field { code, display_name } = field.unwrap_or_default();
    Field {
        code: checks.line(&format!("{place}.code"), code),
        name: checks.line(&format!("{place}.display_name"), display_name),
    }
}

/// A citation; unset where there is none.
pub(in crate::grpc) fn legal_basis(citation: String) -> Option<pb::LegalBasis> {
    (!citation.is_empty()).then_some(pb::LegalBasis { citation })
}

/// A file; `number` is its number in the petition, 0 where it has none.
pub(in crate::grpc) fn attachment(
    id: PetitionId,
    number: u32,
    file: Attachment,
    is_held: bool,
    sight: Sight,
) -> pb::Attachment {
    pb::Attachment {
        name: if is_held { names::attachment(id, &file.sha256) } else { String::new() },
        id: i32::try_from(number).unwrap_or(i32::MAX),
        file_name: sight.remark(file.name),
        media_type: file.media_type,
        size_bytes: signed(file.size_bytes),
        sha256: file.sha256,
        remote_id: file.remote_id,
        held: is_held,
    }
}

/// A file as a draft or an answer names it: held when it did not have to be fetched.
pub(in crate::grpc) fn named_file(id: PetitionId, file: Attachment, sight: Sight) -> pb::Attachment {
    let is_held = file.remote_id.is_empty() && !file.sha256.is_empty();
    attachment(id, 0, file, is_held, sight)
}

/// Reads the files that a request names by digest; their sizes are not known yet.
pub(in crate::grpc) fn parse_files(checks: &mut Checks, field: &str, files: Vec<pb::Attachment>) -> Vec<Attachment> {
    let files = checks.count(field, files, ATTACHMENTS_MAX);
    let numbered = files.into_iter().enumerate();
    numbered.map(|(index, file)| parse_file(checks, &format!("{field}[{index}]"), file)).collect()
}

fn parse_file(checks: &mut Checks, place: &str, file: pb::Attachment) -> Attachment {
    if file.file_name.is_empty() {
        checks.missing(&format!("{place}.file_name"), "thiếu tên tệp (the file has no name)");
    }
    if !names::is_digest(&file.sha256) {
        checks.format(
            &format!("{place}.sha256"),
            "must be 64 lower-case hex digits, as UploadAttachment answered: upload the file first",
        );
    }
    Attachment {
        name: checks.line(&format!("{place}.file_name"), file.file_name),
        media_type: checks.line(&format!("{place}.media_type"), file.media_type),
        size_bytes: 0,
        sha256: file.sha256,
        remote_id: String::new(),
    }
}

/// A fault.
pub(in crate::grpc) fn fault(fault: Fault) -> pb::Fault {
    pb::Fault { code: enums::fault_code(fault.code), place: fault.place, message: fault.message }
}

/// A count or a size, in the contract's signed numbers.
pub(in crate::grpc) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_that_there_are_not_are_refused() {
        let parse = |year, month, day| {
            let mut checks = Checks::default();
            let date = parse_day(&mut checks, "due_date", Some(pb::CivilDate { year, month, day }));
            (date, checks.done().is_ok())
        };
        assert_eq!(parse(2020, 2, 29), (Some(date(2020, 2, 29)), true));
        for (year, month, day) in
            [(2019, 2, 29), (2019, 13, 1), (2019, 0, 1), (1899, 1, 1), (70_000, 1, 1), (2019, 4, 300)]
        {
            assert_eq!(parse(year, month, day), (None, false), "{year}-{month}-{day}");
        }
        assert_eq!(day(date(2019, 12, 6)), pb::CivilDate { year: 2019, month: 12, day: 6 });
    }

    #[test]
    fn instants_keep_their_nanoseconds_also_before_1970() {
        for text in ["2019-12-06T01:02:03.000000009Z", "1969-12-31T23:59:59.5Z"] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(parse_time(&mut Checks::default(), "send_time", Some(time(at))), Some(at), "{text}");
        }
        let mut checks = Checks::default();
        let odd = prost_types::Timestamp { seconds: 0, nanos: 1_000_000_000 };
        assert_eq!(parse_time(&mut checks, "send_time", Some(odd)), None);
        assert!(!checks.are_clean());
    }
}
