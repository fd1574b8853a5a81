//! A relay in somebody else's hands (protocol-spec/10-threat-model, section 3): all keys of the real one, everything in
//! memory, and a log of its own for each device. Left alone it does what an honest relay does; what a class changes goes
//! through [`Hooks`] or straight into [`State`].

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use amanat_identity::{Authority, DeviceChain, Enrolment, RelayKeys, SignedStatus, Statement, StatusView};
use amanat_net::{Link, Server};
use amanat_primitives::{ConversationId, DeviceId, DocumentId, Incarnation, Timestamp, agree::NoiseSecret};
use amanat_relay_core::{Config, folder};
use amanat_tests::{Rig, Shift};
use amanat_wire::{
    Bytes, Decode as _, Encode as _,
    client::{Hello, Identity, NumberedRequest, Request, ToRelay},
    limits,
    log::Entry,
    relay::{Answer, Direct, DirectItem, Enrolled, FromRelay, NumberedAnswer, Ready},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};

use super::logs::Log;

/// An entry on its way into a device's log.
pub(crate) struct Delivery<'a> {
    /// Whose log.
    pub(crate) to: DeviceId,
    /// Of which conversation.
    pub(crate) conversation: ConversationId,
    /// As its author sent it; its place is not given yet.
    pub(crate) entry: &'a Entry,
}

type OnEntry = Box<dyn FnMut(&Delivery<'_>) -> Vec<Entry> + Send>;
type OnRequest = Box<dyn FnMut(DeviceId, &Request) -> Option<Answer> + Send>;
type OnAnswer = Box<dyn FnMut(DeviceId, &Request, Answer) -> Answer + Send>;
type OnDirect = Box<dyn FnMut(DeviceId, Direct) -> Vec<Direct> + Send>;
type OnPlaced = Box<dyn FnMut(DeviceId, ConversationId, &mut Entry) + Send>;

/// What a class does to what passes. Nothing, unless it says so.
#[derive(Default)]
pub(crate) struct Hooks {
    /// What goes into another device's log in place of an entry.
    pub(crate) entry: Option<OnEntry>,
    /// Answers a request in place of the relay, which then does not see it.
    pub(crate) request: Option<OnRequest>,
    /// Changes an answer.
    pub(crate) answer: Option<OnAnswer>,
    /// What goes into a device's direct queue in place of an item.
    pub(crate) direct: Option<OnDirect>,
    /// Changes an entry once it has its place.
    pub(crate) placed: Option<OnPlaced>,
    /// A device that receipts name as added.
    pub(crate) ghost: Option<DeviceId>,
    /// How far the relay's clock is ahead.
    pub(crate) ahead: std::time::Duration,
}

/// KeyPackages of a device.
#[derive(Default)]
pub(crate) struct Packages {
    pub(crate) one_time: VecDeque<Bytes<{ limits::KEY_PACKAGE }>>,
    pub(crate) last_resort: Option<Bytes<{ limits::KEY_PACKAGE }>>,
    pub(crate) used: u32,
}

/// What waits for one device alone.
#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) last: u64,
    pub(crate) items: VecDeque<DirectItem>,
}

/// A document as it was uploaded.
#[derive(Default)]
pub(crate) struct Document {
    pub(crate) segments: BTreeMap<u64, Bytes<{ limits::BODY }>>,
    pub(crate) sealed: bool,
}

/// What goes to a link.
pub(crate) enum Out {
    /// A message.
    Say(Box<FromRelay>),
    /// Bytes that need be no message.
    Raw(Vec<u8>),
    /// The link is cut.
    Cut,
}

/// Everything that the relay has.
pub(crate) struct State {
    pub(crate) keys: RelayKeys,
    pub(crate) certificate: Statement,
    pub(crate) authority: Authority,
    pub(crate) clock: Shift,
    pub(crate) incarnation: Incarnation,
    pub(crate) status: Bytes<{ limits::CHAIN }>,
    pub(crate) status_number: u64,
    /// Handle and chain of each device.
    pub(crate) people: BTreeMap<DeviceId, (String, Bytes<{ limits::CHAIN }>)>,
    pub(crate) packages: BTreeMap<DeviceId, Packages>,
    pub(crate) links: BTreeMap<DeviceId, (u64, UnboundedSender<Out>)>,
    pub(crate) direct: BTreeMap<DeviceId, Queue>,
    pub(crate) logs: BTreeMap<ConversationId, Log>,
    pub(crate) documents: BTreeMap<DocumentId, Document>,
    pub(crate) hooks: Hooks,
    pub(crate) linked: u64,
    /// How often each device has asked what is new, and anything else.
    asked: BTreeMap<DeviceId, (u64, u64)>,
}

