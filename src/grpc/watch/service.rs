//! `PetitionService` with its watch served beside the generated code, which would have each message encoded anew for
//! each watcher: here they are handed over as bytes.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes};
use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use tonic::{
    Status,
    body::Body,
    codec::{Codec, CompressionEncoding, EnabledCompressionEncodings, EncodeBuf, Encoder},
    server::{Grpc, NamedService, ServerStreamingService},
};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::{
    grpc::{entrance::BoxStream, petitions::Petitions},
    pb::{self, petition_service_server::PetitionServiceServer},
};

/// The method that is served here.
const WATCH: &str = "/petition.gateway.v1.PetitionService/WatchPetitions";

/// The service.
#[derive(Clone)]
pub(in crate::grpc) struct Watched {
    petitions: Petitions,
    others: PetitionServiceServer<Petitions>,
    message_bytes_max: usize,
}

impl Watched {
    /// The whole of `PetitionService`.
    pub(in crate::grpc) fn new(petitions: Petitions, message_bytes_max: usize) -> Watched {
        let others = PetitionServiceServer::new(petitions.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(message_bytes_max)
            .max_encoding_message_size(message_bytes_max);
        Watched { petitions, others, message_bytes_max }
    }
}

impl NamedService for Watched {
    const NAME: &'static str = <PetitionServiceServer<Petitions> as NamedService>::NAME;
}

impl Service<Request<Body>> for Watched {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path() != WATCH {
            return self.others.call(request);
        }
        let (watch, size) = (Watch(self.petitions.clone()), Some(self.message_bytes_max));
        let mut gzip = EnabledCompressionEncodings::default();
        gzip.enable(CompressionEncoding::Gzip);
        async move {
            let mut grpc = Grpc::new(Rendered::default())
                .apply_compression_config(gzip, EnabledCompressionEncodings::default())
                .apply_max_message_size_config(size, size);
            Ok(grpc.server_streaming(watch, request).await)
        }
        .boxed()
    }
}

struct Watch(Petitions);

impl ServerStreamingService<pb::WatchPetitionsRequest> for Watch {
    type Response = Bytes;
    type ResponseStream = BoxStream<Bytes>;
    type Future = BoxFuture<'static, Result<tonic::Response<BoxStream<Bytes>>, Status>>;

    fn call(&mut self, request: tonic::Request<pb::WatchPetitionsRequest>) -> Self::Future {
        let petitions = self.0.clone();
        async move { petitions.watch(request).await }.boxed()
    }
}

/// Messages that are encoded already.
#[derive(Default)]
struct Rendered(ProstCodec<(), pb::WatchPetitionsRequest>);

impl Codec for Rendered {
    type Encode = Bytes;
    type Decode = pb::WatchPetitionsRequest;
    type Encoder = Rendered;
    type Decoder = <ProstCodec<(), pb::WatchPetitionsRequest> as Codec>::Decoder;

    fn encoder(&mut self) -> Rendered {
        Rendered::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        self.0.decoder()
    }
}

impl Encoder for Rendered {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}
