//! Requests of clients, none of which is lost: each is taken, and each is answered, if only with a refusal in words.
//!
//! r2r takes one request of each service for every spin, into a stream of ten that loses what comes when it is full, and DDS
//! keeps as many as the quality of service says. So the reader is deep, the spin thread empties the streams after every
//! spin ([`Reception::take`]) into a queue of ours, and what finds that queue full is refused at once. Answers leave through
//! [`Answers`](super::answers::Answers), which does not overrun the clients.

use super::answers::Outbox;
use crate::ros::report::log::Limiter;
use futures::{FutureExt, Stream, StreamExt};
use r2r::{QosProfile, WrappedServiceTypeSupport};
use std::mem;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// So many requests of one service wait in DDS between two spins. The default of ROS is ten, of which a burst of clients
/// loses all but the newest ones before anybody sees them.
const DEPTH: usize = 1000;

/// So many requests of one service wait for whoever answers them, which takes microseconds.
const CAPACITY: usize = 1000;

/// Why a request is refused that nobody has answered.
const LEFT: &str = "the node ends";

/// How a service says no: its answer to this request, with the reason.
pub type Refusal<S> =
    fn(&<S as WrappedServiceTypeSupport>::Request, &str) -> <S as WrappedServiceTypeSupport>::Response;

/// A service whose requests and answers go from one thread to another.
pub trait Service: WrappedServiceTypeSupport<Request: Send, Response: Send> + 'static {}

impl<S: WrappedServiceTypeSupport<Request: Send, Response: Send> + 'static> Service for S {}

/// Where the requests of all services of one node come in. The spin thread owns it.
pub struct Reception {
    services: Vec<Box<dyn Intake + Send>>,
    outbox: Outbox,
    limiter: Limiter,
}

/// What one service has taken.
trait Intake {
    fn take(&mut self, limiter: &mut Limiter);
}

struct Taken<S: Service> {
    name: &'static str,
    stream: Box<dyn Stream<Item = r2r::ServiceRequest<S>> + Unpin + Send>,
    queue: Sender<Request<S>>,
    outbox: Outbox,
    refusal: Refusal<S>,
}

impl Reception {
    /// Without services yet; answers leave through `outbox`.
    pub fn new(outbox: Outbox) -> Self {
        Self { services: Vec::new(), outbox, limiter: Limiter::default() }
    }

    /// Offers a service. `refusal` is the answer to requests that come while too many wait, and to those that are dropped
    /// without any.
    ///
    /// # Errors
    /// When DDS refuses it.
    pub fn offer<S: Service>(
        &mut self,
        node: &mut r2r::Node,
        name: &'static str,
        refusal: Refusal<S>,
    ) -> r2r::Result<Requests<S>> {
        self.offer_for(node, name, CAPACITY, refusal)
    }

    /// Offers a service whose answers have no words: its refusal is the empty answer.
    ///
    /// # Errors
    /// When DDS refuses it.
    pub fn offer_wordless<S: Service>(&mut self, node: &mut r2r::Node, name: &'static str) -> r2r::Result<Requests<S>> {
        self.offer(node, name, |_, _| S::Response::default())
    }

    fn offer_for<S: Service>(
        &mut self,
        node: &mut r2r::Node,
        name: &'static str,
        capacity: usize,
        refusal: Refusal<S>,
    ) -> r2r::Result<Requests<S>> {
        let stream = Box::new(node.create_service::<S>(name, QosProfile::services_default().keep_last(DEPTH))?);
        let (queue, requests) = channel(capacity);
        let outbox = self.outbox.of(self.services.len());
        self.services.push(Box::new(Taken { name, stream, queue, outbox, refusal }));
        Ok(Requests(requests))
    }

    /// Takes what the last spin has brought. It waits for nothing and answers nobody itself.
    pub fn take(&mut self) {
        for service in &mut self.services {
            service.take(&mut self.limiter);
        }
    }
}

impl<S: Service> Intake for Taken<S> {
    fn take(&mut self, limiter: &mut Limiter) {
        while let Some(Some(inner)) = self.stream.next().now_or_never() {
            tracing::debug!("a request of {}", self.name);
            let request = Request { inner: Some(inner), outbox: self.outbox.clone(), refusal: self.refusal };
            match self.queue.try_send(request) {
                Ok(()) => {}
                Err(TrySendError::Full(request)) => {
                    let capacity = self.queue.max_capacity();
                    limiter.warn(self.name, format_args!("{} is busy: a request is refused", self.name));
                    request.refuse(&format!("busy: {capacity} requests wait already"));
                }
                // Refused as it is dropped.
                Err(TrySendError::Closed(_)) => {}
            }
        }
    }
}

/// The requests of one service, for whoever answers them.
pub struct Requests<S: Service>(Receiver<Request<S>>);

impl<S: Service> Requests<S> {
    /// Waits for the next one. `None` once the node is gone. Nothing is lost where the future is dropped.
    pub async fn next(&mut self) -> Option<Request<S>> {
        self.0.recv().await
    }

