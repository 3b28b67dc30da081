use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use anyhow::Result;
use futures_util::{StreamExt as _, stream::BoxStream};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, transport::Server};

use super::{
    CONNECTION_WINDOW, FRAME, LARGEST_MESSAGE, STREAM_WINDOW,
    proto::{
        BareBatch, BareMessage, BareReceipt, BareSubscribeRequest,
        bare_service_server::{BareService, BareServiceServer},
    },
};

/// Batches that wait for one subscriber before its publisher waits.
const WAITING: usize = 64;

/// Serves until the process is ended.
///
/// # Errors
/// The address is taken.
pub async fn serve(listen: SocketAddr) -> Result<()> {
    let service = BareServiceServer::new(Bare::default())
        .max_decoding_message_size(LARGEST_MESSAGE)
        .max_encoding_message_size(LARGEST_MESSAGE);
    Server::builder()
        .max_frame_size(FRAME)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .tcp_nodelay(true)
        .add_service(service)
        .serve(listen)
        .await?;
    Ok(())
}

type Listeners = Arc<Mutex<Vec<mpsc::Sender<Result<BareBatch, Status>>>>>;

#[derive(Default)]
struct Bare {
    topics: Mutex<HashMap<String, Listeners>>,
}

impl Bare {
    fn topic(&self, name: &str) -> Listeners {
        self.topics.lock().entry(name.to_owned()).or_default().clone()
    }
}

/// To everybody who listens; one that is gone is forgotten.
async fn pass_on(listeners: &Listeners, batch: BareBatch) -> u64 {
    let messages = batch.messages.len();
    let all = listeners.lock().clone();
    for listener in all {
        if listener.send(Ok(batch.clone())).await.is_err() {
            listeners.lock().retain(|listener| !listener.is_closed());
        }
    }
    messages as u64
}

#[tonic::async_trait]
impl BareService for Bare {
    type PublishStream = BoxStream<'static, Result<BareReceipt, Status>>;
    type SubscribeStream = ReceiverStream<Result<BareBatch, Status>>;

    async fn publish(
        &self,
        request: Request<Streaming<BareBatch>>,
    ) -> Result<Response<Self::PublishStream>, Status> {
        let mut batches = request.into_inner();
        let first = batches.message().await?.unwrap_or_default();
        let listeners = self.topic(&first.topic);
        let batches = futures_util::stream::once(async { Ok(first) }).chain(batches);
        let receipts = batches.then(move |batch| {
            let listeners = listeners.clone();
            async move { Ok(BareReceipt { messages: pass_on(&listeners, batch?).await }) }
        });
        Ok(Response::new(receipts.boxed()))
    }

    async fn subscribe(
        &self,
        request: Request<BareSubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let (sender, batches) = mpsc::channel(WAITING);
        self.topic(&request.into_inner().topic).lock().push(sender);
        Ok(Response::new(ReceiverStream::new(batches)))
    }

    async fn echo(&self, request: Request<BareMessage>) -> Result<Response<BareMessage>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}
