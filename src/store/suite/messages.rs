//! The journal, quarantine, cursors, code lists, counts.

use channel_sdk::{
    fault::{Fault, FaultCode},
    inbound::CodeList,
};

use super::fixture::{Bench, PORTAL, at, item, message};
use crate::store::{
    CursorMove, ItemRecord, ItemRef, ItemState, ItemsDone, MessageId, MessageState, NewMessage, QuarantineQuery,
    QuarantinedItem, Write, Written,
};

pub(crate) async fn a_message_is_read_back_byte_for_byte(bench: Bench) {
    let id = bench.journal("{\"tieuDe\":\"Chậm \u{0}trả\"}").await;
    let stored = bench.store.message_get(id).await.unwrap().unwrap();
    let sent = message(PORTAL, "{\"tieuDe\":\"Chậm \u{0}trả\"}");
    assert_eq!(stored.body, sent.body);
    assert_eq!((stored.channel, stored.route, stored.content_type), (sent.channel, sent.route, sent.content_type));
    assert_eq!((stored.entrance, stored.received_at, stored.sha256), (sent.entrance, sent.received_at, sent.sha256));
    assert_eq!(stored.state, MessageState::Received);
}

pub(crate) async fn what_was_journalled_and_not_dealt_with_is_listed_oldest_first(bench: Bench) {
    let (first, second, third) = (bench.journal("1").await, bench.journal("2").await, bench.journal("3").await);
    bench.done(Some(second), None).await;
    let unfinished = bench.store.message_list_unfinished(10).await.unwrap();
    assert_eq!(unfinished, [first, third]);
    assert_eq!(bench.store.message_list_unfinished(1).await.unwrap(), [first]);
    assert_eq!(bench.store.message_get(second).await.unwrap().unwrap().state, MessageState::Done);
}

pub(crate) async fn a_message_that_was_reopened_is_unfinished_until_it_is_dealt_with_again(bench: Bench) {
    let (first, second) = (bench.journal("1").await, bench.journal("2").await);
    bench.done(Some(first), Some(("pakn", "7"))).await;
    bench.done(Some(second), None).await;
    bench.write(Write::Items(vec![item(second, 0, ItemState::Quarantined)])).await;
    for _ in 0..2 {
        assert_eq!(bench.write(Write::Reopen(second)).await, Written::Done);
        assert_eq!(bench.store.message_list_unfinished(9).await.unwrap(), [second]);
    }
    let stored = bench.store.message_get(second).await.unwrap().unwrap();
    assert_eq!((stored.state, &stored.body[..]), (MessageState::Received, &b"2"[..]));
    let known = bench.store.quarantine_get(ItemRef::whole(second)).await.unwrap().unwrap();
    assert_eq!(known.record.state, ItemState::Quarantined, "its items stay as they are");
    assert_eq!(bench.store.cursor_get(PORTAL, "pakn").await.unwrap().as_deref(), Some("7"));
    bench.done(Some(second), None).await;
    assert!(bench.store.message_list_unfinished(9).await.unwrap().is_empty());
    assert_eq!(bench.store.counts().await.unwrap().messages, 2);
    assert_eq!(bench.write(Write::Reopen(MessageId(99))).await, Written::Done, "there is none to deal with");
    assert!(bench.store.message_list_unfinished(9).await.unwrap().is_empty());
}

