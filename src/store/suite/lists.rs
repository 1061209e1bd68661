//! Lists of petitions: every condition, every order, pages that inserts do not disturb, full text.

use channel_sdk::model::{Agency, PetitionKind};

use super::fixture::{Bench, PORTAL, accept, answer, at, date};
use crate::{
    petition::{Command, Content, Petition, Status},
    store::{PetitionQuery, Sort},
};

fn all() -> PetitionQuery {
    PetitionQuery { limit: 100, sort: Sort::ReceivedOldest, ..PetitionQuery::default() }
}

/// The external ids that a query gives, and that it counts as many.
async fn found(bench: &Bench, query: PetitionQuery) -> Vec<String> {
    let petitions = bench.store.petition_list(&query).await.unwrap();
    let count = bench.store.petition_count(&query).await.unwrap();
    assert_eq!(count, petitions.len() as u64, "{query:?}");
    petitions.into_iter().map(|petition| petition.external_id).collect()
}

pub(crate) async fn each_condition_on_what_a_petition_says_finds_its_own(bench: Bench) {
    type Edit = fn(&mut Content);
    let edits: [(&str, Edit); 7] = [
        ("plain", |_| ()),
        ("kind", |it| it.kind = PetitionKind::PolicyQuestion),
        ("field", |it| it.field.code = "BHTN".to_owned()),
        ("forwarding", |it| it.forwarding_agency.code = "000.00.00.G22".to_owned()),
        ("receiving", |it| it.receiving_agency.code = "H41".to_owned()),
        ("locality", |it| it.petitioner.province_code = Some("40".to_owned())),
        ("due", |it| it.due_on = Some(date("2019-07-01"))),
    ];
    for (second, (external_id, edit)) in (0..).zip(edits) {
        bench.petition_with(external_id, at(second), edit).await;
    }
    let list = |value: &str| vec![value.to_owned()];
    assert_eq!(found(&bench, all()).await.len(), 7);
    let kinds = vec![PetitionKind::PolicyQuestion, PetitionKind::Denunciation];
    assert_eq!(found(&bench, PetitionQuery { kinds, ..all() }).await, ["kind"]);
    assert_eq!(found(&bench, PetitionQuery { fields: list("BHTN"), ..all() }).await, ["field"]);
    assert_eq!(found(&bench, PetitionQuery { localities: list("40"), ..all() }).await, ["locality"]);
    let agencies = vec!["000.00.00.G22".to_owned(), "H41".to_owned()];
    assert_eq!(found(&bench, PetitionQuery { agencies, ..all() }).await, ["forwarding", "receiving"]);
    assert_eq!(found(&bench, PetitionQuery { external_id: Some("due".to_owned()), ..all() }).await, ["due"]);
    let on_day = Some(date("2019-07-01"));
    assert_eq!(found(&bench, PetitionQuery { due_from: on_day, ..all() }).await, ["due"]);
    assert_eq!(found(&bench, PetitionQuery { due_until: on_day, ..all() }).await, ["due"]);
    assert!(found(&bench, PetitionQuery { due_from: Some(date("2019-07-02")), ..all() }).await.is_empty());
    assert!(found(&bench, PetitionQuery { due_until: Some(date("2019-06-30")), ..all() }).await.is_empty());
    let both = PetitionQuery { fields: list("BHTN"), localities: list("40"), ..all() };
    assert!(found(&bench, both).await.is_empty(), "all conditions must hold");
}

pub(crate) async fn the_unit_and_the_agency_forwarded_to_are_agencies_too(bench: Bench) {
    let agency = |code: &str| Agency { code: code.to_owned(), name: String::new() };
    let mut assigned = bench.petition("assigned").await;
    bench.command(&mut assigned, accept()).await;
    bench.command(&mut assigned, Command::Assign { unit: agency("G09.1"), note: String::new() }).await;
    let mut forwarded = bench.petition("forwarded").await;
    let (reason, legal_basis) = ("không thuộc thẩm quyền".to_owned(), "Nghị định 20/2008".to_owned());
    bench.command(&mut forwarded, Command::Forward { to: agency("H41"), reason, legal_basis }).await;
    assert_eq!(found(&bench, PetitionQuery { agencies: vec!["G09.1".to_owned()], ..all() }).await, ["assigned"]);
    assert_eq!(found(&bench, PetitionQuery { agencies: vec!["H41".to_owned()], ..all() }).await, ["forwarded"]);
}

pub(crate) async fn channel_and_external_id_find_together_and_apart(bench: Bench) {
    bench.petition("PA-1").await;
    bench.commit(bench.new_petition_on("assembly", "PA-1")).await;
    bench.petition("PA-2").await;
    let (portal, one) = (vec![PORTAL.to_owned()], Some("PA-1".to_owned()));
    assert_eq!(found(&bench, PetitionQuery { channels: portal.clone(), ..all() }).await, ["PA-1", "PA-2"]);
    assert_eq!(found(&bench, PetitionQuery { external_id: one.clone(), ..all() }).await.len(), 2);
    assert_eq!(found(&bench, PetitionQuery { channels: portal, external_id: one, ..all() }).await, ["PA-1"]);
}

