//! Bytes to canonical messages: pages, pushes, ratings, code lists, in JSON and in XML.
//!
//! A message that can be split into items gives each its own fate; only what cannot be split is refused whole.

use channel_sdk::{
    adapter::{Decoded, Entrance, Item, RawMessage},
    canonical,
    dialect::{Reading, Record},
    fault::{Fault, FaultCode},
    inbound::{CodeList, Extensions, Inbound},
    tree::Node,
};

use crate::{
    config::Portal,
    items::{self, List, no_object, under},
    message::{Message, Unread},
    words::Words,
};

/// Entries of a code list at most: the national list of communes, the longest known, has about 11,000.
const CODE_LIST_MAX: usize = 50_000;

/// What a message is about, by where it came in.
enum Target<'m> {
    Petitions,
    Ratings,
    CodeList(&'m str),
    Withdrawal(String),
    Supplement(String),
    Rating(String),
}

/// Decodes one message.
pub(crate) fn decode(portal: &Portal, words: &Words, raw: &RawMessage) -> Result<Decoded, Vec<Fault>> {
    let target = target(raw).map_err(|fault| vec![fault])?;
    let message =
        Message::read(raw, words.constant("list"), words.constant("petition_root")).map_err(|fault| vec![fault])?;
    let decoder = Decoder { portal, words };
    let (about, id) = match target {
        Target::Petitions => return decoder.each(message, listed(raw), |node| decoder.petition(node)),
        Target::Ratings => {
            return decoder.each(message, List::Ratings, |node| vec![decoder.about("rating", node, None)]);
        }
        Target::CodeList(name) => return decoder.code_list(name, message),
        Target::Withdrawal(id) => ("withdrawal", id),
        Target::Supplement(id) => ("supplement", id),
        Target::Rating(id) => ("rating", id),
    };
    // An empty body says nothing but what the path says: enough for a withdrawal, and refused by the other maps.
    if !message.is_empty
        && let Some(fault) = no_object(&message.root, message.is_xml)
    {
        return Err(vec![fault]);
    }
    Ok(single(decoder.about(about, message.root, Some(&id))))
}

/// Whether what came on a feed is a list of what the feed carries, so that a scan may take it as read.
pub(crate) fn is_list(words: &Words, raw: &RawMessage, message: &Message) -> bool {
    let kind = match raw.route.as_str() {
        "pakn" => List::Petitions,
        "danh-gia" => List::Ratings,
        _ => List::Codes,
    };
    items::check(words, message, kind).is_ok()
}

fn listed(raw: &RawMessage) -> List {
    let is_list = raw.entrance == Entrance::Pull && raw.route == "pakn";
    if is_list { List::Petitions } else { List::PushedPetitions }
}

fn target(raw: &RawMessage) -> Result<Target<'_>, Fault> {
    let wrong =
        || Fault::new(FaultCode::WrongMessage, "", "đường dẫn không thuộc kênh này (no such route on this channel)");
    match raw.entrance {
        Entrance::Pull => match raw.route.as_str() {
            "pakn" => Ok(Target::Petitions),
            "danh-gia" => Ok(Target::Ratings),
            // One petition that was read at its own address.
            other if other.starts_with("pakn/") => Ok(Target::Petitions),
            other => other.strip_prefix("danh-muc/").map(Target::CodeList).ok_or_else(wrong),
        },
        Entrance::Push => {
            let (_, path) = raw.route.split_once(' ').ok_or_else(wrong)?;
            let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
            match segments[..] {
                ["pakn"] => Ok(Target::Petitions),
                ["pakn", id, "rut"] => unescaped(id).map(Target::Withdrawal),
                ["pakn", id, "bo-sung"] => unescaped(id).map(Target::Supplement),
                ["pakn", id, "danh-gia"] => unescaped(id).map(Target::Rating),
                _ => Err(wrong()),
            }
        }
    }
}

/// A path segment with its percent-encoding undone.
fn unescaped(segment: &str) -> Result<String, Fault> {
    let wrong =
        || Fault::new(FaultCode::Format, "maPAKN", "mã trong đường dẫn không hợp lệ (the path's id is not valid)");
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = (digit().ok_or_else(wrong)?, digit().ok_or_else(wrong)?);
        bytes.push((high * 16 + low) as u8);
    }
    // No id has characters that our reply could not repeat in XML.
    let is_plain = |text: &String| !text.contains(|it: char| it.is_control() || matches!(it, '\u{FFFE}' | '\u{FFFF}'));
    String::from_utf8(bytes).ok().filter(is_plain).ok_or_else(wrong)
}