pub(crate) async fn the_cursor_moves_with_the_message_or_not_at_all(bench: Bench) {
    let message = bench.journal("[]").await;
    assert_eq!(bench.store.cursor_get(PORTAL, "pakn").await.unwrap(), None);
    let done = |cursor: &str| ItemsDone {
        message: Some(message),
        channel: PORTAL.to_owned(),
        cursor: Some(CursorMove { feed: "pakn".to_owned(), from: None, to: cursor.to_owned() }),
    };
    let mut clash = bench.new_petition("PA-1");
    clash.petition.id = bench.petition("PA-0").await.id;
    let failing = vec![Write::MessageDone(done("100")), Write::Change(Box::new(clash))];
    assert!(bench.store.write(failing.into()).await.is_err());
    assert_eq!(bench.store.cursor_get(PORTAL, "pakn").await.unwrap(), None);
    assert_eq!(bench.store.message_list_unfinished(9).await.unwrap().len(), 1);
    bench.write(Write::MessageDone(done("200"))).await;
    assert_eq!(bench.store.cursor_get(PORTAL, "pakn").await.unwrap().as_deref(), Some("200"));
    assert_eq!(bench.store.cursor_get(PORTAL, "danh-gia").await.unwrap(), None);
    assert!(bench.store.message_list_unfinished(9).await.unwrap().is_empty());
}

pub(crate) async fn a_cursor_moves_only_from_where_it_stood_when_the_page_was_asked_for(bench: Bench) {
    bench.done(None, Some(("pakn", "7"))).await;
    let message = bench.journal("[]").await;
    for from in [None, Some("6".to_owned())] {
        let cursor = Some(CursorMove { feed: "pakn".to_owned(), from, to: "5".to_owned() });
        bench.write(Write::MessageDone(ItemsDone { message: Some(message), channel: PORTAL.to_owned(), cursor })).await;
        assert_eq!(bench.store.cursor_get(PORTAL, "pakn").await.unwrap().as_deref(), Some("7"));
    }
    assert!(bench.store.message_list_unfinished(9).await.unwrap().is_empty(), "the message is dealt with all the same");
}

pub(crate) async fn a_cursor_moves_without_a_message_when_there_was_nothing_new(bench: Bench) {
    bench.done(None, Some(("pakn", "7"))).await;
    bench.done(None, Some(("pakn", "8"))).await;
    assert_eq!(bench.store.cursor_get(PORTAL, "pakn").await.unwrap().as_deref(), Some("8"));
    assert_eq!(bench.store.channel_list().await.unwrap()[0].last_inbound_at, Some(at(5)));
}

async fn quarantine(bench: &Bench, index: u32, code: FaultCode) -> ItemRef {
    let message = bench.journal("[]").await;
    let mut record = item(message, index, ItemState::Quarantined);
    record.faults = vec![Fault::new(code, "danhSach[0].maLinhVuc", "mã không có trong danh mục (unknown code)")];
    assert_eq!(bench.write(Write::Items(vec![record.clone()])).await, Written::Done);
    record.item
}

async fn listed(bench: &Bench, query: QuarantineQuery) -> Vec<ItemRef> {
    let found = bench.store.quarantine_list(&query).await.unwrap();
    found.into_iter().map(|found: QuarantinedItem| found.record.item).collect()
}

pub(crate) async fn quarantine_is_listed_newest_first_by_channel_and_fault(bench: Bench) {
    let first = quarantine(&bench, 0, FaultCode::UnknownCode).await;
    let second = quarantine(&bench, 4, FaultCode::Missing).await;
    let third = quarantine(&bench, 2, FaultCode::UnknownCode).await;
    let all = QuarantineQuery { limit: 10, ..QuarantineQuery::default() };
    assert_eq!(listed(&bench, all.clone()).await, [third, second, first]);
    assert_eq!(listed(&bench, QuarantineQuery { limit: 1, ..all.clone() }).await, [third]);
    assert_eq!(listed(&bench, QuarantineQuery { after: Some(third), ..all.clone() }).await, [second, first]);
    let by_code = QuarantineQuery { fault_code: Some("unknown_code".to_owned()), ..all.clone() };
    assert_eq!(listed(&bench, by_code).await, [third, first]);
    let by_channel = |name: &str| QuarantineQuery { channel: Some(name.to_owned()), ..all.clone() };
    assert_eq!(listed(&bench, by_channel(PORTAL)).await.len(), 3);
    assert_eq!(listed(&bench, by_channel("assembly")).await, []);
    assert_eq!(bench.store.channel_list().await.unwrap()[0].quarantined, 3);
}

