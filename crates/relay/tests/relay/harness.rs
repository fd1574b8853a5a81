//! An office with a relay of its own in a temporary folder, and clients that speak the wire protocol by hand.

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use amanat_identity::{
    CertifiedRelay, DeviceChain, DeviceKeys, Enrolment, RevocationEntry, SignedStatus, Statement, Tier,
    armour::{self, FileKind},
    testing::Office,
};
use amanat_net::{DialError, Link, LinkReceiver, LinkSender, RelayTarget, dial};
use amanat_primitives::{ConversationId, DeviceId, Timestamp, UnitId, agree::NoiseSecret, passphrase::WorkPolicy};
use amanat_relay_core::{
    Clock, Config, Relay, Running, StartError, Steady,
    config::{Limits, Quotas},
    folder::{self, CERTIFICATE_FILE, Wishes},
};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List,
    client::{Hello, Identity, NumberedRequest, Read, Request, StatusUpdate, ToRelay, WhatIsNew},
    limits,
    log::{Entry, Joiner, RetentionClass, Unit, UnitKind},
    relay::{Answer, Appended, DirectItem, Entries, FromRelay, News, Ready, Refusal},
};
use rand_core::{OsRng, RngCore as _};
use tempfile::TempDir;
use tokio::time::timeout;

/// Nothing in these tests takes longer unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An office, its relay's folder, and the relay while it runs.
pub struct Site {
    pub office: Office,
    pub dir: TempDir,
    pub config: Config,
    pub running: Option<Running>,
    /// Milliseconds that the relay's clock is ahead of the system's.
    pub ahead: Arc<AtomicU64>,
    /// By how many more it is wrong.
    pub jumped: Arc<AtomicU64>,
}

pub fn now() -> Timestamp {
    SystemTime::now().into()
}

impl Site {
    pub async fn new() -> Self {
        Self::with(Limits::default(), small_quotas()).await
    }

    pub async fn with(limits: Limits, quotas: Quotas) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let domain = "interior.example".parse().unwrap();
        let wishes = Wishes { domain, listen: vec!["127.0.0.1:7461".parse().unwrap()], advertise: Vec::new() };
        folder::init(dir.path(), Some(wishes), &mut OsRng).unwrap();
        let keys = folder::load_keys(dir.path()).unwrap();
        let office = Office::with_relay(&mut OsRng, now(), "interior.example", keys, &["127.0.0.1:7461"]);
        certify(dir.path(), &office);
        let mut config = Config::load(dir.path()).unwrap();
        // Any free port; nothing here reads the address from the certificate.
        config.listen = vec!["127.0.0.1:0".parse().unwrap()];
        (config.limits, config.quotas) = (limits, quotas);
        let mut site = Self { office, dir, config, running: None, ahead: Arc::default(), jumped: Arc::default() };
        site.start().await;
        site
    }

    pub async fn start(&mut self) {
        self.try_start().await.unwrap();
    }

    /// Starts, unless the relay refuses to.
    pub async fn try_start(&mut self) -> Result<(), StartError> {
        let ahead = Arc::clone(&self.ahead);
        let time = move || now().after(Duration::from_millis(ahead.load(Ordering::SeqCst)));
        let (jumped, right) = (Arc::clone(&self.jumped), time.clone());
        let clock: Clock = Arc::new(move || right().after(Duration::from_millis(jumped.load(Ordering::SeqCst))));
        let steady: Steady = Arc::new(move || time().since(Timestamp::from_millis(0)));
        self.running = Some(Relay::start_with_clocks(self.config.clone(), self.dir.path(), clock, steady).await?);
        Ok(())
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub async fn stop(&mut self) -> bool {
        self.running.take().unwrap().shutdown().await
    }

    pub fn target(&self) -> RelayTarget {
        let relay = self.office.relay(now());
        RelayTarget {
            addresses: self.running().addresses().iter().map(ToString::to_string).collect(),
            tls_key: relay.tls_key(),
            noise_key: *relay.noise_key(),
            allow_public: false,
        }
    }

    pub async fn dial(&self, key: &NoiseSecret) -> Result<Link, DialError> {
        dial(&self.target(), key).await
    }

    /// A grant for `handle`, redeemed by these keys but not brought to the relay yet.
    pub fn enrolments(&self, handle: &str, keys: &[&DeviceKeys]) -> Vec<Enrolment> {
        let invitation = self.office.invite(&mut OsRng, handle, Tier::Secret, now());
        let bytes = invitation.to_bytes();
        keys.iter()
            .map(|keys| {
                let invitation = amanat_identity::Invitation::from_bytes(&bytes).unwrap();
                let opened = invitation.open(None, &WorkPolicy::STANDARD, now()).unwrap();
                opened.redeem(keys, now()).unwrap()
            })
            .collect()
    }

    /// Enrols a device of a new person through the relay; its link goes on.
    pub async fn enrol(&self, handle: &str) -> (Device, Client) {
        let keys = DeviceKeys::create(&mut OsRng);
        let enrolment = self.enrolments(handle, &[&keys]).remove(0);
        let client = Client::connect(self, keys.noise(), enrolling(&enrolment)).await.unwrap();
        let receipt = client.receipt.clone().unwrap();
        let chain = enrolment.into_chain(self.office.relay_certificate.clone(), receipt);
        chain.verify(self.office.authority(), now(), Timestamp::CLOCK_TOLERANCE).unwrap();
        (Device { keys, chain }, client)
    }

    /// Connects an enrolled device.
    pub async fn connect(&self, device: &Device) -> Client {
        Client::connect(self, device.keys.noise(), device.identity()).await.unwrap()
    }

    pub fn officer(&self) -> Identity {
        Identity::Officer(Bytes::new(self.office.officer_chain().to_bytes()).unwrap())
    }

    /// A status statement that is `age` old and so has a lower number than a younger one.
    pub fn status(&self, age: Duration) -> SignedStatus {
        self.office.status(now().before(age))
    }
}

