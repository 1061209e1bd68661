//! The operator: what is parked, nobody but a person can judge. This one asks the far side by telephone.

use std::time::Duration;

use petition_gateway::{
    decision::{Context, DecisionError},
    grpc::Parts,
    petition::{Command, DeliveryNote, ParkedOutcome},
    store::{Delivery, DeliveryQuery, DeliveryState, Settle, Settlement},
};
use tokio::time::sleep;
use uuid::Uuid;

use crate::world::{Life, World};

/// Looks after what is parked, as long as the gateway lives.
pub(crate) async fn work(world: &World, life: &Life, parts: &Parts) {
    loop {
        sleep(Duration::from_millis(world.draw("operator", 500..8_000))).await;
        let query = DeliveryQuery { state: Some(DeliveryState::Parked), limit: 100, ..DeliveryQuery::default() };
        let Ok(parked) = parts.store.delivery_list(&query).await else { continue };
        for delivery in parked {
            // What is still on its way may arrive after the telephone call.
            if world.mail.lock().unwrap().is_empty() {
                resolve(world, life, parts, delivery).await;
            }
        }
    }
}

async fn resolve(world: &World, life: &Life, parts: &Parts, delivery: Delivery) {
    let side = world.sides.iter().find(|side| side.name == delivery.channel).unwrap();
    let is_there = side.register.as_ref().is_some_and(|it| it.times_told(&delivery.id.0.to_string()) > 0);
    let outcome = if is_there { ParkedOutcome::Delivered } else { ParkedOutcome::SendAgain };
    let (name, reason) = (world.trace.name("delivery", delivery.id.0), "hỏi qua điện thoại".to_owned());
    world.tell("operator", &format!("resolves {name}: {}", outcome.as_str()));
    let settlement = Settlement::Resolve(outcome);
    let context = Context {
        actor: "operator".to_owned(),
        settle: Some(Settle { id: delivery.id, lease: Uuid::nil(), settlement }),
        ..Context::default()
    };
    life.step().await;
    let note = DeliveryNote::Resolved { outcome, reason };
    let command = Command::NoteDelivery { delivery: delivery.about(), note };
    let decided = parts.decisions.decide(delivery.petition, command, context).await;
    life.step().await;
    match decided {
        Ok(_) => {}
        // Tried again at the next look, if it is still parked then.
        Err(DecisionError::Store(_) | DecisionError::Contended | DecisionError::Unsettled) => {
            world.tell("operator", &format!("hears nothing of {name}"));
        }
        Err(error) => world.broken(format!("{name} cannot be resolved: {error}")),
    }
}
