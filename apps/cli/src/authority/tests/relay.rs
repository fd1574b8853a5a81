//! A relay for officers' links: an honest one, of which a test changes what it shows.

use std::sync::{Arc, Mutex, MutexGuard};

use amanat_identity::{
    Authority, DeviceChain, ListSummary, RelayKeys, RevocationEntry, SignedStatus, StatusView, testing::Office,
};
use amanat_net::{Link, RelayTlsKey, Server};
use amanat_primitives::{Timestamp, agree::NoiseSecret};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List,
    client::{NumberedRequest, Request, StatusUpdate, ToRelay},
    relay::{Answer, Chains, FromRelay, LapsedPage, NumberedAnswer, Refusal, RevocationPage},
};
use rand_core::OsRng;

/// What it has, and what it shows.
pub(super) struct Shown {
    pub(super) status: Option<SignedStatus>,
    pub(super) entries: Vec<RevocationEntry>,
    pub(super) people: Vec<DeviceChain>,
    /// It ends every link at its first request.
    pub(super) is_away: bool,
    /// It takes a statement and ends the link instead of saying so.
    pub(super) hangs_up: bool,
    /// It refuses statements.
    pub(super) refuses: bool,
    pub(super) now: Timestamp,
    authority: Authority,
}

pub(super) struct Relay {
    pub(super) office: Office,
    shown: Arc<Mutex<Shown>>,
}

impl Relay {
    /// Of an office that was founded at `now`.
    pub(super) fn start(now: Timestamp) -> Self {
        let tls = RelayTlsKey::generate().unwrap();
        let keys = RelayKeys::create(&mut OsRng, tls.to_pkcs8().clone(), tls.digest()).unwrap();
        let noise = NoiseSecret::from_secret(keys.noise().secret().duplicate());
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), &tls, noise, false).unwrap();
        let address = server.local_addr().unwrap().to_string();
        let office = Office::with_relay(&mut OsRng, now, "interior.gov.pk", keys, &[&address]);
        let authority = office.authority().clone();
        let (entries, people) = (Vec::new(), Vec::new());
        let shown =
            Shown { status: None, entries, people, is_away: false, hangs_up: false, refuses: false, now, authority };
        let shown = Arc::new(Mutex::new(shown));
        let serving = Arc::clone(&shown);
        tokio::spawn(async move {
            loop {
                if let Ok(link) = server.accept().await.handshake().await {
                    tokio::spawn(serve(link, Arc::clone(&serving)));
                }
            }
        });
        Self { office, shown }
    }

    pub(super) fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap()
    }
}

async fn serve(mut link: Link, shown: Arc<Mutex<Shown>>) {
    while let Ok(Some(message)) = link.receiver.recv().await {
        let ToRelay::Request(NumberedRequest { number, request }) = ToRelay::from_bytes(&message).unwrap() else {
            continue;
        };
        let answer = {
            let mut shown = shown.lock().unwrap();
            if shown.is_away {
                return;
            }
            let hangs_up = shown.hangs_up && matches!(request, Request::PutStatement(_));
            let answer = shown.answer(request);
            if hangs_up {
                return;
            }
            answer
        };
        let answer = FromRelay::Answer(NumberedAnswer { number, answer });
        if link.sender.send_all([answer.to_bytes()]).await.is_err() {
            return;
        }
    }
}

impl Shown {
    fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Status(_) => {
                let status = self.status.as_ref().map(SignedStatus::to_bytes).unwrap_or_default();
                Answer::Status(Bytes::new(status).unwrap())
            }
            Request::Revocations(after) => {
                let page = self.entries.iter().skip(after as usize).take(2);
                let revocations: Vec<_> = page.map(|entry| Bytes::new(entry.to_bytes()).unwrap()).collect();
                Answer::Revocations(RevocationPage { revocations: List::new(revocations).unwrap(), more: false })
            }
            Request::People(_) => {
                let chains: Vec<_> = self.people.iter().map(|chain| Bytes::new(chain.to_bytes()).unwrap()).collect();
                Answer::Chains(Chains { chains: List::new(chains).unwrap(), more: false })
            }
            Request::Lapsed(_) => Answer::Lapsed(LapsedPage { chains: List::default(), more: None }),
            Request::PutStatement(update) if !self.refuses => self.put(&update),
            Request::PutRenewal(_) => Answer::Done(amanat_wire::client::Nothing {}),
            _ => Answer::Refused(Refusal::OldStatement),
        }
    }

    /// As an honest relay does, whatever it shows.
    fn put(&mut self, update: &StatusUpdate) -> Answer {
        let signed = SignedStatus::from_bytes(&update.status).unwrap();
        let mut entries: Vec<_> = self.entries.iter().take(update.first as usize).cloned().collect();
        entries.extend(update.revocations.iter().map(|bytes| RevocationEntry::from_bytes(bytes).unwrap()));
        let status = signed.verify(&self.authority, self.now).unwrap();
        let mut view = StatusView::new();
        if let Some(held) = &self.status {
            let held = held.verify_then(&self.authority, self.now).unwrap();
            let count = held.revocations().count as usize;
            let acceptable = view.judge(held, &self.entries[..count], &self.authority).unwrap();
            assert!(view.accept(acceptable));
        }
        let known = view.revocations().summary().count as usize;
        assert_eq!(self.entries.get(..known).map(summary), Some(view.revocations().summary()));
        if view.judge(status, entries.get(known..).unwrap_or_default(), &self.authority).is_err() {
            return Answer::Refused(Refusal::OldStatement);
        }
        (self.status, self.entries) = (Some(signed), entries);
        Answer::Done(amanat_wire::client::Nothing {})
    }
}

pub(super) fn summary(entries: &[RevocationEntry]) -> ListSummary {
    entries.iter().fold(ListSummary::default(), ListSummary::with)
}
