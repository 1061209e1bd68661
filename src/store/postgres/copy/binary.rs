//! Rows in the form in which PostgreSQL takes many at once: `COPY … FROM STDIN (FORMAT binary)`.
//!
//! The form is a header, then for each row the count of its values and each with its length before it, then an end; values
//! are as they are on the wire (PostgreSQL's documentation of COPY, "Binary Format").

use bytes::{BufMut, Bytes, BytesMut};

use crate::store::{
    copy::{Row, Sort, Table, Value},
    postgres::rows::text,
};

/// Signature, flags, length of what more a header could have.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: i16 = -1;
const ABSENT: i32 = -1;
/// The number by which PostgreSQL knows the type `text`.
const TEXT_OID: u32 = 25;

/// The rows of a table.
pub(super) fn rows_of(table: &Table, rows: &[Row]) -> Bytes {
    stream(rows.iter(), |row, out| {
        out.put_i16(count(row.len()));
        for (value, column) in row.iter().zip(table.columns) {
            put_value(value, column.sort, out);
        }
    })
}

/// The rows of `texts`: a number, and words with a space between them.
pub(super) fn texts_of(texts: &[(i64, String)]) -> Bytes {
    stream(texts.iter(), |(pk, words), out| {
        out.put_i16(2);
        put_value(&Value::Integer(*pk), Sort::Integer, out);
        put_sized(out, |out| put_words(words, out));
    })
}

fn stream<T>(rows: impl Iterator<Item = T>, put: impl Fn(T, &mut BytesMut)) -> Bytes {
    let mut out = BytesMut::from(HEADER);
    rows.for_each(|row| put(row, &mut out));
    out.put_i16(END);
    out.freeze()
}

fn put_value(value: &Value, sort: Sort, out: &mut BytesMut) {
    match value {
        Value::Absent => out.put_i32(ABSENT),
        Value::Integer(number) => put_sized(out, |out| out.put_i64(*number)),
        Value::Boolean(it) => put_sized(out, |out| out.put_u8(u8::from(*it))),
        Value::Uuid(id) => put_sized(out, |out| out.put_slice(id.as_bytes())),
        Value::Bytes(bytes) => put_sized(out, |out| out.put_slice(bytes)),
        Value::Text(plain) if sort == Sort::Text => put_sized(out, |out| out.put_slice(text(plain).as_bytes())),
        Value::Text(json) => put_sized(out, |out| out.put_slice(json.as_bytes())),
    }
}

/// An array of texts: its dimensions (none when it is empty), that nothing in it is absent, what it is of, and for each
/// dimension its length and where its count begins.
fn put_words(words: &str, out: &mut BytesMut) {
    let words: Vec<&str> = words.split_ascii_whitespace().collect();
    out.put_i32(i32::from(!words.is_empty()));
    out.put_i32(0);
    out.put_u32(TEXT_OID);
    if !words.is_empty() {
        out.put_i32(length(words.len()));
        out.put_i32(1);
        words.iter().for_each(|word| put_sized(out, |out| out.put_slice(word.as_bytes())));
    }
}

fn put_sized(out: &mut BytesMut, put: impl FnOnce(&mut BytesMut)) {
    let at = out.len();
    out.put_i32(0);
    put(out);
    let size = length(out.len() - at - 4);
    out[at..at + 4].copy_from_slice(&size.to_be_bytes());
}

fn length(length: usize) -> i32 {
    i32::try_from(length).expect("bodies are of 32 MiB at most, and documents hold no bodies")
}

fn count(columns: usize) -> i16 {
    i16::try_from(columns).expect("a table has a few columns")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_count_and_sized_values_between_a_header_and_an_end() {
        let table = crate::store::copy::table("errands").unwrap();
        let bytes = rows_of(table, &[vec![Value::Integer(7), Value::Text("{}".to_owned())]]);
        let row = b"\0\x02\0\0\0\x08\0\0\0\0\0\0\0\x07\0\0\0\x02{}";
        assert_eq!(bytes, [HEADER, row, b"\xff\xff"].concat());
    }
}
