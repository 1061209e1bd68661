//! The grammar of filters, from text to conditions.
//!
//! ```text
//! filter    = [ condition *( "AND" condition ) ]
//! condition = key operator value *( "," value )
//! key       = lower-case letters and "_"
//! operator  = "=" / "<" / "<=" / ">" / ">="
//! value     = 1*( letter / digit / "." / "_" / ":" / "+" / "/" / "-" ) / DQUOTE *( any, `\"`, `\\` ) DQUOTE
//! ```

use super::refuse;
use crate::grpc::error::CallError;

/// The longest filter, in bytes.
const FILTER_BYTES_MAX: usize = 4_000;
/// The most values in a filter: each is a parameter of the store's statement.
const VALUES_MAX: usize = 200;

/// `key operator values`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) key: String,
    pub(super) key_at: usize,
    pub(super) operator: Operator,
    pub(super) operator_at: usize,
    pub(super) values: Vec<Value>,
}

/// How a key and a value are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) at: usize,
}

/// The conditions of `text`.
pub(super) fn read(text: &str) -> Result<Vec<Condition>, CallError> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(refuse(1, &format!("a filter is at most {FILTER_BYTES_MAX} bytes")));
    }
    let mut reader = Reader { text: text.chars().collect(), at: 0 };
    let mut conditions = Vec::new();
    let mut values = 0;
    reader.skip_space();
    while !reader.is_at_end() {
        if !conditions.is_empty() {
            reader.and()?;
        }
        let condition = reader.condition()?;
        values += condition.values.len();
        if values > VALUES_MAX {
            return Err(refuse(condition.key_at, &format!("a filter has at most {VALUES_MAX} values")));
        }
        conditions.push(condition);
        reader.skip_space();
    }
    Ok(conditions)
}

struct Reader {
    text: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&belongs) {
            self.at += 1;
        }
        self.text[start..self.at].iter().collect()
    }

    fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// A refusal where the reader stands.
    fn refuse(&self, why: &str) -> CallError {
        refuse(self.at + 1, why)
    }

    fn and(&mut self) -> Result<(), CallError> {
        let start = self.at;
        if self.take_while(char::is_alphabetic) != "AND" {
            return Err(refuse(start + 1, "conditions are joined by AND; there is no OR, NOT or bracket"));
        }
        self.skip_space();
        Ok(())
    }

    fn condition(&mut self) -> Result<Condition, CallError> {
        let key_at = self.at + 1;
        let key = self.take_while(|c| c.is_ascii_lowercase() || c == '_');
        if key.is_empty() {
            return Err(self.refuse("a key is missing: write `key = value`"));
        }
        self.skip_space();
        let operator_at = self.at + 1;
        let operator = self.operator()?;
        let mut values = Vec::new();
        loop {
            self.skip_space();
            values.push(self.value()?);
            let behind = self.at;
            self.skip_space();
            if self.peek() != Some(',') {
                self.at = behind;
                break;
            }
            self.at += 1;
        }
        if self.peek().is_some_and(|c| !c.is_whitespace()) {
            return Err(self.refuse("a value with other characters than letters, digits and ._:+/- stands in quotes"));
        }
        Ok(Condition { key, key_at, operator, operator_at, values })
    }

    fn operator(&mut self) -> Result<Operator, CallError> {
        let start = self.at;
        match self.take_while(|c| "=<>!".contains(c)).as_str() {
            "=" => Ok(Operator::Equal),
            "<" => Ok(Operator::Less),
            "<=" => Ok(Operator::LessOrEqual),
            ">" => Ok(Operator::Greater),
            ">=" => Ok(Operator::GreaterOrEqual),
            _ => Err(refuse(start + 1, "an operator is missing: =, <, <=, > or >= (there is no !=)")),
        }
    }

    fn value(&mut self) -> Result<Value, CallError> {
        let at = self.at + 1;
        let text = match self.peek() {
            Some('"') => self.quoted()?,
            _ => self.take_while(|c| c.is_alphanumeric() || "._:+/-".contains(c)),
        };
        if text.is_empty() {
            return Err(refuse(at, "a value is missing"));
        }
        Ok(Value { text, at })
    }

    fn quoted(&mut self) -> Result<String, CallError> {
        let start = self.at + 1;
        self.at += 1;
        let mut text = String::new();
        loop {
            let next = self.peek().ok_or_else(|| refuse(start, "the quotes are not closed"))?;
            self.at += 1;
            match next {
                '"' => return Ok(text),
                '\\' => match self.peek() {
                    Some(escaped @ ('"' | '\\')) => {
                        self.at += 1;
                        text.push(escaped);
                    }
                    _ => return Err(self.refuse("a backslash stands before \" or \\ only")),
                },
                other => text.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Vec<String> {
        read(text).unwrap().into_iter().flat_map(|it| it.values).map(|it| it.text).collect()
    }

    #[test]
    fn nothing_is_no_condition() {
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read(" \n\t").unwrap(), []);
    }

    #[test]
    fn conditions_have_keys_operators_and_lists() {
        let read = read(" status=accepted , in_progress AND due_date <= 2019-12-31").unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].key.as_str(), read[0].operator, read[0].key_at), ("status", Operator::Equal, 2));
        assert_eq!(read[0].values[1], Value { text: "in_progress".to_owned(), at: 20 });
        assert_eq!(read[1].operator, Operator::LessOrEqual);
    }

    #[test]
    fn quotes_hold_anything() {
        assert_eq!(values(r#"field = "Bảo hiểm, \"AND\" = \\","b""#), [r#"Bảo hiểm, "AND" = \"#, "b"]);
        assert_eq!(values("external_id = 415/BDN-2019.Đ"), ["415/BDN-2019.Đ"]);
    }

    #[test]
    fn what_cannot_be_read_is_refused_at_its_character() {
        for (text, at) in [
            ("status", 7),
            ("= a", 1),
            ("status != a", 8),
            ("status = ", 10),
            ("status = a, ", 13),
            ("status = a kind = b", 12),
            ("status = a OR kind = b", 12),
            ("status = a AND ", 16),
            ("(status = a)", 1),
            ("status = a;b", 11),
            ("field = \"Bảo", 9),
            (r#"field = "a\n""#, 12),
            ("Status = a", 1),
        ] {
            let refusal = read(text).unwrap_err().to_string();
            assert!(refusal.contains(&format!("at character {at}:")), "{text}: {refusal}");
        }
    }

    #[test]
    fn too_long_and_too_many_are_refused() {
        assert!(read(&format!("a = {}", "x".repeat(FILTER_BYTES_MAX))).is_err());
        assert!(read(&format!("a = {}", vec!["x"; VALUES_MAX + 1].join(","))).is_err());
        assert!(read(&format!("a = {}", vec!["x"; VALUES_MAX].join(","))).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_within_itself(text in "\\PC{0,80}") {
            if let Err(refusal) = read(&text) {
                let refusal = refusal.to_string();
                let at: usize = refusal.split("at character ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
                prop_assert!(at >= 1 && at <= text.chars().count() + 1, "{}", refusal);
            }
        }

        #[test]
        fn any_values_come_through_quotes(texts in prop::collection::vec("\\PC{1,20}", 1..5)) {
            let quoted: Vec<String> =
                texts.iter().map(|it| format!("\"{}\"", it.replace('\\', "\\\\").replace('"', "\\\""))).collect();
            prop_assert_eq!(values(&format!("key = {}", quoted.join(", "))), texts);
        }
    }
}
