//! What an operator says at one gateway holds at all, and all tell the same.

use std::{sync::Arc, time::Duration};

use channel_sdk::sandbox::{FarSide, Mischief};
use serde_json::Value;

use super::{far_sides::FarSides, fleet::Fleet};
use crate::support::{TestStore, eventually};

/// Two gateways and a portal that is pulled only when somebody asks for it. Pushes stay with the portal.
struct Office {
    fleet: Fleet,
    portal: Arc<dyn FarSide>,
    /// The gateway that does not look after the portal.
    other: usize,
}

impl Office {
    async fn open() -> Office {
        let far_sides = FarSides::open(60, 0, Mischief::default()).await;
        let fleet = Fleet::start(2, TestStore::shared(), &far_sides.config.replace("300ms", "1h"));
        let holder = eventually("somebody looks after the portal", || async { fleet.holder("portal") }).await;
        let portal = Arc::clone(&far_sides.ends[0].side);
        let office = Office { fleet, portal, other: 1 - holder };
        eventually("the portal was pulled at the start", || async {
            office.channel(office.other)["last_scan_time"].is_string().then_some(())
        })
        .await;
        office
    }

    /// A command at the gateway that does not look after the portal.
    fn say(&self, line: &str, more: &[&str]) -> Value {
        self.fleet.of(self.other).json(line, more).record()
    }

    /// The portal's channel as a gateway shows it.
    fn channel(&self, at: usize) -> Value {
        self.fleet.of(at).json("channel show portal", &[]).record()
    }

    /// Both gateways show the same, and it is as wanted.
    async fn both_show(&self, what: &str, is_wanted: impl Fn(&Value) -> bool) {
        eventually(what, || async {
            let shown = [self.channel(0), self.channel(1)];
            (shown[0] == shown[1] && is_wanted(&shown[0])).then_some(())
        })
        .await;
    }

    /// How many petitions were pulled.
    fn pulled(&self) -> usize {
        self.portal.accounts().iter().filter(|it| it.handed_out).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_pulled_by_its_holder_whoever_is_asked_to() {
    let office = Office::open().await;
    let before = office.pulled();
    office.portal.release(10);
    office.say("channel sync portal", &[]);
    eventually("the portal is pulled", || async { (office.pulled() > before).then_some(()) }).await;
    assert_eq!(office.fleet.holder("portal"), Some(1 - office.other), "it is the holder's all the time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_paused_at_one_gateway_rests_at_all_and_goes_on_at_once() {
    let office = Office::open().await;
    let paused = office.say("channel pause portal --reason", &["bảo trì phía đối tác"]);
    assert_eq!(paused["state"], "paused");
    office.both_show("both say that it is paused", |it| it["state"] == "paused").await;
    assert_eq!(office.fleet.of(1 - office.other).json("channel sync portal", &[]).code, 1, "it is paused");
    let before = office.pulled();
    office.portal.release(10);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(office.pulled(), before);

    assert_eq!(office.say("channel resume portal", &[])["state"], "active");
    eventually("it is pulled without waiting for the interval", || async { (office.pulled() > before).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_gateways_tell_the_same_health_of_a_channel() {
    let office = Office::open().await;
    office.both_show("all is well", |it| it["last_fault"] == "").await;
    office.portal.misbehave(Mischief { server_error_per_mille: 1000, ..Mischief::default() });
    office.say("channel sync portal", &[]);
    office.both_show("both tell the failure", |it| it["last_fault"] != "").await;
    office.portal.misbehave(Mischief::default());
    office.say("channel sync portal", &[]);
    office.both_show("both tell that it is over", |it| it["last_fault"] == "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_gateway_lists_all_and_itself_first() {
    let office = Office::open().await;
    let listed = |at: usize| {
        let mut gateways = office.fleet.of(at).json("gateway list", &[]).records();
        assert_eq!(gateways.iter().map(|it| it["self"] == true).collect::<Vec<_>>(), [true, false]);
        assert_eq!(gateways[0]["channels"].as_array().unwrap().is_empty(), at == office.other, "{gateways:?}");
        gateways.iter_mut().for_each(|it| it["self"] = Value::Null);
        gateways
    };
    let (mut one, other) = (listed(0), listed(1));
    one.reverse();
    assert_eq!(one, other);
}
