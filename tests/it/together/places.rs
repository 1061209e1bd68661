//! Where the gateways are, as a load balancer in front of them knows.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint, Uri};

/// How long a call may go unanswered: a gateway that is halted never answers, and the next one should be asked.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(3);
/// How long a connection may be silent before it is asked for a sign of life, and then until it is given up.
const SILENCE: Duration = Duration::from_secs(1);

/// The places, each with whichever gateway is there now. Clones look at the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(Arc<Mutex<Vec<Place>>>);

/// Where one gateway listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
}

impl Places {
    /// Says which gateway is in a place now; one more place if there is none of this number.
    pub(crate) fn put(&self, at: usize, place: Place) {
        let mut places = self.0.lock().unwrap();
        match places.get_mut(at) {
            Some(taken) => *taken = place,
            None => places.push(place),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The place of a turn: one after the other.
    pub(crate) fn of_turn(&self, turn: usize) -> Place {
        let places = self.0.lock().unwrap();
        places[turn % places.len()]
    }

    /// A connection to a place, made when it is needed, and made anew when it broke, to whoever is there then.
    pub(crate) fn connection(&self, at: usize) -> Channel {
        let places = self.clone();
        let dial = tower::service_fn(move |_: Uri| {
            let address = places.of_turn(at).grpc;
            async move { TcpStream::connect(address).await.map(TokioIo::new) }
        });
        Endpoint::from_static("http://gateway")
            .timeout(CALL_LIMIT)
            .http2_keep_alive_interval(SILENCE)
            .keep_alive_timeout(SILENCE)
            .keep_alive_while_idle(true)
            .connect_with_connector_lazy(dial)
    }

    /// One connection to each place.
    pub(crate) fn connections(&self) -> Vec<Channel> {
        (0..self.count()).map(|at| self.connection(at)).collect()
    }
}