/// The relay; it runs until the test ends.
#[derive(Clone)]
pub(crate) struct Foe(Arc<Mutex<State>>, Arc<Mutex<Option<JoinHandle<()>>>>);

impl Foe {
    /// Takes the place of a rig's relay, which does not run.
    pub(crate) fn in_place_of(rig: &Rig) -> Self {
        let foe = Self::idle(rig);
        foe.open(rig);
        foe
    }

    /// The same, and nobody can link to it.
    pub(crate) fn idle(rig: &Rig) -> Self {
        let keys = folder::load_keys(&rig.relay_dir()).unwrap();
        let state = State {
            keys,
            certificate: rig.office.relay_certificate.clone(),
            authority: rig.office.authority().clone(),
            clock: rig.clock.clone(),
            incarnation: Incarnation::from_bytes([7; 16]),
            status: Bytes::default(),
            status_number: 0,
            people: BTreeMap::new(),
            packages: BTreeMap::new(),
            links: BTreeMap::new(),
            direct: BTreeMap::new(),
            logs: BTreeMap::new(),
            documents: BTreeMap::new(),
            hooks: Hooks::default(),
            linked: 0,
            asked: BTreeMap::new(),
        };
        Self(Arc::new(Mutex::new(state)), Arc::default())
    }

    /// Listens.
    pub(crate) fn open(&self, rig: &Rig) {
        let keys = folder::load_keys(&rig.relay_dir()).unwrap();
        let address: SocketAddr = Config::load(&rig.relay_dir()).unwrap().listen[0];
        let noise = NoiseSecret::from_secret(keys.noise().secret().duplicate());
        let server = Server::bind(address, &folder::tls_key(&keys).unwrap(), noise, false).unwrap();
        let accepting = self.clone();
        let task = tokio::spawn(async move {
            loop {
                let (incoming, foe) = (server.accept().await, accepting.clone());
                tokio::spawn(async move {
                    if let Ok(link) = incoming.handshake().await {
                        foe.serve(link).await;
                    }
                });
            }
        });
        *self.1.lock().unwrap() = Some(task);
    }

    /// Listens no more.
    pub(crate) async fn close(&self) {
        let task = self.1.lock().unwrap().take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
        let links: Vec<DeviceId> = self.state().links.keys().copied().collect();
        links.into_iter().for_each(|device| self.state().cut(device));
    }

    /// Looks into it, or changes what it does.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on it is honest again.
    pub(crate) fn be_honest(&self) {
        self.state().hooks = Hooks::default();
    }

    #[allow(clippy::disallowed_methods, reason = "whoever floods does not wait")]
    async fn serve(&self, mut link: Link) {
        let Ok(Some(hello)) = link.receiver.recv().await else { return };
        let Ok(ToRelay::Hello(Hello { identity, .. })) = ToRelay::from_bytes(&hello) else { return };
        let (out, queued) = unbounded_channel();
        let Some((device, number)) = self.state().greet(identity, &out) else { return };
        let mut writing = std::pin::pin!(write(link.sender, queued));
        loop {
            let bytes = tokio::select! {
                // The link is cut.
                () = &mut writing => break,
                received = link.receiver.recv() => received,
            };
            let Ok(Some(bytes)) = bytes else { break };
            let Ok(ToRelay::Request(NumberedRequest { number, request })) = ToRelay::from_bytes(&bytes) else { break };
            let mut state = self.state();
            let answer = state.hooked(device, request);
            let _ = out.send(Out::Say(Box::new(FromRelay::Answer(NumberedAnswer { number, answer }))));
        }
        {
            let mut state = self.state();
            if state.links.get(&device).is_some_and(|(current, _)| *current == number) {
                state.links.remove(&device);
            }
        }
    }
}

async fn write(mut sender: amanat_net::LinkSender, mut queued: UnboundedReceiver<Out>) {
    while let Some(out) = queued.recv().await {
        let bytes = match out {
            Out::Say(message) => message.to_bytes(),
            Out::Raw(bytes) => bytes,
            Out::Cut => return,
        };
        if sender.send(&bytes).await.is_err() {
            return;
        }
        if queued.is_empty() && sender.flush().await.is_err() {
            return;
        }
    }
}

