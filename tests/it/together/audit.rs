//! The audit: the store through gRPC, the far sides, the ministry's books, the watchers' and the petitioners' are compared.

use std::collections::BTreeMap;

use petition_gateway::{
    demo::{
        audit::{self, Evidence},
        collect,
        expectation::Happening,
        operator::Operator,
    },
    pb,
};

use super::{load::Load, petitioners::Acknowledged};

/// Compares everything; the number of the last event if all agree.
pub(super) async fn audit(load: &Load) -> Result<u64, Vec<String>> {
    let far_sides = load.ends.iter().map(|end| end.said()).collect();
    let operator = Operator::new(load.places.connection(0));
    let evidence =
        collect::evidence(&operator, far_sides, &load.books).await.map_err(|error| vec![format!("{error:?}")])?;
    let mut wrong: Vec<String> = audit::audit(&evidence).iter().map(|it| format!("{it:?}")).collect();
    acknowledged(&evidence, &load.told.all(), &mut wrong);
    for walker in &load.walkers {
        let watched = &walker.open().watched;
        if *watched != evidence.watched {
            wrong.push(format!(
                "a watcher who went from gateway to gateway: {watched:?}, the ministry: {:?}",
                evidence.watched
            ));
        }
    }
    counts(load, &evidence, &mut wrong).await;
    if wrong.is_empty() { Ok(evidence.watched.last_seq) } else { Err(wrong) }
}

/// Every acknowledged submission is one petition, under the name and with the event that were told, and no other is there.
fn acknowledged(evidence: &Evidence, told: &Acknowledged, wrong: &mut Vec<String>) {
    let mut kept: BTreeMap<&str, Vec<(String, i64)>> = BTreeMap::new();
    let mut provided = Vec::new();
    for petition in evidence.petitions.iter().filter(|it| it.channel == "direct") {
        let name = format!("petitions/{}", petition.id);
        let seq_of = |wanted: Happening| petition.events.iter().filter(move |it| it.1 == wanted).map(|it| it.0 as i64);
        let received = seq_of(Happening::Received).next().unwrap_or_default();
        kept.entry(&petition.external_id).or_default().push((name.clone(), received));
        provided.extend(seq_of(Happening::InformationProvided).map(|seq| (name.clone(), seq)));
    }
    for (external_id, found) in &kept {
        let told = told.submitted.get(*external_id).into_iter().cloned().collect::<Vec<_>>();
        if told != *found {
            wrong.push(format!("{external_id}: acknowledged {told:?}, found {found:?}"));
        }
    }
    let lost = told.submitted.keys().filter(|it| !kept.contains_key(it.as_str()));
    wrong.extend(lost.map(|external_id| format!("{external_id}: acknowledged and lost")));
    let mut replies = told.provided.clone();
    replies.sort();
    provided.sort();
    if replies != provided {
        wrong.push(format!("replies: acknowledged {replies:?}, found {provided:?}"));
    }
}

/// Every gateway counts what is listed.
async fn counts(load: &Load, evidence: &Evidence, wrong: &mut Vec<String>) {
    let mut listed: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    let mut count = |channel: &str, at: usize| listed.entry(format!("channels/{channel}")).or_default()[at] += 1;
    evidence.petitions.iter().for_each(|it| count(&it.channel, 0));
    evidence.quarantine.iter().for_each(|it| count(&it.channel, 1));
    evidence
        .undelivered
        .iter()
        .for_each(|it| count(&it.channel, 2 + usize::from(it.state == audit::Waiting::DeadLetter)));
    for at in 0..load.places.count() {
        let mut operator = Operator::new(load.places.connection(at));
        match operator.look().await {
            Ok(channels) => {
                let counted: BTreeMap<String, [usize; 4]> = channels.iter().map(counted).collect();
                if counted != listed {
                    wrong.push(format!("gateway {at} counts {counted:?}, listed are {listed:?}"));
                }
            }
            Err(error) => wrong.push(format!("gateway {at}: {error:?}")),
        }
    }
}

fn counted(channel: &pb::Channel) -> (String, [usize; 4]) {
    let counts =
        [channel.petition_count, channel.quarantined_count, channel.pending_delivery_count, channel.dead_letter_count];
    (channel.name.clone(), counts.map(|count| usize::try_from(count).unwrap()))
}
