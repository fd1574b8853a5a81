//! A link's session (protocol-spec/07-delivery, section 2): what each received message means in the state the link is
//! in. Pure: bytes in, a [`Step`] out; the connection carries it out.

use std::time::Duration;

use amanat_wire::{
    Decode as _, DecodeError, Reader,
    client::{Identity, NumberedRequest, Request, ToRelay},
    limits,
    relay::Refusal,
};

/// A hello must have arrived this long after the handshake.
pub(crate) const HELLO_TIME: Duration = Duration::from_secs(10);
/// A link on which nothing arrives for so long is dropped; clients ping every 30 s.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(100);

/// As whom the link's other side has been verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Session {
    /// No hello yet.
    Greeting,
    /// An enrolled device.
    Device,
    /// A further device of a person, which no other one of theirs has approved yet.
    Pending,
    /// An officer's machine.
    Officer,
}

/// What to do with a message.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Verify this identity; on success answer `Ready`.
    Greet(Identity),
    /// Serve this request.
    Serve(u32, Request),
    /// Refuse this request; the link goes on.
    Refuse(u32, Refusal),
    /// Say goodbye and end the link.
    End(Refusal),
}

/// First byte of an encoded [`ToRelay::Request`].
const REQUEST: u8 = 2;

impl Session {
    /// How long to wait for the next message.
    pub(crate) fn patience(self) -> Duration {
        match self {
            Self::Greeting => HELLO_TIME,
            Self::Device | Self::Pending | Self::Officer => IDLE_TIME,
        }
    }

    /// What `bytes` mean here.
    pub(crate) fn receive(self, bytes: &[u8]) -> Step {
        match (self, ToRelay::from_bytes(bytes)) {
            // [DELIV-42]
            (Self::Greeting, Ok(ToRelay::Hello(hello))) if hello.version == limits::PROTOCOL_VERSION => {
                Step::Greet(hello.identity)
            }
            // A hello of another version may have another layout behind the version.
            (Self::Greeting, Ok(ToRelay::Hello(_))) => Step::End(Refusal::Version),
            (Self::Greeting, Err(_)) if foreign_version(bytes) => Step::End(Refusal::Version),
            // [DELIV-41] Nothing but a hello comes first, and a hello comes once.
            (Self::Greeting, _) | (_, Ok(ToRelay::Hello(_))) => Step::End(Refusal::Malformed),
            (_, Ok(ToRelay::Request(NumberedRequest { number, request }))) => self.allow(number, request),
            // [WIRE-07] What a newer client asks is refused by its number; what has no number ends the link.
            (_, Err(_)) => match request_number(bytes) {
                Ok(number) => Step::Refuse(number, Refusal::Malformed),
                Err(_) => Step::End(Refusal::Malformed),
            },
        }
    }

    // [DELIV-45]
    fn allow(self, number: u32, request: Request) -> Step {
        let officers_too = matches!(
            request,
            Request::Ping(_)
                | Request::PutStatement(_)
                | Request::Status(_)
                | Request::Revocations(_)
                | Request::PutRenewal(_)
                | Request::People(_)
                | Request::Lapsed(_)
        );
        // [DELIV-160] What it needs to wait, to be added at once afterwards, and to learn that it is approved.
        let pending_too = matches!(
            request,
            Request::Ping(_)
                | Request::Status(_)
                | Request::Revocations(_)
                | Request::PutStatement(_)
                | Request::PutKeyPackages(_)
                | Request::OwnDevices(_)
        );
        match self {
            // [DELIV-202]
            Self::Device if !matches!(request, Request::Lapsed(_)) => Step::Serve(number, request),
            Self::Officer if officers_too => Step::Serve(number, request),
            Self::Pending if pending_too => Step::Serve(number, request),
            Self::Pending => Step::Refuse(number, Refusal::NotApproved),
            Self::Device | Self::Officer | Self::Greeting => Step::Refuse(number, Refusal::NotAllowed),
        }
    }
}

fn request_number(bytes: &[u8]) -> Result<u32, DecodeError> {
    let mut r = Reader::new(bytes);
    match u8::decode(&mut r)? {
        REQUEST => u32::decode(&mut r),
        other => Err(DecodeError::UnknownKind(u16::from(other))),
    }
}