impl State {
    /// The relay's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().after(self.hooks.ahead)
    }

    fn greet(&mut self, identity: Identity, out: &UnboundedSender<Out>) -> Option<(DeviceId, u64)> {
        let now = self.clock.now();
        let (chain, receipt) = match identity {
            Identity::Device(chain) => (DeviceChain::from_bytes(&chain).ok()?, None),
            Identity::Enrolling(bytes) => {
                let enrolment = Enrolment::from_bytes(&bytes).ok()?;
                let verified = enrolment.verify(&self.authority, now, &StatusView::new()).ok()?;
                let receipt = self.keys.receipt(&verified, now).ok()?;
                let said = Enrolled { receipt: Bytes::new(receipt.to_bytes()).ok()? };
                (enrolment.into_chain(self.certificate.clone(), receipt), Some(said))
            }
            Identity::Officer(_) => return None,
        };
        let device = chain.verify(&self.authority, now, Timestamp::CLOCK_TOLERANCE).ok()?;
        let handle = device.address().handle.to_string();
        self.people.insert(device.id(), (handle, Bytes::new(chain.to_bytes()).ok()?));
        if let Some(said) = receipt {
            let _ = out.send(Out::Say(Box::new(FromRelay::Enrolled(said))));
        }
        let ready = Ready { now: self.now(), incarnation: self.incarnation, status: self.status.clone() };
        let _ = out.send(Out::Say(Box::new(FromRelay::Ready(ready))));
        self.linked += 1;
        if let Some((_, older)) = self.links.insert(device.id(), (self.linked, out.clone())) {
            let _ = older.send(Out::Cut);
        }
        Some((device.id(), self.linked))
    }

    /// How often a device has asked what is new, and anything else.
    pub(crate) fn asked(&self, device: DeviceId) -> (u64, u64) {
        self.asked.get(&device).copied().unwrap_or_default()
    }

    fn hooked(&mut self, device: DeviceId, request: Request) -> Answer {
        let asked = self.asked.entry(device).or_default();
        match request {
            Request::News(_) => asked.0 += 1,
            _ => asked.1 += 1,
        }
        if let Some(mut hook) = self.hooks.request.take() {
            let answer = hook(device, &request);
            self.hooks.request = Some(hook);
            if let Some(answer) = answer {
                return answer;
            }
        }
        let Some(mut hook) = self.hooks.answer.take() else { return self.serve(device, request) };
        let answer = self.serve(device, request.clone());
        let answer = hook(device, &request, answer);
        self.hooks.answer = Some(hook);
        answer
    }

    /// Says something to a device that is linked.
    pub(crate) fn say(&self, to: DeviceId, message: FromRelay) {
        if let Some((_, link)) = self.links.get(&to) {
            let _ = link.send(Out::Say(Box::new(message)));
        }
    }

    /// Cuts a device's link.
    pub(crate) fn cut(&self, device: DeviceId) {
        if let Some((_, link)) = self.links.get(&device) {
            let _ = link.send(Out::Cut);
        }
    }

    /// Puts something into a device's direct queue.
    pub(crate) fn hand(&mut self, to: DeviceId, body: Direct) {
        let bodies = match self.hooks.direct.take() {
            Some(mut hook) => {
                let bodies = hook(to, body);
                self.hooks.direct = Some(hook);
                bodies
            }
            None => vec![body],
        };
        bodies.into_iter().for_each(|body| self.hand_as_it_is(to, body));
    }

    /// The same, whatever the class does.
    pub(crate) fn hand_as_it_is(&mut self, to: DeviceId, body: Direct) {
        let queue = self.direct.entry(to).or_default();
        queue.last += 1;
        let item = DirectItem { number: queue.last, body };
        queue.items.push_back(item.clone());
        self.say(to, FromRelay::PushDirect(item));
    }

    /// A status statement that somebody has brought.
    pub(crate) fn take_status(&mut self, bytes: Bytes<{ limits::CHAIN }>) {
        let verified = SignedStatus::from_bytes(&bytes).ok();
        let verified = verified.and_then(|signed| signed.verify(&self.authority, self.clock.now()).ok());
        let Some(number) = verified.map(|status| status.number()).filter(|number| *number > self.status_number) else {
            return;
        };
        (self.status, self.status_number) = (bytes, number);
        for device in self.links.keys().copied().collect::<Vec<_>>() {
            self.say(device, FromRelay::PushStatus(self.status.clone()));
        }
    }
}
