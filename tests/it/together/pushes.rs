//! What a far side pushes, signed, to every gateway in turn; some of it to two of them at the same time.

use std::time::Duration;

use bytes::Bytes;
use channel_sdk::sandbox::SandboxPush;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{
    far_sides::End,
    places::{CALL_LIMIT, Places},
};
use crate::support::signed;

/// One push of so many goes to two gateways.
const MADE_TWICE: u32 = 6;

/// Pushes for ever whatever the far side wants to; what is not answered is wanted again.
pub(super) async fn push(end: End, places: Places, mut draw: ChaCha8Rng) {
    let client = reqwest::Client::builder().timeout(CALL_LIMIT).build().unwrap();
    let mut turn = 0;
    loop {
        let Some(push) = end.side.next_push() else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        turn += 1;
        let one = post(&client, &places, turn, &end, &push);
        let answer = if draw.random_ratio(1, MADE_TWICE) {
            let (one, other) = tokio::join!(one, post(&client, &places, turn + 1, &end, &push));
            one.or(other)
        } else {
            one.await
        };
        let taken = answer.as_ref().is_some_and(|(status, _)| *status == 200);
        end.side.pushed(&push, answer);
        tokio::time::sleep(Duration::from_millis(if taken { 5 } else { 200 })).await;
    }
}

async fn post(
    client: &reqwest::Client,
    places: &Places,
    turn: usize,
    end: &End,
    push: &SandboxPush,
) -> Option<(u16, Bytes)> {
    let address = format!("http://{}/channels/{}{}", places.of_turn(turn).http, end.channel, push.path);
    let request = client.request(push.method.clone(), address).header("content-type", &push.content_type);
    let answer = signed(request, push.body.to_vec()).send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.bytes().await.ok()?))
}
