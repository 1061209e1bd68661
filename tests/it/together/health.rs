//! What the gateways say of themselves, to load balancers and probes.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::places::Places;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until every gateway says over gRPC and HTTP whether it serves; gives how long that took.
pub(super) async fn until_all_say(places: &Places, serving: bool, patience: Duration) -> Duration {
    let begun = Instant::now();
    let all = (0..places.count()).map(|at| until_says(places, at, serving));
    let in_time = tokio::time::timeout(patience, join_all(all)).await;
    assert!(in_time.is_ok(), "after {patience:?} not all gateways say that they serve: {serving}");
    begun.elapsed()
}

async fn until_says(places: &Places, at: usize, serving: bool) {
    let mut health = HealthClient::new(places.connection(at));
    let http = reqwest::Client::new();
    loop {
        let over_grpc = health.check(HealthCheckRequest::default()).await.map(|it| it.into_inner().status());
        let over_http = http.get(format!("http://{}/readyz", places.of_turn(at).http)).send().await;
        // A gateway that does not answer has said nothing.
        if let (Ok(over_grpc), Ok(over_http)) = (over_grpc, over_http)
            && (over_grpc == ServingStatus::Serving) == serving
            && over_http.status().is_success() == serving
        {
            return;
        }
        sleep(PAUSE).await;
    }
}
