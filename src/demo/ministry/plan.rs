//! What the scripted ministry decides, from the petition and the seed alone: the same seed, the same year.
//!
//! Pure. A plan is a list of steps; asking the petitioner is a pause, after which the plan goes on.

use channel_sdk::{
    model::{Agency, ResolutionClass},
    sandbox::{people, texts},
};
use jiff::{ToSpan, civil::Date};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::words::{self, Unit};
use crate::pb::DeclineReason;

/// A petition as the ministry's rules look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The far side's id: the draws depend on it and on the seed.
    pub external_id: String,
    /// Whether it came through the National Assembly: then an answer owes a class and a letter.
    pub of_voters: bool,
    /// Code of its field.
    pub field: String,
    /// Khiếu nại, tố cáo, also one that only looks like feedback: never answered as feedback.
    pub is_complaint: bool,
    /// The agency that the portal thinks competent instead of us.
    pub belongs_to: Option<Agency>,
    /// Hạn xử lý.
    pub due_on: Option<Date>,
    /// Ngày gửi.
    pub sent_on: Date,
    /// Whether it may be published.
    pub publishable: bool,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Thụ lý.
    Accept,
    /// Phân công.
    Assign(&'static Unit),
    /// Bắt đầu xử lý.
    Start,
    /// Yêu cầu bổ sung; the plan rests until the petitioner has replied.
    Ask(&'static str),
    /// Gia hạn.
    Extend(Date),
    /// Trả lời, or a correction.
    Answer(Box<Reply>),
    /// Công khai.
    Publish,
    /// Kết thúc.
    Close,
    /// Chuyển cơ quan có thẩm quyền.
    Forward(Agency),
    /// Từ chối.
    Decline(DeclineReason, &'static str),
    /// Mở lại.
    Reopen,
}

/// An answer that is to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Nội dung.
    pub text: String,
    /// Số, ký hiệu, date, signer and position of the letter.
    pub letter: Option<(String, Date, String, &'static str)>,
    /// Kết quả giải quyết, with its term where it needs one.
    pub class: Option<(ResolutionClass, Option<Date>)>,
    /// Whether it may be published.
    pub publishable: bool,
    /// A document that goes with it.
    pub file: Option<ReplyFile>,
}

/// A document of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyFile {
    /// Its name.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// Everything that the ministry does with a petition, as long as nobody interferes.
pub fn first(seed: u64, case: &Case) -> Vec<Step> {
    let mut rng = draws(seed, case, "first");
    if let Some(agency) = &case.belongs_to {
        return vec![Step::Forward(agency.clone())];
    }
    if case.is_complaint {
        return complaint(&mut rng);
    }
    if case.field == words::OTHER_FIELD {
        return vec![Step::Forward(other_agency(&mut rng))];
    }
    match rng.random_range(0..100) {
        0..3 => return vec![refusal(&mut rng)],
        3..6 if case.of_voters => return vec![Step::Forward(other_agency(&mut rng))],
        _ => {}
    }
    let mut steps = opened(&mut rng, case);
    steps.extend(answered(&mut rng, case));
    steps
}

/// What the ministry does after a rating: nothing, or everything once more.
pub fn after_rating(seed: u64, case: &Case, score: i32) -> Vec<Step> {
    let mut rng = draws(seed, case, "again");
    // Most bad ratings are looked into; a good one needs no more than to be read.
    if score > 2 || rng.random_ratio(3, 10) {
        return Vec::new();
    }
    let mut reply = reply(&mut rng, case);
    reply.text = format!("{}\n\n{}", words::SORRY, reply.text);
    reply.class = reply.class.map(|_| (ResolutionClass::Explained, None));
    let mut steps = vec![Step::Reopen, Step::Accept, Step::Answer(Box::new(reply))];
    if rng.random_ratio(3, 4) {
        steps.push(Step::Close);
    }
    steps
}

/// How long the ministry looks at a petition before it decides, in thousandths of the longest time.
pub fn thought_per_mille(seed: u64, case: &Case) -> u32 {
    draws(seed, case, "thought").random_range(50..1000)
}

fn draws(seed: u64, case: &Case, what: &str) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(Sha256::digest(format!("ministry {seed} {} {what}", case.external_id)).into())
}

fn complaint(rng: &mut ChaCha8Rng) -> Vec<Step> {
    if rng.random_ratio(1, 2) {
        return vec![Step::Forward(other_agency(rng))];
    }
    vec![Step::Decline(DeclineReason::OtherProcedure, words::OTHER_PROCEDURE)]
}

fn refusal(rng: &mut ChaCha8Rng) -> Step {
    let (reason, why) = *words::REFUSALS.choose(rng).expect("the list has entries");
    Step::Decline(reason, why)
}

fn other_agency(rng: &mut ChaCha8Rng) -> Agency {
    let (code, name) = *words::OTHER_AGENCIES.choose(rng).expect("the list has entries");
    Agency { code: code.to_owned(), name: name.to_owned() }
}

/// From the receipt to the work on it.
fn opened(rng: &mut ChaCha8Rng, case: &Case) -> Vec<Step> {
    let mut steps = Vec::new();
    // The National Assembly's channel cannot carry a question to the voters.
    let asks = !case.of_voters && rng.random_ratio(7, 100);
    let asks_first = asks && rng.random_ratio(1, 3);
    let question = Step::Ask(words::QUESTIONS.choose(rng).expect("the list has entries"));
    if asks_first {
        steps.push(question.clone());
    }
    steps.extend([Step::Accept, Step::Assign(words::unit(&case.field))]);
    if rng.random_ratio(1, 30) {
        steps.push(Step::Assign(words::unit(words::OTHER_FIELD)));
    }
    if rng.random_ratio(4, 5) {
        steps.push(Step::Start);
    }
    if asks && !asks_first {
        steps.push(question);
    }
    if let Some(due_on) = case.due_on.filter(|_| rng.random_ratio(5, 100)) {
        steps.push(Step::Extend(due_on.saturating_add(15.days())));
    }
    steps
}

/// From the answer to the end.
fn answered(rng: &mut ChaCha8Rng, case: &Case) -> Vec<Step> {
    let reply = reply(rng, case);
    let publishes = reply.publishable && rng.random_ratio(2, 3);
    let corrects = rng.random_ratio(5, 100);
    let mut steps = vec![Step::Answer(Box::new(reply.clone()))];
    if publishes {
        steps.push(Step::Publish);
    }
    if corrects {
        steps.push(Step::Answer(Box::new(corrected(reply))));
        steps.extend(publishes.then_some(Step::Publish));
    }
    if rng.random_ratio(17, 20) {
        steps.push(Step::Close);
    }
    steps
}

/// A later version: its number put right, or the matter further on.
fn corrected(reply: Reply) -> Reply {
    let class = reply.class.map(|(class, term)| match class {
        ResolutionClass::InResolution | ResolutionClass::ToBeResolved => (ResolutionClass::Resolved, None),
        other => (other, term),
    });
    Reply { text: format!("{}\n\n{}", reply.text, words::CORRECTION), class, file: None, ..reply }
}

fn reply(rng: &mut ChaCha8Rng, case: &Case) -> Reply {
    let issued_on = case.sent_on.saturating_add(rng.random_range(3..18).days());
    let has_letter = case.of_voters || rng.random_ratio(1, 4);
    let letter = has_letter.then(|| {
        let number = format!("{}/LĐTBXH-{}", rng.random_range(100..6000), words::unit(&case.field).notation);
        (number, issued_on, people::citizen(rng).full_name, *words::POSITIONS.choose(rng).unwrap_or(&"Thứ trưởng"))
    });
    Reply {
        text: texts::answer(rng, &case.field),
        class: case.of_voters.then(|| class(rng, issued_on)),
        publishable: case.publishable,
        file: rng.random_ratio(1, 7).then(|| file(rng, letter.as_ref().map(|(number, ..)| number.as_str()))),
        letter,
    }
}

fn class(rng: &mut ChaCha8Rng, issued_on: Date) -> (ResolutionClass, Option<Date>) {
    match rng.random_range(0..100) {
        0..30 => (ResolutionClass::Resolved, None),
        30..50 => (ResolutionClass::InResolution, None),
        50..65 => (ResolutionClass::ToBeResolved, Some(issued_on.saturating_add(rng.random_range(60..400).days()))),
        _ => (ResolutionClass::Explained, None),
    }
}

fn file(rng: &mut ChaCha8Rng, number: Option<&str>) -> ReplyFile {
    let name = match number {
        Some(number) => format!("Văn bản {}.pdf", number.replace('/', "-")),
        None => "Phụ lục trả lời.pdf".to_owned(),
    };
    let mut content = b"%PDF-1.4\n% made up for the demonstration\n".to_vec();
    let end = content.len() + rng.random_range(2_000..60_000);
    content.resize_with(end, || rng.random());
    ReplyFile { name, content }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(number: usize) -> Case {
        Case {
            external_id: format!("PAKN-{number}"),
            of_voters: number.is_multiple_of(10),
            field: "BHTN".to_owned(),
            is_complaint: false,
            belongs_to: None,
            due_on: Some(jiff::civil::date(2019, 3, 1)),
            sent_on: jiff::civil::date(2019, 2, 1),
            publishable: true,
        }
    }

    fn plans() -> Vec<Vec<Step>> {
        (0..500).map(|number| first(7, &case(number))).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_decisions_and_another_seed_others() {
        assert_eq!(plans(), plans());
        assert_ne!(first(7, &case(1)), first(8, &case(1)));
    }

    #[test]
    fn a_year_has_every_kind_of_decision() {
        let plans = plans();
        let share = |wanted: fn(&Step) -> bool| plans.iter().filter(|plan| plan.iter().any(wanted)).count();
        assert!((5..40).contains(&share(|it| matches!(it, Step::Decline(..)))));
        assert!((15..60).contains(&share(|it| matches!(it, Step::Ask(_)))));
        assert!((10..50).contains(&share(|it| matches!(it, Step::Extend(_)))));
        assert!(share(|it| matches!(it, Step::Answer(_))) > 440);
        assert!(share(|it| matches!(it, Step::Publish)) > 250);
        let twice = |plan: &&Vec<Step>| plan.iter().filter(|it| matches!(it, Step::Answer(_))).count() == 2;
        assert!((10..50).contains(&plans.iter().filter(twice).count()));
    }

    #[test]
    fn answers_to_voters_have_a_class_a_letter_and_no_question_before_them() {
        for number in (0..500).step_by(10) {
            for step in first(7, &case(number)) {
                match step {
                    Step::Ask(_) => panic!("the channel cannot carry a question"),
                    Step::Answer(reply) => {
                        let (class, term) = reply.class.unwrap();
                        assert_eq!(class == ResolutionClass::ToBeResolved, term.is_some());
                        assert!(reply.letter.is_some());
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn what_is_not_ours_is_forwarded_and_a_complaint_is_never_answered() {
        let agency = Agency { code: "000.00.00.H41".to_owned(), name: "UBND".to_owned() };
        let elsewhere = Case { belongs_to: Some(agency.clone()), ..case(1) };
        assert_eq!(first(7, &elsewhere), [Step::Forward(agency)]);
        for number in 0..50 {
            let plan = first(7, &Case { is_complaint: true, ..case(number) });
            assert!(matches!(plan[..], [Step::Forward(_) | Step::Decline(..)]));
        }
    }

    #[test]
    fn only_a_bad_rating_opens_a_petition_again() {
        let again = |score| (0..50).filter(|&it| !after_rating(7, &case(it), score).is_empty()).count();
        assert_eq!(again(3), 0);
        assert!((20..50).contains(&again(1)));
    }
}
