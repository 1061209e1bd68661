//! Splitting a JSON list into its items without reading them, so that one bad item does not take the others with it.
//!
//! Used only when the strict reader refused the whole: an item with a byte that is no UTF-8, or with a key twice, is
//! then refused for itself. The scanner knows strings and brackets and nothing else; each slice is read strictly after.

use std::ops::Range;

/// A list found in a message: where its items stand, and the message with the list emptied.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// Where each item stands.
    pub(crate) items: Vec<Range<usize>>,
    /// Everything around the items; itself a whole message with an empty list.
    pub(crate) frame: Vec<u8>,
}

/// More items than any channel takes at once are not looked for.
const ITEMS_MAX: usize = 5_000;

/// Splits the top-level array, or the array under the top-level member `list`. `None` when the brackets do not close, or
/// hold too many items.
pub(crate) fn split(bytes: &[u8], list: &str) -> Option<Split> {
    let mut scanner = Scanner { bytes, at: 0 };
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        scanner.at = 3;
    }
    scanner.skip_space();
    match scanner.peek()? {
        b'[' => {}
        b'{' => scanner.find_member(list)?,
        _ => return None,
    }
    let open = scanner.at;
    let items = scanner.array()?;
    let frame = [&bytes[..=open], &bytes[scanner.at - 1..]].concat();
    Some(Split { items, frame })
}

struct Scanner<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Stands behind the `{` of the root and goes to the `[` of the member.
    fn find_member(&mut self, name: &str) -> Option<()> {
        self.at += 1;
        loop {
            self.skip_space();
            let start = self.at;
            self.value()?;
            let is_it = self.bytes[start..self.at] == *format!("\"{name}\"").as_bytes();
            self.skip_space();
            (self.peek()? == b':').then_some(())?;
            self.at += 1;
            self.skip_space();
            if is_it {
                return (self.peek()? == b'[').then_some(());
            }
            self.value()?;
            self.skip_space();
            (self.peek()? == b',').then_some(())?;
            self.at += 1;
        }
    }

    /// Goes through the array at whose `[` it stands.
    fn array(&mut self) -> Option<Vec<Range<usize>>> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(items);
        }
        loop {
            self.skip_space();
            let start = self.at;
            self.value()?;
            items.push(start..self.at);
            (items.len() <= ITEMS_MAX).then_some(())?;
            self.skip_space();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(items);
                }
                _ => return None,
            }
        }
    }

    /// Goes behind one value: a string, a bracketed whole, or a word.
    fn value(&mut self) -> Option<()> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'"' => self.string()?,
                b'[' | b'{' => {
                    depth += 1;
                    self.at += 1;
                }
                b']' | b'}' | b',' if depth == 0 => return (self.at > start).then_some(()),
                b']' | b'}' => {
                    depth -= 1;
                    self.at += 1;
                }
                b':' if depth == 0 => return (self.at > start).then_some(()),
                byte if depth == 0 && byte.is_ascii_whitespace() => return Some(()),
                _ => self.at += 1,
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(message: &[u8], list: &str) -> Option<(Vec<Vec<u8>>, Vec<u8>)> {
        let split = split(message, list)?;
        Some((split.items.into_iter().map(|range| message[range].to_vec()).collect(), split.frame))
    }

    #[test]
    fn a_list_is_split_with_brackets_and_quotes_inside_its_texts() {
        let message = br#"{"x": [1, {"y": "]"}], "danhSach": [ {"a": "},{\"[" }, [2,3] , 7], "conTro": "z"}"#;
        let (items, frame) = texts(message, "danhSach").unwrap();
        assert_eq!(items, [br#"{"a": "},{\"[" }"#.to_vec(), b"[2,3]".to_vec(), b"7".to_vec()]);
        assert_eq!(frame, br#"{"x": [1, {"y": "]"}], "danhSach": [], "conTro": "z"}"#);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_hinder_the_splitting() {
        let (items, frame) = texts(b"[{\"a\": \"\xFF\"}, {}]", "danhSach").unwrap();
        assert_eq!(items, [b"{\"a\": \"\xFF\"}".to_vec(), b"{}".to_vec()]);
        assert_eq!(frame, b"[]");
    }

    #[test]
    fn what_is_cut_short_or_no_list_is_not_split() {
        for message in
            [&b"[{\"a\": 1}, {"[..], b"[\"a", b"[1 2]", b"{\"danhSach\": 1}", b"{\"other\": []}", b"7", b"", b"["]
        {
            assert_eq!(texts(message, "danhSach"), None);
        }
    }

    #[test]
    fn an_empty_list_has_no_items() {
        assert_eq!(texts(b" [ ] ", "danhSach").unwrap().0, Vec::<Vec<u8>>::new());
    }
}