pub(crate) async fn quarantine_is_searched_by_place_id_route_state_and_time(bench: Bench) {
    let first = quarantine(&bench, 0, FaultCode::UnknownCode).await;
    let second = quarantine(&bench, 4, FaultCode::Missing).await;
    let later = NewMessage { received_at: at(100), route: "y-kien".to_owned(), ..message(PORTAL, "[]") };
    let Written::Message(later) = bench.write(Write::Journal(later)).await else { panic!("a message has a number") };
    let mut odd = item(later, 1, ItemState::Quarantined);
    odd.place = "thư[1]%_".to_owned();
    let put_aside = ItemRecord { discarded: Some("trùng".to_owned()), ..item(later, 2, ItemState::Discarded) };
    bench.write(Write::Items(vec![odd.clone(), put_aside.clone()])).await;
    let all = QuarantineQuery { limit: 10, ..QuarantineQuery::default() };
    let text = |text: &str| Some(text.to_owned());
    for (query, found) in [
        (QuarantineQuery { place: text("danhSach["), ..all.clone() }, vec![second, first]),
        (QuarantineQuery { place: text("danhSach[4]"), ..all.clone() }, vec![second]),
        (QuarantineQuery { place: text("thư[1]%_"), ..all.clone() }, vec![odd.item]),
        (QuarantineQuery { place: text("%"), ..all.clone() }, vec![]),
        (QuarantineQuery { external_id: text("PA-4"), ..all.clone() }, vec![second]),
        (QuarantineQuery { external_id: text("PA"), ..all.clone() }, vec![]),
        (QuarantineQuery { route: text("y-kien"), ..all.clone() }, vec![odd.item]),
        (QuarantineQuery { received_from: Some(at(100)), ..all.clone() }, vec![odd.item]),
        (QuarantineQuery { received_before: Some(at(100)), ..all.clone() }, vec![second, first]),
        (QuarantineQuery { state: ItemState::Discarded, ..all.clone() }, vec![put_aside.item]),
        (QuarantineQuery { state: ItemState::Discarded, route: text("pakn"), ..all.clone() }, vec![]),
    ] {
        assert_eq!(listed(&bench, query.clone()).await, found, "{query:?}");
    }
}

pub(crate) async fn pages_of_the_quarantine_join_to_the_whole_in_both_orders_while_items_come_in(bench: Bench) {
    let mut wanted = Vec::new();
    for index in [3, 0, 7] {
        wanted.push(quarantine(&bench, index, FaultCode::UnknownPetition).await);
    }
    let second_of_last = ItemRef { index: 9, ..wanted[2] };
    bench.write(Write::Items(vec![item(wanted[2].message, 9, ItemState::Quarantined)])).await;
    wanted.push(second_of_last);
    for oldest_first in [true, false] {
        let mut query = QuarantineQuery { oldest_first, limit: 1, ..QuarantineQuery::default() };
        let mut found = Vec::new();
        while let [one] = listed(&bench, query.clone()).await[..] {
            query.after = Some(one);
            found.push(one);
            if found.len() == 2 {
                wanted.push(quarantine(&bench, 0, FaultCode::UnknownPetition).await);
            }
        }
        if oldest_first {
            assert_eq!(found, wanted, "what comes in stands at the end");
        } else {
            found.reverse();
            assert_eq!(found, wanted[..wanted.len() - 1], "what comes in stands before the first page");
        }
    }
}