    /// Answers every request at once, until the task is ended.
    pub async fn answer(mut self, answer: impl Fn(&S::Request) -> S::Response) {
        while let Some(request) = self.next().await {
            let response = answer(request.message());
            request.respond(response);
        }
    }
}

/// A request that waits for its answer. Dropped without one, it is refused: the node ends.
pub struct Request<S: Service> {
    /// Until it is answered.
    inner: Option<r2r::ServiceRequest<S>>,
    outbox: Outbox,
    refusal: Refusal<S>,
}

impl<S: Service> Request<S> {
    /// What the client wants.
    pub fn message(&self) -> &S::Request {
        // It is there until `respond`, which takes the request away.
        match &self.inner {
            Some(inner) => &inner.message,
            None => unreachable!("a request is answered once"),
        }
    }

    /// What the client wants, and keeps nothing of it.
    pub fn take_message(&mut self) -> S::Request {
        self.inner.as_mut().map(|inner| mem::take(&mut inner.message)).unwrap_or_default()
    }

    /// Answers it.
    pub fn respond(mut self, response: S::Response) {
        self.send(response, || {});
    }

    /// Answers it, and calls `before` as soon as the answer may leave.
    pub fn respond_after(mut self, response: S::Response, before: impl FnOnce() + Send + 'static) {
        self.send(response, before);
    }

    /// Says no, in the words of its service.
    pub fn refuse(mut self, reason: &str) {
        self.send_refusal(reason);
    }

    fn send_refusal(&mut self, reason: &str) {
        let Some(inner) = &self.inner else { return };
        let response = (self.refusal)(&inner.message, reason);
        self.send(response, || {});
    }

    fn send(&mut self, response: S::Response, before: impl FnOnce() + Send + 'static) {
        let Some(mut inner) = self.inner.take() else { return };
        // What waits to leave is the answer, not the question.
        inner.message = S::Request::default();
        self.outbox.put(move || {
            before();
            // A client that went away before its answer is its own affair.
            if let Err(error) = inner.respond(response) {
                tracing::debug!("a request is not answered: {error}");
            }
        });
    }
}

impl<S: Service> Drop for Request<S> {
    fn drop(&mut self) {
        self.send_refusal(LEFT);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Answers;
    use super::*;
    use crate::ros::clock::steady_now;
    use crate::ros::shared::Ending;
    use r2r::rcl_interfaces::msg::SetParametersResult;
    use r2r::rcl_interfaces::srv::SetParametersAtomically;
    use std::time::Duration;

    type Tried = SetParametersAtomically::Service;

    fn refused(_: &SetParametersAtomically::Request, reason: &str) -> SetParametersAtomically::Response {
        let result = SetParametersResult { successful: false, reason: reason.to_owned() };
        SetParametersAtomically::Response { result }
    }

    /// Spins until all of `futures` are there; what each of them says.
    async fn all_of(
        node: &mut r2r::Node,
        reception: &mut Reception,
        futures: Vec<impl Future<Output = r2r::Result<SetParametersAtomically::Response>> + Unpin>,
    ) -> Vec<String> {
        let mut waiting: Vec<_> = futures.into_iter().map(|future| future.fuse()).collect();
        let mut answers = Vec::new();
        let deadline = steady_now() + Duration::from_secs(30);
        while answers.len() < waiting.len() {
            assert!(steady_now() < deadline, "{} answers of {}", answers.len(), waiting.len());
            node.spin_once(Duration::from_millis(5));
            reception.take();
            tokio::task::yield_now().await;
            answers.extend(waiting.iter_mut().filter_map(|future| future.now_or_never()));
        }
        answers.into_iter().map(|answer| answer.unwrap().result.reason).collect()
    }

    #[tokio::test]
    async fn what_finds_the_queue_full_or_is_left_is_refused_in_words() {
        let name = format!("requests_{}", std::process::id());
        let mut node = r2r::Node::create(r2r::Context::create().unwrap(), &name, "").unwrap();
        let (answers, outbox) = Answers::new();
        let (_open, closing) = Ending::new();
        let task = tokio::spawn(answers.run(closing));
        let mut reception = Reception::new(outbox);
        let requests = reception.offer_for::<Tried>(&mut node, "~/try", 3, refused).unwrap();
        let client = node.create_client::<Tried>("~/try", QosProfile::services_default()).unwrap();
        let available = r2r::Node::is_available(&client).unwrap();
        let mut available = Box::pin(available.fuse());
        while available.as_mut().now_or_never().is_none() {
            node.spin_once(Duration::from_millis(5));
        }

        let ask = |count| -> Vec<_> {
            let request = SetParametersAtomically::Request::default();
            (0..count).map(|_| Box::pin(client.request(&request).unwrap())).collect()
        };
        // Three wait for ever, for nobody takes them up.
        let mut first = ask(8);
        let late = first.split_off(3);
        let words = all_of(&mut node, &mut reception, late).await;
        assert_eq!(words, ["busy: 3 requests wait already"; 5]);
        drop(requests);
        assert_eq!(all_of(&mut node, &mut reception, first).await, [LEFT; 3]);
        assert_eq!(all_of(&mut node, &mut reception, ask(1)).await, [LEFT], "nobody takes up what comes then");
        task.abort();
    }
}
