//! An officer's link (protocol-spec/02-wire, section 2): one statement given to one relay, and its answer.

use amanat_identity::{OfficerChain, OfficerKeys, SignedStatus, VerifiedOfficer, VerifiedRelay};
use amanat_net::{DialError, Link, LinkError, RelayTarget};
use amanat_wire::{
    Bytes, Decode, Encode,
    client::{Hello, Identity, NumberedRequest, Request, ToRelay},
    limits,
    relay::{Answer, FromRelay, Refusal},
};

use crate::problem::{Outcome, Problem};

/// The number of the only request.
const NUMBER: u32 = 1;
/// Messages beside the answer that a relay may send in the meantime.
const OTHERS: usize = 64;

/// Connects as the officer and publishes the statement; done once the relay has it durably.
pub(crate) async fn give(
    relay: &VerifiedRelay,
    keys: &OfficerKeys,
    officer: &VerifiedOfficer,
    status: &SignedStatus,
) -> Outcome {
    let target = RelayTarget {
        addresses: relay.addresses().iter().map(ToString::to_string).collect(),
        tls_key: relay.tls_key(),
        noise_key: *relay.noise_key(),
        allow_public: relay.allow_public(),
    };
    let mut link = amanat_net::dial(&target, keys.noise()).await.map_err(not_dialled)?;
    let chain = OfficerChain { certificate: officer.statement().clone() };
    let hello = Hello { version: limits::PROTOCOL_VERSION, identity: Identity::Officer(bytes(&chain)?) };
    let request = NumberedRequest { number: NUMBER, request: Request::PutStatement(bytes(status)?) };
    let messages = [ToRelay::Hello(hello).to_bytes(), ToRelay::Request(request).to_bytes()];
    link.sender.send_all(messages).await.map_err(lost)?;
    let answer = answer(&mut link).await;
    // The statement's fate is known; how the link ends no longer matters.
    let _ = link.sender.shutdown().await;
    answer
}

async fn answer(link: &mut Link) -> Outcome {
    for _ in 0..OTHERS {
        let Some(message) = link.receiver.recv().await.map_err(lost)? else { break };
        match FromRelay::from_bytes(&message).map_err(|_| misunderstood())? {
            FromRelay::Goodbye(refusal) => return Err(refused(refusal)),
            FromRelay::Answer(numbered) if numbered.number == NUMBER => {
                return match numbered.answer {
                    Answer::Done(_) => Ok(()),
                    Answer::Refused(refusal) => Err(refused(refusal)),
                    _ => Err(misunderstood()),
                };
            }
            _ => (),
        }
    }
    Err(lost(LinkError::Closed))
}

fn bytes<const MAX: usize>(value: &impl Encode) -> Outcome<Bytes<MAX>> {
    Bytes::new(value.to_bytes()).map_err(|_| Problem::internal("A statement came out too large."))
}

fn not_dialled(error: DialError) -> Problem {
    let (code, advice) = match error {
        DialError::WrongTlsKey(_) | DialError::NoiseRefused(_) | DialError::TlsRefused(_) | DialError::Protocol(_) => (
            "relay-identity",
            "Ask the relay's operator whether it runs with the keys that were certified, and whether something \
             stands between.",
        ),
        DialError::NotPermitted(_) => {
            ("refused", "Certify the relay at a private address, or with --allow-public if that is meant.")
        }
        _ => ("offline", "Check that the relay runs and that this machine's network leads to it."),
    };
    Problem::new(code, format!("The relay cannot be reached: {error}."), advice)
}

/// The relay took too long.
pub(crate) fn no_answer(address: &str) -> Problem {
    Problem::new(
        "offline",
        format!("The relay at {address} did not answer in time."),
        "Check that the relay runs and that this machine's network leads to it.",
    )
}

fn lost(error: LinkError) -> Problem {
    Problem::new("offline", format!("The link to the relay ended: {error}."), "Run the command again.")
}

fn misunderstood() -> Problem {
    Problem::new("refused", "The relay's answer makes no sense.", "See whether both run the same version.")
}

fn refused(refusal: Refusal) -> Problem {
    let (failed, advice) = match refusal {
        Refusal::Identity | Refusal::NotAllowed => (
            "The relay does not accept this officer.",
            "See whether the officer's certificate is of the authority that certified the relay, and still valid.",
        ),
        Refusal::Expired => {
            ("The relay finds the certificate or the statement out of date.", "Compare both machines' clocks.")
        }
        Refusal::OldStatement => {
            ("The relay has a newer status statement already.", "Nothing is to be done, unless it happens again.")
        }
        Refusal::Version => ("The relay speaks another version of the protocol.", "Update the older of the two."),
        Refusal::Full => ("The relay's disk is full.", "Tell the relay's operator."),
        Refusal::ShuttingDown => ("The relay is shutting down.", "Run the command again when it is back."),
        _ => ("The relay refused the statement.", "Ask the relay's operator what its log says."),
    };
    Problem::new("refused", failed, advice)
}