pub(crate) async fn statuses_find_what_stands_in_them_now(bench: Bench) {
    let mut accepted = bench.petition("accepted").await;
    bench.petition("received").await;
    let mut answered = bench.petition("answered").await;
    bench.command(&mut accepted, accept()).await;
    bench.command(&mut answered, accept()).await;
    bench.command(&mut answered, answer("Đã trả lời.")).await;
    let of = |statuses: &[Status]| PetitionQuery { statuses: statuses.to_vec(), ..all() };
    assert_eq!(found(&bench, of(&[Status::Received])).await, ["received"]);
    assert_eq!(found(&bench, of(&[Status::Answered, Status::Accepted])).await, ["accepted", "answered"]);
    assert!(found(&bench, of(&[Status::Closed])).await.is_empty());
    let newest = PetitionQuery { sort: Sort::ReceivedNewest, limit: 2, ..of(&[Status::Received, Status::Answered]) };
    assert_eq!(found(&bench, newest).await, ["answered", "received"]);
}

pub(crate) async fn received_bounds_are_exact_to_the_microsecond(bench: Bench) {
    let just_before = at(10) - jiff::SignedDuration::from_micros(1);
    for (external_id, received_at) in [("before", just_before), ("on", at(10)), ("after", at(11))] {
        bench.petition_with(external_id, received_at, |_| ()).await;
    }
    let (from, before) = (Some(at(10)), Some(at(11)));
    assert_eq!(found(&bench, PetitionQuery { received_from: from, ..all() }).await, ["on", "after"]);
    assert_eq!(found(&bench, PetitionQuery { received_before: from, ..all() }).await, ["before"]);
    assert_eq!(found(&bench, PetitionQuery { received_from: from, received_before: before, ..all() }).await, ["on"]);
}

pub(crate) async fn overdue_is_open_and_past_its_date(bench: Bench) {
    let due = |it: &mut Content| it.due_on = Some(date("2019-07-01"));
    bench.petition_with("open", at(1), due).await;
    bench.petition_with("no date", at(2), |_| ()).await;
    let mut answered = bench.petition_with("answered", at(3), due).await;
    bench.command(&mut answered, accept()).await;
    bench.command(&mut answered, answer("Đã trả lời.")).await;
    let on = |overdue: bool, today: &str| PetitionQuery { overdue: Some((overdue, date(today))), ..all() };
    assert!(found(&bench, on(true, "2019-07-01")).await.is_empty());
    assert_eq!(found(&bench, on(true, "2019-07-02")).await, ["open"]);
    assert_eq!(found(&bench, on(false, "2019-07-02")).await, ["no date", "answered"]);
    for sort in [Sort::ReceivedNewest, Sort::DueSoonest] {
        assert_eq!(found(&bench, PetitionQuery { sort, ..on(true, "2019-07-02") }).await, ["open"]);
    }
    let ended = PetitionQuery { statuses: vec![Status::Answered], ..on(true, "2019-07-02") };
    assert!(found(&bench, ended).await.is_empty());
}

pub(crate) async fn due_soonest_puts_those_without_a_date_last(bench: Bench) {
    bench.petition("none").await;
    for (external_id, due_on) in [("late", "2019-08-01"), ("soon", "2019-06-01")] {
        bench.petition_with(external_id, at(0), |it| it.due_on = Some(date(due_on))).await;
    }
    let query = PetitionQuery { sort: Sort::DueSoonest, ..all() };
    assert_eq!(found(&bench, query).await, ["soon", "late", "none"]);
}

/// Petitions of which many share a millisecond, a microsecond, a due date.
async fn crowd(bench: &Bench, from: i64, count: i64) {
    for number in from..from + count {
        let received_at = at(number / 12) + jiff::SignedDuration::from_micros(number % 3 * 400);
        let edit = |it: &mut Content| {
            it.due_on = (number % 5 != 0).then(|| date(&format!("2019-07-{:02}", 1 + number % 4)));
        };
        let mut petition = bench.petition_with(&format!("PA-{number}"), received_at, edit).await;
        if number % 4 == 0 {
            bench.command(&mut petition, accept()).await;
        }
    }
}