fn single(item: Item) -> Decoded {
    Decoded { items: vec![item], warnings: Vec::new() }
}

struct Decoder<'a> {
    portal: &'a Portal,
    words: &'a Words,
}

impl Decoder<'_> {
    fn each(&self, message: Message, list: List, decode: impl Fn(Node) -> Vec<Item>) -> Result<Decoded, Vec<Fault>> {
        let is_xml = message.is_xml;
        let items = items::items(self.words, message, list).map_err(|fault| vec![fault])?;
        if list == List::PushedPetitions && items.len() > self.portal.pushed_items_max {
            let message = format!("quá {} mục trong một lần gửi; hãy chia nhỏ", self.portal.pushed_items_max);
            return Err(vec![Fault::new(FaultCode::TooLarge, "", message)]);
        }
        let items = items.into_iter().flat_map(|(place, node)| {
            let items = match node {
                Ok(node) => match no_object(&node, is_xml) {
                    None => decode(node),
                    Some(fault) => vec![Item { place: String::new(), external_id: None, message: Err(vec![fault]) }],
                },
                Err(unread) => vec![self.unread(unread)],
            };
            items.into_iter().map(move |item| {
                let message = item.message.map_err(|faults| faults.into_iter().map(|it| under(&place, it)).collect());
                Item { place: place.clone(), message, ..item }
            })
        });
        Ok(Decoded { items: items.collect(), warnings: Vec::new() })
    }

    /// An item that could not be read at all; its id is told where it can still be made out.
    fn unread(&self, unread: Unread) -> Item {
        let record = unread.guess.map(|node| self.words.map("petition").take(*node).record);
        let external_id = record.and_then(|mut record| record.take_text("external_id"));
        Item { place: String::new(), external_id, message: Err(vec![unread.fault]) }
    }

    /// A listed or pushed petition: usually itself, sometimes with the news that it is withdrawn or another agency's now.
    fn petition(&self, node: Node) -> Vec<Item> {
        let status = self.leaf(&node, "status").and_then(|code| self.words.statuses().to_canonical(code));
        let receiver = self.leaf(&node, "receiving_agency.code").unwrap_or("");
        if status == Some("withdrawn") {
            return self.closed("listed_withdrawal", node);
        }
        if status == Some("forwarded") && !receiver.is_empty() && !is_same_agency(receiver, &self.portal.agency) {
            return self.closed("listed_reassignment", node);
        }
        vec![self.itself(self.words.map("petition").take(node))]
    }

    /// A petition beside the news of its end, which is the map's: two items at one place, the content first, because
    /// what is withdrawn may never have been seen, or have changed before. News without a content is the news alone.
    fn closed(&self, map: &str, node: Node) -> Vec<Item> {
        if self.leaf(&node, "body").is_none_or(str::is_empty) {
            return vec![self.about(map, node, None)];
        }
        let mut reading = self.words.map("petition").read(&node);
        // What the news says is none of the content's: the petition as it was before must stay the same.
        for name in ["reason", "at"] {
            if let Some(place) = self.words.map(map).place_of(name) {
                reading.extensions.remove(&place);
            }
        }
        if map == "listed_reassignment" && reading.record.text("receiving_agency.code").is_some() {
            reading.record.set("receiving_agency.code", self.portal.agency.as_str());
        }
        let (content, news) = (self.itself(reading), self.about(map, node, None));
        // Where neither can be read it is the same that is wrong with both.
        if content.message.is_err() && news.message.is_err() { vec![content] } else { vec![content, news] }
    }

    fn itself(&self, reading: Reading) -> Item {
        let external_id = reading.record.text("external_id").map(str::to_owned);
        let message = match reading.faults.is_empty() {
            true => canonical::draft_from(reading.record, reading.extensions)
                .map(|draft| Inbound::Petition(Box::new(draft)))
                .map_err(|faults| faults.into_iter().map(|fault| self.words.in_channel_words(fault)).collect()),
            false => Err(reading.faults),
        };
        Item { place: String::new(), external_id, message }
    }

    /// The text at the place that the map of petitions gives to a canonical name.
    fn leaf<'n>(&self, node: &'n Node, name: &str) -> Option<&'n str> {
        let place = self.words.map("petition").place_of(name)?;
        let found = place.split('.').try_fold(node, |node, step| node.child(step))?;
        found.text().map(str::trim)
    }

    /// What is said about a petition that exists; `id` is the one in the path, where there is one.
    fn about(&self, map: &str, node: Node, id: Option<&str>) -> Item {
        let mut reading = self.words.map(map).take(node);
        let named = reading.record.text("external_id").map(str::to_owned);
        match (&named, id) {
            (Some(named), Some(id)) if named != id => {
                let message = "maPAKN khác với mã trong đường dẫn (the body names another petition than the path)";
                reading.faults.push(Fault::new(FaultCode::Conflict, self.place_of_id(map), message));
            }
            (None, Some(id)) => drop(reading.record.set("external_id", id)),
            (None, None) if reading.faults.is_empty() => {
                let message = "thiếu mã phản ánh, kiến nghị (the petition's id is absent)";
                reading.faults.push(Fault::new(FaultCode::Missing, self.place_of_id(map), message));
            }
            _ => {}
        }
        let external_id = id.map(str::to_owned).or(named);
        let message = if reading.faults.is_empty() {
            canonical_of(map, reading.record, reading.extensions)
        } else {
            Err(reading.faults)
        };
        Item { place: String::new(), external_id, message }
    }

    fn place_of_id(&self, map: &str) -> String {
        self.words.map(map).place_of("external_id").unwrap_or_default()
    }

    /// A code list is one item: half a list is no list.
    fn code_list(&self, name: &str, message: Message) -> Result<Decoded, Vec<Fault>> {
        let is_xml = message.is_xml;
        let items = items::items(self.words, message, List::Codes).map_err(|fault| vec![fault])?;
        if items.len() > CODE_LIST_MAX {
            let message = format!("quá {CODE_LIST_MAX} mục trong danh mục (too many entries)");
            return Err(vec![Fault::new(FaultCode::TooLarge, "", message)]);
        }
        let mut faults = Vec::new();
        let mut entries = Vec::with_capacity(items.len());
        for (place, node) in items {
            let node = match node {
                Ok(node) => no_object(&node, is_xml).map_or(Ok(node), Err),
                Err(unread) => Err(unread.fault),
            };
            let mut reading = match node {
                Ok(node) => self.words.map("code_list_entry").take(node),
                Err(fault) => {
                    faults.push(under(&place, fault));
                    continue;
                }
            };
            faults.extend(reading.faults.drain(..).map(|fault| under(&place, fault)));
            let mut text = |name| reading.record.take_text(name).unwrap_or_default();
            entries.push((text("code"), text("name")));
        }
        let list = Inbound::CodeList(CodeList { name: name.to_owned(), entries });
        let message = if faults.is_empty() { Ok(list) } else { Err(faults) };
        Ok(single(Item { place: String::new(), external_id: None, message }))
    }
}

