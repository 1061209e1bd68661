//! The far sides: the sandboxes of both kinds, called in process, and a book of what reached them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
};

use axum::{Router, body::Body};
use bytes::Bytes;
use channel_sdk::{
    Adapter, Kind, Reply,
    adapter::Settings,
    sandbox::{FarSide, Mischief, SandboxPush, SandboxSettings},
};
use http::{HeaderMap, Method};
use jiff::Timestamp;
use tower::ServiceExt;

use crate::{
    plan::Plan,
    register::{Register, RegisterAdapter},
    world::Sabotage,
};

/// The ministry.
pub(crate) const AGENCY: &str = "000.00.00.G07";

/// The largest reply of a sandbox.
const REPLY_BYTES_MAX: usize = 16 << 20;

/// One far side.
pub(crate) struct Side {
    /// The channel's name.
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) far: Arc<dyn FarSide>,
    router: Router,
    /// Sabotage: each call comes to it under a key of its own.
    ignores_keys: bool,
    /// What it is, where it knows no keys.
    pub(crate) register: Option<Arc<Register>>,
    /// Every key that reached it, with what it answered each time.
    pub(crate) reached: Mutex<BTreeMap<String, Vec<u16>>>,
    /// The push that is under way.
    pub(crate) pushing: Mutex<Option<SandboxPush>>,
}

/// A request on its way.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) address: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn key(&self) -> Option<&str> {
        self.headers.get("idempotency-key").and_then(|value| value.to_str().ok())
    }
}

impl Side {
    /// Every far side of a run.
    pub(crate) fn all(plan: &Plan, began: Timestamp, sabotage: Sabotage) -> Vec<Arc<Side>> {
        let settings = |seed| SandboxSettings {
            seed,
            petitions: plan.petitions,
            agency: AGENCY.to_owned(),
            epoch: began,
            credentials: None,
            mischief: plan.mischief,
        };
        let portal = settings(plan.seed);
        let assembly = settings(plan.seed.wrapping_add(1));
        [
            Side::of("portal", &government_portal::KIND, portal_adapter(), portal),
            Side::of("assembly", &national_assembly::KIND, assembly_adapter(), assembly),
            Side::without_keys("register", true, &settings(plan.seed.wrapping_add(2))),
            Side::without_keys("letterbox", false, &settings(plan.seed.wrapping_add(3))),
        ]
        .map(|side| Arc::new(Side { ignores_keys: sabotage == Sabotage::IgnoresKeys, ..side }))
        .into()
    }

    fn of(name: &'static str, kind: &Kind, adapter: Arc<dyn Adapter>, settings: SandboxSettings) -> Side {
        Side::with(name, kind.name, adapter, (kind.sandbox)(settings))
    }

    fn with(name: &'static str, kind: &'static str, adapter: Arc<dyn Adapter>, far: Arc<dyn FarSide>) -> Side {
        let router = Arc::clone(&far).router();
        let (reached, pushing) = (Mutex::default(), Mutex::default());
        Side { name, kind, adapter, far, router, ignores_keys: false, register: None, reached, pushing }
    }

    /// One that knows no keys.
    fn without_keys(name: &'static str, can_be_asked: bool, settings: &SandboxSettings) -> Side {
        let register = Register::of(settings);
        let far = Arc::clone(&register) as Arc<dyn FarSide>;
        let side = Side::with(name, "register", Arc::new(RegisterAdapter { can_be_asked }), far);
        Side { register: Some(register), ..side }
    }

    /// Nothing goes wrong at it any more.
    pub(crate) fn recovers(&self) {
        self.far.misbehave(Mischief::default());
    }

    /// It is called.
    pub(crate) async fn answer(&self, call: Call) -> Reply {
        let key = call.key().map(str::to_owned);
        let mut request = http::Request::builder().method(call.method).uri(call.address);
        *request.headers_mut().expect("the address is one") = call.headers;
        if let Some(key) = key.as_ref().filter(|_| self.ignores_keys) {
            let times = self.reached.lock().unwrap().get(key).map_or(0, Vec::len);
            let another = format!("{key}.{times}").parse().expect("a key and a number stand in a header");
            request.headers_mut().expect("the address is one").insert("idempotency-key", another);
        }
        let request = request.body(Body::from(call.body)).expect("its parts are checked");
        let response = self.router.clone().oneshot(request).await.unwrap_or_else(|error| match error {});
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, REPLY_BYTES_MAX).await.expect("a sandbox's body is whole");
        if let Some(key) = key {
            self.reached.lock().unwrap().entry(key).or_default().push(parts.status.as_u16());
        }
        Reply { status: parts.status, headers: parts.headers, body }
    }
}

/// Adapters are pure, and reading their dialects takes longer than a run: each is made once.
pub(crate) fn portal_adapter() -> Arc<dyn Adapter> {
    static ADAPTER: OnceLock<Arc<dyn Adapter>> = OnceLock::new();
    let settings = "overlap_minutes = 1\npage_size = 3";
    Arc::clone(ADAPTER.get_or_init(|| adapter(&government_portal::KIND, settings)))
}

fn assembly_adapter() -> Arc<dyn Adapter> {
    static ADAPTER: OnceLock<Arc<dyn Adapter>> = OnceLock::new();
    Arc::clone(ADAPTER.get_or_init(|| adapter(&national_assembly::KIND, "reread_minutes = 1")))
}

fn adapter(kind: &Kind, settings: &str) -> Arc<dyn Adapter> {
    let settings = Settings {
        agency: AGENCY.to_owned(),
        table: toml::from_str(settings).expect("the settings are TOML"),
        dialect: kind.default_dialect.to_owned(),
    };
    (kind.build)(settings).unwrap_or_else(|faults| panic!("{faults:?}"))
}
