//! The reference of S1: a tonic service that answers a petition with itself.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use petition_gateway::pb;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    body::Body,
    server::{Grpc, NamedService, UnaryService},
    transport::Server,
};
use tonic_prost::ProstCodec;
use tower::Service;

/// Where it is called.
pub(crate) const PATH: &str = "/bench.Echo/Echo";

#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl UnaryService<pb::SubmitPetitionRequest> for Echo {
    type Response = pb::SubmitPetitionRequest;
    type Future = BoxFuture<'static, Result<tonic::Response<pb::SubmitPetitionRequest>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<pb::SubmitPetitionRequest>) -> Self::Future {
        async move { Ok(tonic::Response::new(request.into_inner())) }.boxed()
    }
}

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let codec = ProstCodec::<pb::SubmitPetitionRequest, pb::SubmitPetitionRequest>::default();
        async move { Ok(Grpc::new(codec).unary(Echo, request).await) }.boxed()
    }
}

pub(super) async fn run() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    Server::builder().add_service(Echo).serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
}
