//! Single values: from a channel's spelling to canonical and back.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    fmt::strtime,
    tz::{Offset, TimeZone},
};

use super::{Value, rule::Form};
use crate::{fault::FaultCode, tree::Content};

/// Asia/Ho_Chi_Minh: UTC+7 without daylight saving since 1975; what a time without zone means.
const VIETNAM: Offset = Offset::constant(7);

/// The years that a date in a petition can have. Outside of them it is a slip (`19` for `2019`) or a stand-in for null
/// (`0001-01-01`).
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;

/// Why a value was refused.
pub(super) type Refusal = (FaultCode, String);

/// What a spelling turned out to be.
pub(super) enum Found {
    Value(Value),
    /// Null or empty: as good as absent.
    Nothing,
    /// A code that stands in no table, to be kept as an extension.
    UnknownCode(String),
}

/// Reads one value.
pub(super) fn read(form: &Form, content: Content) -> Result<Found, Refusal> {
    let text = match (content, form) {
        (Content::Null, _) => return Ok(Found::Nothing),
        (Content::Boolean(value), Form::Boolean) => return Ok(Found::Value(Value::Boolean(value))),
        (Content::Text(text) | Content::Number(text), _) => text,
        _ => return Err((FaultCode::Format, shape(form))),
    };
    let trimmed = text.trim();
    let value = match form {
        _ if text.is_empty() => return Ok(Found::Nothing),
        Form::Text { chars_max } => {
            check_length(&text, *chars_max)?;
            return Ok(Found::Value(Value::Text(text)));
        }
        // White space around what is not free text comes from pretty-printing and says nothing.
        _ if trimmed.is_empty() => return Ok(Found::Nothing),
        Form::Integer { min, max } => integer(trimmed).filter(|it| (min..=max).contains(&it)).map(Value::Integer),
        Form::Boolean => boolean(trimmed).map(Value::Boolean),
        Form::Date { formats } => date(trimmed, formats).map(Value::Date),
        Form::Timestamp { formats } => timestamp(trimmed, formats).map(Value::Timestamp),
        Form::Code(table) => match table.to_canonical(trimmed) {
            None if table.keeps_unknown() => return Ok(Found::UnknownCode(text)),
            None => return Err((FaultCode::UnknownCode, table.allowed())),
            Some(name) => Some(Value::Code(name.to_owned())),
        },
        Form::ListOf(_) | Form::Records(_) => None,
    };
    value.map(Found::Value).ok_or_else(|| (FaultCode::Format, shape(form)))
}

/// Writes one value.
pub(super) fn write(form: &Form, value: &Value) -> Result<Content, Refusal> {
    let content = match (form, value) {
        (Form::Text { chars_max }, Value::Text(text) | Value::Code(text)) => {
            check_length(text, *chars_max)?;
            Content::Text(text.clone())
        }
        (Form::Text { .. }, Value::Integer(number)) => Content::Text(number.to_string()),
        (Form::Integer { min, max }, Value::Integer(number)) if (min..=max).contains(&number) => {
            Content::Number(number.to_string())
        }
        (Form::Boolean, Value::Boolean(value)) => Content::Boolean(*value),
        (Form::Date { formats }, Value::Date(date)) => Content::Text(spell_date(*date, formats)?),
        (Form::Timestamp { formats }, Value::Timestamp(instant)) => Content::Text(spell_instant(*instant, formats)?),
        (Form::Code(table), Value::Code(name) | Value::Text(name)) => match table.to_channel(name) {
            Some(code) => Content::Text(code.to_owned()),
            None => {
                let message = format!("bảng mã \"{}\" không có mã cho giá trị này", table.name());
                return Err((FaultCode::UnknownCode, message));
            }
        },
        _ => return Err((FaultCode::Format, shape(form))),
    };
    Ok(content)
}

fn check_length(text: &str, chars_max: Option<usize>) -> Result<(), Refusal> {
    match chars_max {
        // The bytes are counted first: a text of few bytes cannot have more characters.
        Some(max) if text.len() > max && text.chars().count() > max => {
            Err((FaultCode::TooLarge, format!("dài hơn {max} ký tự")))
        }
        _ => Ok(()),
    }
}