pub(crate) async fn pages_join_to_the_whole_list_in_every_order_while_petitions_come_in(bench: Bench) {
    crowd(&bench, 0, 40).await;
    let text = Some("hai tháng".to_owned());
    let statuses = vec![Status::Received, Status::Accepted];
    for sort in [Sort::ReceivedNewest, Sort::ReceivedOldest, Sort::DueSoonest] {
        for query in [
            PetitionQuery { sort, ..all() },
            PetitionQuery { sort, text: text.clone(), ..all() },
            PetitionQuery { sort, statuses: statuses.clone(), ..all() },
        ] {
            let before = bench.store.petition_list(&PetitionQuery { limit: 1_000, ..query.clone() }).await.unwrap();
            assert!(before.is_sorted_by(|a, b| in_order(sort, a, b)), "{query:?}");
            let seen = pages(&bench, &query, before.len()).await;
            let seen: Vec<_> = seen.iter().filter(|it| before.iter().any(|old| old.id == it.id)).collect();
            assert_eq!(seen.len(), before.len(), "{query:?}");
            assert!(seen.iter().zip(&before).all(|(a, b)| a.id == b.id), "{query:?}");
        }
    }
}

fn in_order(sort: Sort, a: &Petition, b: &Petition) -> bool {
    match sort {
        Sort::ReceivedNewest => (a.received_at, a.id) > (b.received_at, b.id),
        Sort::ReceivedOldest => (a.received_at, a.id) < (b.received_at, b.id),
        Sort::DueSoonest => (sort.key(a), a.id) < (sort.key(b), b.id),
    }
}

/// All pages of seven; between them petitions come in, at the front, at the end and in the middle of the order.
async fn pages(bench: &Bench, query: &PetitionQuery, start: usize) -> Vec<Petition> {
    let mut seen: Vec<Petition> = Vec::new();
    let mut number = i64::try_from(start).unwrap() * 100;
    loop {
        let after = seen.last().map(|last| (query.sort.key(last), last.id));
        let page = bench.store.petition_list(&PetitionQuery { limit: 7, after, ..query.clone() }).await.unwrap();
        if page.is_empty() {
            return seen;
        }
        assert!(page.len() <= 7);
        seen.extend(page);
        // Not for ever: those that come at the end of the order lengthen the way.
        let newcomers = if seen.len() < 30 { vec![at(0), at(1), at(1_000)] } else { Vec::new() };
        for received_at in newcomers {
            let external_id = format!("PA-{}-{number}", query.sort as u8);
            bench.commit(bench.new_petition_with(&external_id, received_at, |_| ())).await;
            number += 1;
        }
    }
}

pub(crate) async fn words_are_found_without_regard_to_case_marks_and_composition(bench: Bench) {
    bench.petition_with("nfc", at(1), |it| it.subject = "Bảo hiểm thất nghiệp".to_owned()).await;
    bench
        .petition_with("nfd", at(2), |it| {
            it.body = "BA\u{309}O hie\u{302}\u{309}m xa\u{303} ho\u{323}\u{302}i".to_owned()
        })
        .await;
    bench.petition_with("plain", at(3), |it| it.body = "bao hiem y te o Da Nang".to_owned()).await;
    let of = |text: &str| PetitionQuery { text: Some(text.to_owned()), ..all() };
    for text in ["bảo hiểm", "BAO HIEM", "ba\u{309}o hie\u{302}\u{309}m", "hiểm, bảo!"] {
        assert_eq!(found(&bench, of(text)).await, ["nfc", "nfd", "plain"], "{text}");
    }
    assert_eq!(found(&bench, of("bảo hiểm xã hội")).await, ["nfd"], "every word must occur");
    assert_eq!(found(&bench, of("Đà Nẵng")).await, ["plain"]);
    assert!(found(&bench, of("bảo hiể")).await.is_empty(), "words, not beginnings of words");
    assert_eq!(found(&bench, of("\"bảo\" OR NEAR(hiểm* -y")).await.len(), 0, "operators are words");
    let limited = PetitionQuery { limit: 1, ..of("bảo hiểm") };
    assert_eq!(bench.store.petition_list(&limited).await.unwrap()[0].external_id, "nfc");
}

pub(crate) async fn the_words_of_the_answer_are_found_and_those_of_replaced_text_are_not(bench: Bench) {
    let mut petition = bench.petition_with("PA-1", at(1), |it| it.body = "trợ cấp thôi việc".to_owned()).await;
    let of = |text: &str| PetitionQuery { text: Some(text.to_owned()), ..all() };
    bench.command(&mut petition, accept()).await;
    bench.command(&mut petition, answer("Chi trả trong mười ngày.")).await;
    assert_eq!(found(&bench, of("mười ngày thôi việc")).await, ["PA-1"]);
    bench.command(&mut petition, answer("Chi trả trong hai tuần.")).await;
    assert!(found(&bench, of("mười")).await.is_empty());
    let content = Content { body: "trợ cấp thất nghiệp".to_owned(), ..petition.content.clone() };
    bench.command(&mut petition, Command::Amend { revision: 2, content: Box::new(content) }).await;
    assert!(found(&bench, of("thôi việc")).await.is_empty());
    assert_eq!(found(&bench, of("thất nghiệp hai tuần")).await, ["PA-1"]);
    let with_more =
        PetitionQuery { statuses: vec![Status::Answered], channels: vec![PORTAL.to_owned()], ..of("thất nghiệp") };
    assert_eq!(found(&bench, with_more).await, ["PA-1"]);
}
