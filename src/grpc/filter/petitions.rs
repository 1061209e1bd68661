//! The filter and the order of a list of petitions.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::{Known, Operator, Value, read};
use crate::{
    grpc::error::CallError,
    petition::moves::{ENDED, OPEN},
    store::{PetitionQuery, Sort},
};

const KEYS: &[&str] = &["status", "open", "kind", "field", "channel", "external_id", "agency", "locality", "overdue"];
const RANGES: &[&str] = &["receive_time", "due_date"];

/// The store keeps instants to the microsecond; the next one after an instant.
const TICK: SignedDuration = SignedDuration::from_micros(1);

/// Reads the filter of a list of petitions into `query`; `today` in Vietnam judges what is overdue.
pub(in crate::grpc) fn petitions(text: &str, today: Date, query: &mut PetitionQuery) -> Result<(), CallError> {
    let conditions = read(text, KEYS, RANGES)?;
    if conditions.iter().any(|it| it.key == "status") && conditions.iter().any(|it| it.key == "open") {
        return Err(CallError::InvalidFilter("`open` and `status` exclude each other".to_owned()));
    }
    for condition in &conditions {
        match condition.key {
            "status" => query.statuses = condition.names()?,
            "open" => query.statuses = if condition.truth()? { OPEN } else { ENDED }.to_vec(),
            "kind" => query.kinds = condition.names()?,
            "field" => query.fields = condition.texts(),
            "channel" => {
                let texts = condition.texts().into_iter();
                query.channels = texts.map(|it| it.strip_prefix("channels/").unwrap_or(&it).to_owned()).collect();
            }
            "external_id" => query.external_id = Some(condition.one()?.text.clone()),
            "agency" => query.agencies = condition.texts(),
            "locality" => query.localities = condition.texts(),
            "overdue" => query.overdue = Some((condition.truth()?, today)),
            "receive_time" => receive_time(condition, query)?,
            _ => due_date(condition, query)?,
        }
    }
    Ok(())
}

/// The order of a list.
pub(in crate::grpc) fn order(text: &str) -> Result<Sort, CallError> {
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [] | ["receive_time", "desc"] => Ok(Sort::ReceivedNewest),
        ["receive_time"] | ["receive_time", "asc"] => Ok(Sort::ReceivedOldest),
        ["due_date"] | ["due_date", "asc"] => Ok(Sort::DueSoonest),
        _ => {
            let mut checks = crate::grpc::convert::checks::Checks::default();
            checks.format("order_by", "must be `receive_time desc`, `receive_time` or `due_date`");
            checks.done().map(|()| Sort::ReceivedNewest)
        }
    }
}

fn receive_time(condition: &Known<'_>, query: &mut PetitionQuery) -> Result<(), CallError> {
    within(condition, &mut query.received_from, &mut query.received_before)
}

/// Narrows a span of time by a condition.
pub(super) fn within(
    condition: &Known<'_>,
    from_now: &mut Option<Timestamp>,
    before_now: &mut Option<Timestamp>,
) -> Result<(), CallError> {
    let (start, end) = instants(condition.one()?)?;
    let (from, before) = match condition.operator {
        Operator::Equal => (Some(start), Some(end)),
        Operator::GreaterOrEqual => (Some(start), None),
        Operator::Greater => (Some(end), None),
        Operator::Less => (None, Some(start)),
        Operator::LessOrEqual => (None, Some(end)),
    };
    *from_now = (*from_now).max(from);
    *before_now = sooner(*before_now, before);
    Ok(())
}

fn due_date(condition: &Known<'_>, query: &mut PetitionQuery) -> Result<(), CallError> {
    let day = day(condition.one()?)?;
    let (from, until) = match condition.operator {
        Operator::Equal => (Some(day), Some(day)),
        Operator::GreaterOrEqual => (Some(day), None),
        Operator::Greater => (Some(day.tomorrow().unwrap_or(day)), None),
        Operator::LessOrEqual => (None, Some(day)),
        Operator::Less => (None, Some(day.yesterday().unwrap_or(day))),
    };
    query.due_from = query.due_from.max(from);
    query.due_until = sooner(query.due_until, until);
    Ok(())
}

fn sooner<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// What a value of time stands for: from the first instant to before the second. A day is the whole day in Vietnam.
fn instants(value: &Value) -> Result<(Timestamp, Timestamp), CallError> {
    if let Ok(at) = value.text.parse::<Timestamp>() {
        return Ok((at, at.saturating_add(TICK).unwrap_or(at)));
    }
    let day = day(value).map_err(|_| value.refuse("must be a day such as 2019-12-06 or an instant of RFC 3339"))?;
    Ok((start_of(day), start_of(day.tomorrow().unwrap_or(day))))
}

fn start_of(day: Date) -> Timestamp {
    let vietnam = TimeZone::fixed(jiff::tz::offset(7));
    day.to_zoned(vietnam).map_or(Timestamp::MAX, |start| start.timestamp())
}

