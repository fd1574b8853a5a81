//! The session's two halves against a real link whose other end says nothing.

use amanat_net::{Link, RelayTarget, RelayTlsKey, Server};
use amanat_primitives::agree::NoiseSecret;
use amanat_wire::{client::WhatIsNew, relay::NumberedAnswer};
use rand_core::OsRng;

use super::*;
use crate::FailureCode;

/// A link over loopback: the device's end and the relay's.
async fn link() -> (Link, Link) {
    let tls = RelayTlsKey::generate().unwrap();
    let noise = NoiseSecret::generate(&mut OsRng);
    let noise_key = noise.public();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), &tls, noise, false).unwrap();
    let addresses = vec![server.local_addr().unwrap().to_string()];
    let target = RelayTarget { addresses, tls_key: tls.digest(), noise_key, allow_public: false };
    let device = NoiseSecret::generate(&mut OsRng);
    let accept = async { server.accept().await.handshake().await.unwrap() };
    let (dialled, accepted) = tokio::join!(amanat_net::dial(&target, &device), accept);
    (dialled.unwrap(), accepted)
}

// [DELIV-86]
#[tokio::test]
async fn no_more_requests_are_open_than_the_relay_takes() {
    let (device, mut relay) = link().await;
    let (calls, requests) = mpsc::channel(limits::OPEN_REQUESTS);
    let calls = Calls::new(calls);
    let (opened, mut open) = mpsc::channel(limits::OPEN_REQUESTS);
    let credit = Arc::new(Semaphore::new(limits::OPEN_REQUESTS));
    let writing = tokio::spawn(write(device.sender, requests, opened, Arc::clone(&credit)));
    let asking = tokio::spawn(async move {
        for _ in 0..200 {
            // The answers are not waited for: nobody gives any.
            drop(calls.enqueue(Request::News(WhatIsNew { after: None })).await);
        }
    });
    let mut numbers = Vec::new();
    for _ in 0..limits::OPEN_REQUESTS {
        let message = relay.receiver.recv().await.unwrap().unwrap();
        let Ok(ToRelay::Request(request)) = ToRelay::from_bytes(&message) else { panic!() };
        numbers.push(request.number);
    }
    assert_eq!(numbers.iter().collect::<std::collections::HashSet<_>>().len(), limits::OPEN_REQUESTS);
    let more = tokio::time::timeout(Duration::from_millis(300), relay.receiver.recv()).await;
    assert!(more.is_err(), "a request beyond the limit was sent");
    // One answer, one more request.
    open.recv().await.unwrap();
    credit.add_permits(1);
    assert!(relay.receiver.recv().await.unwrap().is_some());
    asking.abort();
    writing.abort();
}

// [DELIV-84]
#[tokio::test]
async fn a_silent_link_is_asked_and_then_given_up() {
    let (device, relay) = link().await;
    let (calls, mut requests) = mpsc::channel(4);
    let (_opened, open) = mpsc::channel(4);
    let (events, _said) = mpsc::channel(4);
    let credit = Semaphore::new(4);
    // From here on time passes as soon as everyone waits; the other end stays silent for all of it.
    tokio::time::pause();
    let begun = Instant::now();
    let failure = read(device.receiver, open, &events, (&Calls::new(calls), &credit, &AtomicU64::new(0))).await;
    assert_eq!((failure.code, begun.elapsed().as_secs()), (FailureCode::Offline, DEAD_AFTER.as_secs()));
    assert!(matches!(requests.try_recv().map(|call| call.request), Ok(Request::Ping(_))));
    drop(relay);
}

// [DELIV-184]
#[tokio::test]
async fn what_was_asked_and_answered_counts_for_the_next_wait_and_a_greeting_alone_does_not() {
    let (device, mut relay) = link().await;
    let (calls, _requests) = mpsc::channel(4);
    let (opened, open) = mpsc::channel(4);
    let (events, _said) = mpsc::channel(4);
    let (calls, credit, carried) = (Calls::new(calls), Semaphore::new(4), AtomicU64::new(0));
    let (answer, answered) = oneshot::channel();
    let bytes = usize::try_from(CARRIED).unwrap();
    opened.send((1, Asked { bytes, answer })).await.unwrap();
    let done = FromRelay::Answer(NumberedAnswer { number: 1, answer: Answer::Done(Nothing {}) });
    relay.sender.send(&done.to_bytes()).await.unwrap();
    relay.sender.flush().await.unwrap();
    tokio::select! {
        failure = read(device.receiver, open, &events, (&calls, &credit, &carried)) => panic!("{failure:?}"),
        answer = answered => assert!(matches!(answer, Ok(Answer::Done(_)))),
    }
    assert!(was_of_use(Duration::ZERO, carried.into_inner()));
    assert!(!was_of_use(Duration::ZERO, CARRIED - 1));
    assert!(was_of_use(STABLE + Duration::from_millis(1), 0));
}