/// What would be right, in words.
pub(super) fn shape(form: &Form) -> String {
    match form {
        Form::Text { .. } => "phải là một chuỗi ký tự".to_owned(),
        Form::Integer { min: i64::MIN, max: i64::MAX } => "phải là số nguyên".to_owned(),
        Form::Integer { min, max: i64::MAX } => format!("phải là số nguyên từ {min} trở lên"),
        Form::Integer { min: i64::MIN, max } => format!("phải là số nguyên không quá {max}"),
        Form::Integer { min, max } => format!("phải là số nguyên từ {min} đến {max}"),
        Form::Boolean => "phải là true hoặc false".to_owned(),
        Form::Date { formats } if formats.is_empty() => {
            "phải là ngày có thật dạng YYYY-MM-DD, từ năm 1900 đến 2199".to_owned()
        }
        Form::Date { formats } => format!("phải là ngày có thật dạng {}, từ năm 1900 đến 2199", spelt(formats)),
        Form::Timestamp { formats } if formats.is_empty() => {
            "phải là thời điểm có thật dạng YYYY-MM-DDThh:mm:ss+07:00 (RFC 3339), từ năm 1900 đến 2199".to_owned()
        }
        Form::Timestamp { formats } => format!("phải là thời điểm có thật dạng {}", spelt(formats)),
        Form::Code(table) => table.allowed(),
        Form::ListOf(_) | Form::Records(_) => "phải là một danh sách".to_owned(),
    }
}

/// Formats as people read them.
fn spelt(formats: &[String]) -> String {
    let words = [("%Y", "YYYY"), ("%m", "MM"), ("%d", "DD"), ("%H", "hh"), ("%M", "mm"), ("%S", "ss")];
    let people = |format: &String| words.iter().fold(format.clone(), |text, (code, word)| text.replace(code, word));
    formats.iter().map(people).collect::<Vec<_>>().join(" hoặc ")
}

/// Digits with an optional minus; `+5`, `5.0` and `5e3` are no spelling of a count or a number.
fn integer(text: &str) -> Option<i64> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn date(text: &str, formats: &[String]) -> Option<Date> {
    let date = if formats.is_empty() {
        // The library also takes a date with a time behind it, or without dashes; the protocols do not.
        is_iso_date(text).then(|| text.parse().ok()).flatten()
    } else {
        formats.iter().find_map(|format| Date::strptime(format, text).ok().filter(|it| YEARS.contains(&it.year())))
    };
    date.filter(|it: &Date| YEARS.contains(&it.year()))
}

fn is_iso_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() })
}

fn timestamp(text: &str, formats: &[String]) -> Option<Timestamp> {
    let instant = if formats.is_empty() {
        rfc_3339(text)
    } else {
        formats.iter().find_map(|format| by_format(text, format).filter(is_plausible))
    };
    instant.filter(is_plausible)
}

fn is_plausible(instant: &Timestamp) -> bool {
    YEARS.contains(&VIETNAM.to_datetime(*instant).year())
}

/// RFC 3339; without a zone it is Vietnam's time, without a time the day's beginning.
fn rfc_3339(text: &str) -> Option<Timestamp> {
    let (day, rest) = text.split_at_checked(10)?;
    if !is_iso_date(day) || rest.contains('[') {
        return None;
    }
    if rest.contains(['Z', 'z', '+', '-']) {
        return text.parse().ok();
    }
    VIETNAM.to_timestamp(text.parse::<DateTime>().ok()?).ok()
}

fn by_format(text: &str, format: &str) -> Option<Timestamp> {
    let parts = strtime::parse(format, text).ok()?;
    if parts.offset().is_some() {
        return parts.to_timestamp().ok();
    }
    let moment = parts.to_datetime().or_else(|_| parts.to_date().map(|date| date.at(0, 0, 0, 0))).ok()?;
    VIETNAM.to_timestamp(moment).ok()
}

fn spell_date(date: Date, formats: &[String]) -> Result<String, Refusal> {
    match formats.first() {
        None => Ok(date.to_string()),
        Some(format) => strtime::format(format, date)
            .map_err(|_| (FaultCode::Format, "không viết được ngày theo dạng này".to_owned())),
    }
}

fn spell_instant(instant: Timestamp, formats: &[String]) -> Result<String, Refusal> {
    match formats.first() {
        None => Ok(instant.display_with_offset(VIETNAM).to_string()),
        Some(format) => {
            let zoned = instant.to_zoned(TimeZone::fixed(VIETNAM));
            strtime::format(format, &zoned)
                .map_err(|_| (FaultCode::Format, "không viết được thời điểm theo dạng này".to_owned()))
        }
    }
}

/// Whether a format reads back what it writes; otherwise it loses something. One that is only read may lack the time of
/// day (it means midnight then), the one that is `written` may not.
pub(super) fn is_faithful_format(form: &Form, format: &str, written: bool) -> bool {
    let formats = [format.to_owned()];
    // A day above 12 and a different month, so that swapped or missing parts show.
    let sample = jiff::civil::date(2019, 11, 27);
    match form {
        Form::Date { .. } => spell_date(sample, &formats).is_ok_and(|text| date(&text, &formats) == Some(sample)),
        _ => {
            let (hour, minute) = if written { (9, 15) } else { (0, 0) };
            let Ok(instant) = VIETNAM.to_timestamp(sample.at(hour, minute, 0, 0)) else { return false };
            spell_instant(instant, &formats).is_ok_and(|text| timestamp(&text, &formats) == Some(instant))
        }
    }
}