pub(crate) async fn an_item_leaves_quarantine_when_it_is_taken_or_discarded(bench: Bench) {
    let (first, second) =
        (quarantine(&bench, 0, FaultCode::Missing).await, quarantine(&bench, 1, FaultCode::Missing).await);
    let mut change = bench.new_petition("PA-1");
    change.item = Some(item(first.message, first.index, ItemState::Taken));
    let petition = change.petition.id;
    bench.commit(change).await;
    let mut discarded = item(second.message, second.index, ItemState::Discarded);
    discarded.discarded = Some("gửi nhầm".to_owned());
    bench.write(Write::Items(vec![discarded.clone()])).await;
    assert_eq!(listed(&bench, QuarantineQuery { limit: 10, ..QuarantineQuery::default() }).await, []);
    assert_eq!(bench.store.counts().await.unwrap().quarantined, 0);
    let found = bench.store.quarantine_get(first).await.unwrap().unwrap();
    assert_eq!((found.record.state, found.record.petition), (ItemState::Taken, Some(petition)));
    assert_eq!((found.channel.as_str(), found.size_bytes), (PORTAL, 2));
    assert_eq!(bench.store.quarantine_get(second).await.unwrap().unwrap().record, discarded);
    let unknown = ItemRef { message: first.message, index: 99 };
    assert!(bench.store.quarantine_get(unknown).await.unwrap().is_none());
}

pub(crate) async fn an_item_quarantined_twice_is_counted_once(bench: Bench) {
    let at = quarantine(&bench, 0, FaultCode::Missing).await;
    bench.write(Write::Items(vec![item(at.message, at.index, ItemState::Quarantined)])).await;
    assert_eq!(bench.store.counts().await.unwrap().quarantined, 1);
}

pub(crate) async fn the_items_of_a_petition_are_listed_oldest_first(bench: Bench) {
    let petition = bench.petition("PA-1").await;
    let (first, second) = (bench.journal("1").await, bench.journal("2").await);
    for (message, index) in [(second, 0), (first, 1)] {
        let mut record = item(message, index, ItemState::AlreadyHad);
        record.petition = Some(petition.id);
        bench.write(Write::Items(vec![record])).await;
    }
    bench.write(Write::Items(vec![item(second, 1, ItemState::AlreadyHad)])).await;
    let items = bench.store.item_list_of(petition.id).await.unwrap();
    assert_eq!(items.iter().map(|item| item.item.message).collect::<Vec<_>>(), [first, second]);
}

pub(crate) async fn a_code_list_is_kept_whole_and_replaced_whole(bench: Bench) {
    let list = |name: &str, entries: &[(&str, &str)]| CodeList {
        name: name.to_owned(),
        entries: entries.iter().map(|(code, name)| ((*code).to_owned(), (*name).to_owned())).collect(),
    };
    let write = |list: CodeList| Write::CodeList { channel: PORTAL.to_owned(), list };
    bench.write(write(list("linh-vuc", &[("BHXH", "Bảo hiểm xã hội"), ("BHTN", "Bảo hiểm thất nghiệp")]))).await;
    bench.write(write(list("co-quan", &[("H41", "Nghệ An")]))).await;
    let newer = list("linh-vuc", &[("TE", "Trẻ em")]);
    bench.write(write(newer.clone())).await;
    assert_eq!(bench.store.code_list_of(PORTAL).await.unwrap(), [list("co-quan", &[("H41", "Nghệ An")]), newer]);
    assert_eq!(bench.store.code_list_of("assembly").await.unwrap(), []);
}

pub(crate) async fn a_channel_tells_its_counts_and_times(bench: Bench) {
    assert!(bench.store.channel_list().await.unwrap().is_empty());
    bench.journal("[]").await;
    bench.deliveries("PA-1", None, 2).await;
    bench.petition("PA-2").await;
    bench.commit(bench.new_petition_on("assembly", "KN-1")).await;
    let channels = bench.store.channel_list().await.unwrap();
    assert_eq!(channels.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["assembly", PORTAL]);
    let portal = &channels[1];
    assert_eq!((portal.petitions, portal.pending, portal.dead_letters, portal.quarantined), (2, 2, 0, 0));
    assert_eq!((portal.last_inbound_at, portal.last_delivered_at), (Some(at(1)), None));
    let counts = bench.store.counts().await.unwrap();
    assert_eq!((counts.petitions, counts.events, counts.messages, counts.pending), (3, 3, 1, 2));
}
