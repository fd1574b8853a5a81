//! Links (protocol-spec/07-delivery, section 2): what comes first, what comes twice, what cannot be understood.

use std::time::Duration;

use amanat_identity::DeviceKeys;
use amanat_wire::{
    Encode as _,
    client::{Hello, Nothing, NumberedRequest, Request, ToRelay},
    relay::{Answer, Refusal},
};
use rand_core::OsRng;
use tokio::time::timeout;

use crate::harness::*;

/// [DELIV-41] [DELIV-44]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_or_displaced_before_the_hello() {
    let site = Site::new().await;
    let (device, mut client) = site.enrol("ayesha").await;
    // A second link with the device's own key, silent: the first goes on, and the second hears nothing.
    let mut silent = site.dial(device.keys.noise()).await.unwrap();
    assert_eq!(client.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
    let heard = timeout(Duration::from_millis(200), silent.receiver.recv()).await;
    assert!(heard.is_err(), "the relay spoke first: {heard:?}");
    assert_eq!(client.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
    // A request instead of a hello.
    let link = site.dial(device.keys.noise()).await.unwrap();
    let ping = ToRelay::Request(NumberedRequest { number: 1, request: Request::Ping(Nothing {}) });
    assert_eq!(Client::greet(link, &ping).await.err(), Some(End::Goodbye(Refusal::Malformed)));
    // Another version.
    let link = site.dial(device.keys.noise()).await.unwrap();
    let newer = ToRelay::Hello(Hello { version: 2, identity: device.identity() });
    assert_eq!(Client::greet(link, &newer).await.err(), Some(End::Goodbye(Refusal::Version)));
    assert_eq!(client.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
}

/// [DELIV-41]
#[tokio::test(flavor = "multi_thread")]
async fn a_second_hello_ends_the_link() {
    let site = Site::new().await;
    let (device, mut client) = site.enrol("ayesha").await;
    client.sender.send_all([hello(device.identity()).to_bytes()]).await.unwrap();
    assert_eq!(client.end().await, End::Goodbye(Refusal::Malformed));
}

/// [DELIV-52]
#[tokio::test(flavor = "multi_thread")]
async fn the_newer_link_of_a_device_displaces_the_older() {
    let site = Site::new().await;
    let (device, older) = site.enrol("ayesha").await;
    let mut newer = site.connect(&device).await;
    assert_eq!(older.end().await, End::Goodbye(Refusal::Displaced));
    assert_eq!(newer.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
    // The older one's end has not taken the newer one off the table.
    let (_b, mut bilal) = site.enrol("bilal").await;
    let conversation = found(&mut bilal, &[device.id()]).await;
    bilal.append(message(conversation, 1)).await;
    assert!(newer.push().await.is_ok());
}

/// [WIRE-07] [WIRE-06]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_harms_nobody_else() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (_b, mut bilal) = site.enrol("bilal").await;
    // A request of a kind that this version does not know.
    ayesha.sender.send_all([[2, 0, 0, 0, 77, 200, 1, 2, 3]]).await.unwrap();
    assert_eq!(ayesha.answer(77).await, Ok(Answer::Refused(Refusal::Malformed)));
    assert_eq!(ayesha.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
    // No message at all.
    ayesha.sender.send_all([[9, 9, 9]]).await.unwrap();
    assert_eq!(ayesha.end().await, End::Goodbye(Refusal::Malformed));
    assert_eq!(bilal.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
}

/// [WIRE-05]
#[tokio::test(flavor = "multi_thread")]
async fn two_open_requests_of_one_number_end_the_link() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let conversation = found(&mut ayesha, &[]).await;
    // An append is open until its sync has returned, which takes longer than reading the next message.
    let twice: Vec<_> = (0..2)
        .map(|_| ToRelay::Request(NumberedRequest { number: 5, request: Request::Append(message(conversation, 1)) }))
        .map(|message| message.to_bytes())
        .collect();
    ayesha.sender.send_all(twice).await.unwrap();
    assert_eq!(ayesha.end().await, End::Goodbye(Refusal::Malformed));
}

/// A device that was never enrolled, and one with the relay's own key, get no further than their hello.
#[tokio::test(flavor = "multi_thread")]
async fn keys_alone_open_nothing() {
    let site = Site::new().await;
    let stranger = DeviceKeys::create(&mut OsRng);
    let link = site.dial(stranger.noise()).await.unwrap();
    let ping = ToRelay::Request(NumberedRequest { number: 1, request: Request::Ping(Nothing {}) });
    assert_eq!(Client::greet(link, &ping).await.err(), Some(End::Goodbye(Refusal::Malformed)));
    assert_eq!(site.running().stats().connections, 0);
}

/// Moves the runtime's clock: what has waited so long has waited too long.
async fn wait(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span).await;
    tokio::time::resume();
}

/// [DELIV-65]
#[tokio::test]
async fn a_silent_link_is_dropped_and_a_ping_keeps_it() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    for _ in 0..3 {
        wait(Duration::from_secs(90)).await;
        assert_eq!(ayesha.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
    }
    wait(Duration::from_secs(101)).await;
    assert_eq!(ayesha.end().await, End::Silent);
    assert_eq!(site.running().stats().failed_handshakes, 0);
}

/// [DELIV-44] Without a hello the relay closes, and says nothing even then.
#[tokio::test]
async fn a_link_without_a_hello_is_closed_without_a_word() {
    let site = Site::new().await;
    let (device, _client) = site.enrol("ayesha").await;
    let mut silent = site.dial(device.keys.noise()).await.unwrap();
    wait(Duration::from_secs(11)).await;
    assert!(matches!(silent.receiver.recv().await, Ok(None) | Err(_)));
    while site.running().stats().half_open > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.running().stats().failed_handshakes, 1);
}
