//! The far sides push: what is not acknowledged comes again, and what was acknowledged must be there.

use std::{sync::Arc, time::Duration};

use channel_sdk::{
    adapter::{Entrance, PushReply, RawMessage},
    sandbox::SandboxPush,
};
use petition_gateway::{grpc::Parts, inbound::listen::PushTaker};
use tokio::time::sleep;

use crate::{
    far::Side,
    world::{Life, World},
};

/// Between two petitions that a far side lets exist, in milliseconds.
const RELEASE_MS: std::ops::Range<u64> = 200..4_000;

/// Lets petitions come into being, one now and one then.
pub(crate) async fn release(world: &World) {
    for side in &world.sides {
        side.far.release(1);
    }
    while world.sides.iter().any(|side| side.far.unreleased() > 0) {
        sleep(Duration::from_millis(world.draw("release", RELEASE_MS))).await;
        for side in &world.sides {
            side.far.release(1);
        }
    }
    std::future::pending::<()>().await;
}

/// Pushes what one far side wants to push, as long as the gateway lives.
pub(crate) async fn push(world: &World, life: &Life, side: &Arc<Side>, parts: &Parts) {
    // What was under way when the last gateway died was never answered.
    if let Some(push) = side.pushing.lock().unwrap().take() {
        side.far.pushed(&push, None);
    }
    loop {
        sleep(Duration::from_millis(world.draw("push", 100..2_000))).await;
        let Some(push) = side.far.next_push() else { continue };
        *side.pushing.lock().unwrap() = Some(push.clone());
        let answer = post(world, life, side, parts, &push).await;
        side.pushing.lock().unwrap().take();
        let shown = answer.as_ref().map_or("no answer".to_owned(), |it| it.status.as_u16().to_string());
        world.tell(side.name, &format!("pushes {}: {shown}", push.path));
        side.far.pushed(&push, answer.map(|it| (it.status.as_u16(), it.body)));
        acknowledged(world, side);
    }
}

/// One push on its way; `None` when no answer came back.
async fn post(world: &World, life: &Life, side: &Side, parts: &Parts, push: &SandboxPush) -> Option<PushReply> {
    let network = &world.plan.network;
    if world.happens("push is lost", network.push_lost) {
        return None;
    }
    let raw = RawMessage {
        entrance: Entrance::Push,
        route: format!("{} {}", push.method, push.path),
        content_type: push.content_type.clone(),
        received_at: parts.clock.now(),
        body: push.body.clone(),
    };
    life.step().await;
    let take = || parts.inbound.take(side.name, raw.clone());
    let answer = if world.happens("push is doubled", network.push_doubled) {
        world.tell("network", &format!("a push of {} comes twice", side.name));
        let late = Duration::from_millis(world.draw("second push", 0..300));
        let again = async {
            sleep(late).await;
            take().await
        };
        futures::join!(take(), again).0
    } else {
        take().await
    };
    life.step().await;
    if world.happens("push is unheard", network.push_lost) { None } else { Some(answer) }
}

/// Whatever a far side was told is recorded must be there, under the id that it was told.
pub(crate) fn acknowledged(world: &World, side: &Side) {
    for account in side.far.accounts() {
        let Some(told) = account.petition_id else { continue };
        let key = (side.name.to_owned(), account.external_id);
        let known = world.model.lock().unwrap().by_external_id.get(&key).map(ToString::to_string);
        world.check(known.as_ref() == Some(&told), || {
            format!("{} was told that {} is recorded, and it is not, or as another", side.name, key.1)
        });
    }
}