/// Whether two codes name one agency: the older form has its groups in the other order and filled up with zeros
/// (`000.00.00.G07` is `G07`).
pub(crate) fn is_same_agency(one: &str, other: &str) -> bool {
    let groups = |code: &str| {
        let mut groups: Vec<String> = code.split('.').map(str::to_ascii_uppercase).collect();
        groups.retain(|group| !group.bytes().all(|byte| byte == b'0'));
        groups.sort_unstable();
        groups
    };
    groups(one) == groups(other)
}

fn canonical_of(map: &str, record: Record, extensions: Extensions) -> Result<Inbound, Vec<Fault>> {
    match map {
        "rating" => canonical::rating_from(record).map(Inbound::Rating),
        "supplement" => canonical::supplement_from(record, extensions).map(Inbound::Supplement),
        "listed_reassignment" => canonical::reassignment_from(record).map(Inbound::Reassignment),
        _ => canonical::withdrawal_from(record).map(Inbound::Withdrawal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_forms_of_an_agency_code_are_one_agency() {
        for (one, other) in [("000.00.00.G07", "G07"), ("000.00.04.G14", "G14.04"), ("h41", "000.00.00.H41")] {
            assert!(is_same_agency(one, other), "{one} {other}");
        }
        for (one, other) in [("000.00.00.G07", "G09"), ("G07", "G07.01"), ("000.00.00.G07", "000.00.01.G07")] {
            assert!(!is_same_agency(one, other), "{one} {other}");
        }
    }

    #[test]
    fn the_id_in_a_path_is_unescaped_or_refused() {
        assert_eq!(unescaped("PAKN%2F1%20%C4%91").as_deref(), Ok("PAKN/1 đ"));
        for wrong in ["%", "%4", "%zz", "%FF", "%C4", "%16", "%0A", "%EF%BF%BF"] {
            assert!(unescaped(wrong).is_err(), "{wrong}");
        }
    }
}