pub fn small_quotas() -> Quotas {
    Quotas { free_disk_mib: 64, ..Quotas::default() }
}

pub fn certify(dir: &Path, office: &Office) {
    let authority = office.authority().certificate().clone();
    let certified = CertifiedRelay { authority, certificate: office.relay_certificate.clone() };
    let text = armour::write(FileKind::RelayCertificate, &certified.to_bytes()).unwrap();
    fs::write(dir.join(CERTIFICATE_FILE), text.as_bytes()).unwrap();
}

pub fn enrolling(enrolment: &Enrolment) -> Identity {
    Identity::Enrolling(Bytes::new(enrolment.to_bytes()).unwrap())
}

/// An enrolled device.
pub struct Device {
    pub keys: DeviceKeys,
    pub chain: DeviceChain,
}

impl Device {
    pub fn id(&self) -> DeviceId {
        self.keys.device_id()
    }

    pub fn identity(&self) -> Identity {
        Identity::Device(Bytes::new(self.chain.to_bytes()).unwrap())
    }
}

/// How a link ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// With a goodbye.
    Goodbye(Refusal),
    /// Without a word.
    Silent,
}

/// One side of a link, by hand.
pub struct Client {
    pub sender: LinkSender,
    pub receiver: LinkReceiver,
    pub ready: Ready,
    pub receipt: Option<Statement>,
    number: u32,
    /// What came that is not the answer that was waited for.
    pub pushes: VecDeque<FromRelay>,
    answers: VecDeque<(u32, Answer)>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

pub fn hello(identity: Identity) -> ToRelay {
    ToRelay::Hello(Hello { version: limits::PROTOCOL_VERSION, identity })
}

impl Client {
    pub async fn connect(site: &Site, key: &NoiseSecret, identity: Identity) -> Result<Self, End> {
        let link = site.dial(key).await.unwrap();
        Self::greet(link, &hello(identity)).await
    }