fn day(value: &Value) -> Result<Date, CallError> {
    // Exactly `YYYY-MM-DD`: the parser alone would take a day out of a longer text.
    let is_day = value.text.len() == 10 && value.text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let parsed = if is_day { value.text.parse().ok() } else { None };
    parsed.ok_or_else(|| value.refuse("must be a day such as 2019-12-06"))
}

#[cfg(test)]
mod tests {
    use channel_sdk::model::PetitionKind;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::petition::Status;

    const TODAY: Date = date(2019, 12, 20);

    fn query(filter: &str) -> PetitionQuery {
        let mut query = PetitionQuery::default();
        petitions(filter, TODAY, &mut query).unwrap();
        query
    }

    fn refusal(filter: &str) -> String {
        petitions(filter, TODAY, &mut PetitionQuery::default()).unwrap_err().to_string()
    }

    #[test]
    fn the_example_of_the_contract_is_understood() {
        let query =
            query("status = accepted,in_progress AND field = BHTN AND receive_time >= 2019-12-01 AND overdue = true");
        assert_eq!(query.statuses, [Status::Accepted, Status::InProgress]);
        assert_eq!(query.fields, ["BHTN"]);
        assert_eq!(query.received_from.unwrap().to_string(), "2019-11-30T17:00:00Z");
        assert_eq!(query.overdue, Some((true, TODAY)));
    }

    #[test]
    fn every_key_reaches_the_query() {
        let query = query(
            "kind = POLICY_QUESTION AND channel = channels/portal,quochoi AND external_id = \"PA 7\" AND \
             agency = H41.02 AND locality = 01 AND open = false AND due_date > 2019-12-06 AND due_date < 2019-12-31",
        );
        assert_eq!(query.kinds, [PetitionKind::PolicyQuestion]);
        assert_eq!(query.channels, ["portal", "quochoi"]);
        assert_eq!(query.external_id.as_deref(), Some("PA 7"));
        assert_eq!((query.agencies, query.localities), (vec!["H41.02".to_owned()], vec!["01".to_owned()]));
        assert_eq!(query.statuses, ENDED);
        assert_eq!(query.due_from.zip(query.due_until), Some((date(2019, 12, 7), date(2019, 12, 30))));
    }

    #[test]
    fn a_day_is_the_whole_day_in_vietnam() {
        let bounds = |filter: &str| {
            let query = query(filter);
            let text = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
            (text(query.received_from), text(query.received_before))
        };
        let (start, end) = ("2019-12-05T17:00:00Z".to_owned(), "2019-12-06T17:00:00Z".to_owned());
        let none = String::new();
        assert_eq!(bounds("receive_time = 2019-12-06"), (start.clone(), end.clone()));
        assert_eq!(bounds("receive_time < 2019-12-06"), (none.clone(), start.clone()));
        assert_eq!(bounds("receive_time <= 2019-12-06"), (none.clone(), end.clone()));
        assert_eq!(bounds("receive_time > 2019-12-06"), (end, none.clone()));
        assert_eq!(bounds("receive_time >= 2019-12-06"), (start, none));
    }

    #[test]
    fn two_bounds_of_the_same_side_leave_the_narrower() {
        let query = query("receive_time >= 2019-12-06 AND receive_time >= 2019-12-08T00:00:00+07:00");
        assert_eq!(query.received_from.unwrap().to_string(), "2019-12-07T17:00:00Z");
    }

    #[test]
    fn what_is_not_right_is_refused_with_its_place() {
        assert!(refusal("status = answered,lost").contains("at character 19: must be one of received"));
        assert!(refusal("due_date = 2019-13-01").contains("at character 12: must be a day"));
        assert!(refusal("due_date = 2019-12-01T00:00:00Z").contains("must be a day"));
        assert!(refusal("receive_time = soon").contains("at character 16"));
        assert!(refusal("overdue = maybe").contains("true or false"));
        assert!(refusal("status < answered").contains("at character 8: `status` takes `=` only"));
        assert!(refusal("open = true AND status = closed").contains("exclude"));
        assert!(refusal("external_id = a,b").contains("at character 17"));
    }

    #[test]
    fn the_orders_of_the_contract_are_known_and_others_refused() {
        assert_eq!(order("").unwrap(), Sort::ReceivedNewest);
        assert_eq!(order("receive_time desc").unwrap(), Sort::ReceivedNewest);
        assert_eq!(order(" receive_time ").unwrap(), Sort::ReceivedOldest);
        assert_eq!(order("due_date").unwrap(), Sort::DueSoonest);
        assert!(order("due_date desc").is_err() && order("subject").is_err());
    }

    proptest! {
        #[test]
        fn any_selection_of_statuses_is_understood(statuses in prop::sample::subsequence(Status::ALL, 1..=Status::ALL.len())) {
            let list = statuses.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(",");
            prop_assert_eq!(query(&format!("status = {list}")).statuses, statuses);
        }

        #[test]
        fn no_text_makes_the_filter_fall_over(text in "[a-z_]{0,12} ?[=<>!]{0,2} ?\\PC{0,30}") {
            if let Err(refusal) = petitions(&text, TODAY, &mut PetitionQuery::default()) {
                prop_assert!(matches!(refusal, CallError::InvalidFilter(_)));
            }
        }
    }
}
