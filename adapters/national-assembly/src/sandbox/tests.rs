//! The far side itself: it is the same for the same seed, and it sees what is wrong with what it is sent.

use bytes::Bytes;
use channel_sdk::{
    sandbox::{Mischief, SandboxSettings},
    tree::Node,
};
use sha2::{Digest, Sha256};

use super::{
    batch,
    book::{self, Refusal},
    state::State,
};
use crate::multipart::{Part, Related};

fn state(petitions: u32, released: u32) -> State {
    let mut state = State::new(SandboxSettings {
        seed: 9,
        petitions,
        agency: "000.00.00.G07".to_owned(),
        epoch: "2019-09-01T00:00:00Z".parse().unwrap(),
        credentials: None,
        mischief: Mischief::default(),
    });
    for _ in 0..released {
        assert!(state.release_one());
    }
    state
}

/// The id of a petition that was handed out by a pull.
fn handed_out(state: &mut State) -> String {
    state.pulled(None, true);
    state.entries[0].petition.id.clone()
}

fn answer(state: &mut State, key: &str, document: Node, files: Vec<Part>) -> Result<String, Refusal> {
    let message = Related { root: batch::document(document), files };
    let document = book::document(&message.root, "TraLoiKienNghi")?;
    state.answer(key, &message, &document)
}

fn document(id: &str, class: &str) -> Node {
    let text = Node::leaf("NoiDung", "Trả lời.");
    Node::object("TraLoiKienNghi", vec![text]).with_attribute("ma", id).with_attribute("ketQua", class)
}

fn with(mut document: Node, child: Node) -> Node {
    if let channel_sdk::tree::Content::Children(children) = &mut document.content {
        children.push(child);
    }
    document
}

#[test]
fn the_same_seed_and_the_same_calls_hand_out_the_same_bytes() {
    let run = || {
        let mut state = state(60, 60);
        let mut bodies = vec![state.pulled(None, true).body];
        while let Some(push) = state.next_push() {
            bodies.push(push.body);
        }
        bodies
    };
    let first = run();
    assert!(first.len() > 1);
    assert_eq!(first, run());
}

#[test]
fn an_undersized_batch_waits_for_its_letter_but_not_for_ever() {
    let mut state = state(60, 0);
    while state.next_push().is_none() && state.entries.len() < 40 {
        state.release_one();
    }
    let first = state.in_flight.values().next().map(Vec::len).unwrap();
    assert_eq!(first, 5, "it went as soon as it had five");
    state.release_one();
    assert!(state.next_push().is_none(), "one more waits for the others of its letter");
    assert!((0..30).any(|_| state.next_push().is_some()));
}

#[test]
fn a_push_that_was_not_answered_or_refused_whole_is_offered_again_and_not_endlessly() {
    let mut state = state(20, 20);
    let first = state.next_push().unwrap();
    state.pushed(first.id, None);
    let again = state.next_push().unwrap();
    assert_eq!(first.body, again.body);
    assert!(state.complaints().is_empty());
    let mut push = Some(again);
    for _ in 0..10 {
        let Some(open) = push else { break };
        state.pushed(open.id, Some((400, b"")));
        push = state.next_push();
    }
    assert!(push.is_none() && !state.complaints().is_empty());
}

#[test]
fn an_acknowledgement_must_name_every_item_and_every_name_must_be_known() {
    let mut state = state(20, 20);
    let push = state.next_push().unwrap();
    let result = Node::leaf("KetQua", "").with_attribute("ma", "XIV-00-0000-000");
    let reply = batch::document(Node::object("KetQuaTiepNhan", vec![result]));
    state.pushed(push.id, Some((200, &reply)));
    assert_eq!(state.complaints().len(), 2, "{:?}", state.complaints());
    assert!(state.next_push().is_some(), "what was not acknowledged is offered again");
}

#[test]
fn answers_that_break_the_protocol_are_refused_with_the_place() {
    let mut state = state(10, 10);
    let id = handed_out(&mut state);
    let file = Node::leaf("TepDinhKem", "")
        .with_attribute("ten", "a.pdf")
        .with_attribute("sha256", hex::encode(Sha256::digest("a")))
        .with_attribute("ma", "cid:1");
    let part = |content: &'static str| Part::new("1", "", Bytes::from_static(content.as_bytes()));
    let letter = Node::leaf("VanBan", "").with_attribute("soKyHieu", "1/X");
    let cases = vec![
        (document(&id, "5"), vec![], "TraLoiKienNghi@ketQua"),
        (document(&id, "3"), vec![], "TraLoiKienNghi@thoiHan"),
        (document("XIV-00-0000-000", "1"), vec![], "TraLoiKienNghi@ma"),
        (document("", "1"), vec![], "TraLoiKienNghi@ma"),
        (with(document(&id, "1"), letter), vec![], "VanBan@ngayBanHanh"),
        (with(document(&id, "1"), file.clone()), vec![], "TepDinhKem@ma"),
        (with(document(&id, "1"), file.clone()), vec![part("b")], "TepDinhKem@sha256"),
    ];
    for (number, (document, files, place)) in cases.into_iter().enumerate() {
        assert_eq!(answer(&mut state, &number.to_string(), document, files).unwrap_err().place, place);
    }
    assert!(answer(&mut state, "good", with(document(&id, "1"), file), vec![part("a")]).is_ok());
    assert_eq!(state.entries[0].account.answers, 1);
}

#[test]
fn one_answer_may_stand_for_several_petitions_and_its_key_for_no_other_answer() {
    let mut state = state(10, 10);
    let id = handed_out(&mut state);
    let other = state.entries[1].petition.id.clone();
    let shared = with(document(&id, "4"), Node::leaf("Ma", other));
    let reference = answer(&mut state, "k", shared.clone(), Vec::new()).unwrap();
    assert_eq!(answer(&mut state, "k", shared, Vec::new()).unwrap(), reference);
    assert_eq!((state.entries[0].account.answers, state.entries[1].account.answers), (1, 1));
    assert_eq!(answer(&mut state, "k", document(&id, "1"), Vec::new()).unwrap_err().code, "trung-khoa");
}

#[test]
fn receipts_are_taken_once_for_each_revision_and_under_one_id_of_ours() {
    let mut state = state(10, 10);
    let id = handed_out(&mut state);
    let mut confirm = |id: &str, revision: &str, ours: &str| {
        let receipt = Node::leaf("XacNhanKienNghi", "")
            .with_attribute("ma", id)
            .with_attribute("phienBan", revision)
            .with_attribute("maHoSo", ours)
            .with_attribute("thoiDiem", "2019-10-01T08:00:00+07:00");
        state.confirm(&receipt).map_err(|refusal| refusal.code)
    };
    assert_eq!(confirm(&id, "1", "HS-1"), Ok(()));
    assert_eq!(confirm(&id, "1", "HS-1"), Err("da-xac-nhan"));
    assert_eq!(confirm(&id, "1", "HS-2"), Err("mau-thuan"));
    assert_eq!(confirm(&id, "2", "HS-1"), Err("sai-dinh-dang"));
    assert_eq!(confirm("XIV-00-0000-000", "1", "HS-1"), Err("khong-ton-tai"));
}