    pub async fn greet(link: Link, first: &ToRelay) -> Result<Self, End> {
        let Link { mut sender, mut receiver, .. } = link;
        sender.send_all([first.to_bytes()]).await.unwrap();
        let mut receipt = None;
        loop {
            match next(&mut receiver).await? {
                FromRelay::Enrolled(enrolled) => {
                    receipt = Some(Statement::from_bytes(&enrolled.receipt).unwrap());
                }
                FromRelay::Ready(ready) => {
                    let (pushes, answers) = (VecDeque::new(), VecDeque::new());
                    return Ok(Self { sender, receiver, ready, receipt, number: 0, pushes, answers });
                }
                FromRelay::Goodbye(refusal) => return Err(End::Goodbye(refusal)),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Sends a request without waiting for its answer; gives its number.
    pub async fn start(&mut self, request: Request) -> u32 {
        self.number += 1;
        let number = self.number;
        self.sender.send(&ToRelay::Request(NumberedRequest { number, request }).to_bytes()).await.unwrap();
        number
    }

    /// The next answer to any request.
    pub async fn any_answer(&mut self) -> Result<(u32, Answer), End> {
        if let Some(answer) = self.answers.pop_front() {
            return Ok(answer);
        }
        self.sender.flush().await.unwrap();
        loop {
            match next(&mut self.receiver).await? {
                FromRelay::Answer(answer) => return Ok((answer.number, answer.answer)),
                FromRelay::Goodbye(refusal) => return Err(End::Goodbye(refusal)),
                push => self.pushes.push_back(push),
            }
        }
    }

    /// The answer to the request of this number.
    pub async fn answer(&mut self, number: u32) -> Result<Answer, End> {
        let mut others = VecDeque::new();
        let found = loop {
            let (of, answer) = self.any_answer().await?;
            if of == number {
                break answer;
            }
            others.push_back((of, answer));
        };
        self.answers.append(&mut others);
        Ok(found)
    }

    pub async fn ask(&mut self, request: Request) -> Answer {
        let number = self.start(request).await;
        self.answer(number).await.unwrap()
    }

    /// The next message that is no answer.
    pub async fn push(&mut self) -> Result<FromRelay, End> {
        if let Some(push) = self.pushes.pop_front() {
            return Ok(push);
        }
        loop {
            match next(&mut self.receiver).await? {
                FromRelay::Answer(answer) => self.answers.push_back((answer.number, answer.answer)),
                FromRelay::Goodbye(refusal) => return Err(End::Goodbye(refusal)),
                push => return Ok(push),
            }
        }
    }

    pub async fn pushed_entry(&mut self) -> Entry {
        match self.push().await.unwrap() {
            FromRelay::Push(push) => push.entry,
            other => panic!("{other:?}"),
        }
    }

    pub async fn pushed_direct(&mut self) -> DirectItem {
        match self.push().await.unwrap() {
            FromRelay::PushDirect(item) => item,
            other => panic!("{other:?}"),
        }
    }

    pub async fn append(&mut self, unit: Unit) -> Appended {
        match self.ask(Request::Append(unit)).await {
            Answer::Appended(appended) => appended,
            other => panic!("{other:?}"),
        }
    }

    pub async fn news(&mut self) -> News {
        match self.ask(Request::News(WhatIsNew { after: None })).await {
            Answer::News(news) => news,
            other => panic!("{other:?}"),
        }
    }

    pub async fn read(&mut self, conversation: ConversationId, after: u64) -> Entries {
        let read = Read { conversation, after, max_entries: 1024 };
        match self.ask(Request::Read(read)).await {
            Answer::Entries(entries) => entries,
            other => panic!("{other:?}"),
        }
    }

    /// How the link ends, whatever comes before.
    pub async fn end(mut self) -> End {
        loop {
            match next(&mut self.receiver).await {
                Ok(FromRelay::Goodbye(refusal)) => return End::Goodbye(refusal),
                Ok(_) => {}
                Err(end) => return end,
            }
        }
    }
}

/// The next message of the relay.
pub async fn next(receiver: &mut LinkReceiver) -> Result<FromRelay, End> {
    match timeout(PATIENCE, receiver.recv()).await.expect("the relay is silent") {
        Ok(Some(bytes)) => Ok(FromRelay::from_bytes(&bytes).unwrap()),
        Ok(None) | Err(_) => Err(End::Silent),
    }
}

/// A status statement with the revocations of its list behind the first `first`.
pub fn put_status(status: &SignedStatus, first: usize, entries: &[RevocationEntry]) -> Request {
    let revocations: Vec<_> = entries.iter().skip(first).map(|entry| Bytes::new(entry.to_bytes()).unwrap()).collect();
    Request::PutStatement(StatusUpdate {
        status: Bytes::new(status.to_bytes()).unwrap(),
        first: u32::try_from(first).unwrap(),
        revocations: List::new(revocations).unwrap(),
    })
}

/// A unit with a random body.
pub fn unit(conversation: ConversationId, kind: UnitKind, commit: u64) -> Unit {
    let mut body = vec![0; 300];
    OsRng.fill_bytes(&mut body);
    Unit {
        id: UnitId::random(&mut OsRng),
        conversation,
        kind,
        class: RetentionClass::Month,
        seen_commit: commit,
        accepted_commit: commit,
        body: Bytes::new(body).unwrap(),
        roster_add: List::default(),
        roster_remove: List::default(),
        group_info: Bytes::default(),
        joiners: List::default(),
    }
}

pub fn message(conversation: ConversationId, commit: u64) -> Unit {
    unit(conversation, UnitKind::Message, commit)
}

/// A commit that adds and removes.
pub fn commit(conversation: ConversationId, last: u64, add: &[DeviceId], remove: &[DeviceId]) -> Unit {
    let kind = if last == 0 { UnitKind::Create } else { UnitKind::Commit };
    let mut unit = unit(conversation, kind, last);
    let joiners = add
        .iter()
        .map(|device| Joiner { device: *device, group_secrets: Bytes::new(device.as_bytes().to_vec()).unwrap() });
    if !add.is_empty() {
        unit.group_info = Bytes::new(vec![7; 900]).unwrap();
    }
    unit.joiners = List::new(joiners.collect::<Vec<_>>()).unwrap();
    unit.roster_add = List::new(add).unwrap();
    unit.roster_remove = List::new(remove).unwrap();
    unit
}

/// Opens a conversation of `founder` with others.
pub async fn found(founder: &mut Client, others: &[DeviceId]) -> ConversationId {
    let conversation = ConversationId::random(&mut OsRng);
    assert_eq!(founder.append(commit(conversation, 0, others, &[])).await.position, 1);
    conversation
}