fn foreign_version(bytes: &[u8]) -> bool {
    let mut r = Reader::new(bytes);
    u8::decode(&mut r) == Ok(1) && u16::decode(&mut r).is_ok_and(|version| version != limits::PROTOCOL_VERSION)
}

#[cfg(test)]
mod tests {
    use amanat_wire::{
        Bytes, Encode as _, List, Text,
        client::{Hello, Nothing, StatusUpdate, WhatIsNew},
    };

    use super::*;

    fn hello(version: u16) -> Vec<u8> {
        let identity = Identity::Device(Bytes::new(vec![1, 2, 3]).unwrap());
        ToRelay::Hello(Hello { version, identity }).to_bytes()
    }

    fn request(request: Request) -> Vec<u8> {
        ToRelay::Request(NumberedRequest { number: 7, request }).to_bytes()
    }

    #[test]
    fn a_hello_comes_first_and_once() {
        // [DELIV-41]
        assert!(matches!(Session::Greeting.receive(&hello(1)), Step::Greet(Identity::Device(_))));
        let ping = request(Request::Ping(Nothing {}));
        assert_eq!(Session::Greeting.receive(&ping), Step::End(Refusal::Malformed));
        assert_eq!(Session::Greeting.receive(&[]), Step::End(Refusal::Malformed));
        for session in [Session::Device, Session::Officer] {
            assert_eq!(session.receive(&hello(1)), Step::End(Refusal::Malformed));
            assert_eq!(session.receive(&ping), Step::Serve(7, Request::Ping(Nothing {})));
        }
    }

    #[test]
    fn another_version_is_told_so_whatever_follows_it() {
        // [DELIV-42]
        assert_eq!(Session::Greeting.receive(&hello(2)), Step::End(Refusal::Version));
        assert_eq!(Session::Greeting.receive(&[1, 0, 2, 99, 99]), Step::End(Refusal::Version));
        assert_eq!(Session::Greeting.receive(&[1, 0, 1, 99, 99]), Step::End(Refusal::Malformed));
    }

    #[test]
    fn an_unknown_request_is_refused_by_its_number() {
        // [WIRE-07]
        let mut unknown = request(Request::Ping(Nothing {}));
        unknown[5] = 250;
        assert_eq!(Session::Device.receive(&unknown), Step::Refuse(7, Refusal::Malformed));
        let longer = [request(Request::Ping(Nothing {})), vec![0]].concat();
        assert_eq!(Session::Device.receive(&longer), Step::Refuse(7, Refusal::Malformed));
        assert_eq!(Session::Device.receive(&[9, 0, 0, 0, 7]), Step::End(Refusal::Malformed));
        assert_eq!(Session::Device.receive(&[2, 0, 0]), Step::End(Refusal::Malformed));
    }

    #[test]
    fn an_officer_may_carry_statements_and_nothing_else() {
        // [DELIV-45]
        let statement = Request::PutStatement(StatusUpdate {
            status: Bytes::new(vec![1]).unwrap(),
            first: 0,
            revocations: List::default(),
        });
        assert_eq!(Session::Officer.receive(&request(statement.clone())), Step::Serve(7, statement));
        let news = request(Request::News(WhatIsNew { after: None }));
        assert_eq!(Session::Officer.receive(&news), Step::Refuse(7, Refusal::NotAllowed));
        assert_eq!(Session::Device.receive(&news), Step::Serve(7, Request::News(WhatIsNew { after: None })));
        // [DELIV-202]
        let lapsed = Request::Lapsed(Text::default());
        assert_eq!(Session::Device.receive(&request(lapsed.clone())), Step::Refuse(7, Refusal::NotAllowed));
        assert_eq!(Session::Officer.receive(&request(lapsed.clone())), Step::Serve(7, lapsed));
    }

    #[test]
    fn a_device_that_waits_for_its_approval_gets_what_it_needs_to_wait() {
        // [DELIV-160]
        for served in [Request::Ping(Nothing {}), Request::OwnDevices(Nothing {}), Request::Revocations(0)] {
            assert_eq!(Session::Pending.receive(&request(served.clone())), Step::Serve(7, served));
        }
        let approval = Request::PutApproval(Bytes::new(vec![1]).unwrap());
        for refused in [Request::News(WhatIsNew { after: None }), Request::Chains(List::default()), approval] {
            assert_eq!(Session::Pending.receive(&request(refused)), Step::Refuse(7, Refusal::NotApproved));
        }
    }
}
