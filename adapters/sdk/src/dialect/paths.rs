//! Addresses with placeholders.

use crate::{
    fault::{Fault, FaultCode},
    remote::segment,
};

/// An address such as `/api/v1/pakn/{ma}/tra-loi`, split once.
#[derive(Debug, Clone)]
pub(super) struct Template {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Fixed(String),
    Placeholder(String),
}

impl Template {
    /// Splits an address, or says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Template, &'static str> {
        if !text.starts_with('/') {
            return Err("đường dẫn phải bắt đầu bằng dấu /");
        }
        if text.contains(|it: char| it.is_whitespace() || it.is_control() || it == '#') {
            return Err("đường dẫn không được chứa khoảng trắng hoặc dấu #");
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((fixed, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("dấu { không có dấu } đi cùng")?;
            if name.is_empty() || !name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_') {
                return Err("giữa { và } phải là một tên");
            }
            pieces.push(Piece::Fixed(fixed.to_owned()));
            pieces.push(Piece::Placeholder(name.to_owned()));
            rest = after;
        }
        pieces.push(Piece::Fixed(rest.to_owned()));
        if pieces.iter().any(|it| matches!(it, Piece::Fixed(fixed) if fixed.contains('}'))) {
            return Err("dấu } không có dấu { đi cùng");
        }
        Ok(Template { text: text.to_owned(), pieces })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A placeholder that is not among `known`.
    pub(super) fn foreign_placeholder(&self, known: &[&str]) -> Option<&str> {
        self.pieces.iter().find_map(|it| match it {
            Piece::Placeholder(name) if !known.contains(&name.as_str()) => Some(name.as_str()),
            _ => None,
        })
    }

    pub(super) fn fill(&self, template: &str, values: &[(&str, &str)]) -> Result<String, Fault> {
        let mut path = String::with_capacity(self.text.len() + 32);
        for piece in &self.pieces {
            match piece {
                Piece::Fixed(fixed) => path.push_str(fixed),
                Piece::Placeholder(name) => {
                    let value = values.iter().find(|(it, _)| it == name).map(|(_, value)| *value);
                    let place = format!("paths.{template}.{name}");
                    match value {
                        None => return Err(Fault::new(FaultCode::Missing, place, "không có giá trị cho đường dẫn")),
                        // Servers and clients fold dot segments even when percent-encoded: such an id would call
                        // another address than the one meant.
                        Some("" | "." | "..") => {
                            let message = "giá trị trống, \".\" và \"..\" không thể là một phần của đường dẫn";
                            return Err(Fault::new(FaultCode::Format, place, message));
                        }
                        Some(value) => path.push_str(&segment(value)),
                    }
                }
            }
        }
        Ok(path)
    }
}

pub(super) fn absent(name: &str) -> Fault {
    Fault::new(FaultCode::Missing, format!("paths.{name}"), "phương ngữ không có đường dẫn này")
}
