//! Two people of an office whose content is the canaries, at the command line: what they do, and what their programs log.

use std::{cell::RefCell, net::SocketAddr};

use amanat_tests::programs::{Ended, Folder, Invocation, Office, PASSPHRASE, RelayProcess, free_address};
use serde_json::Value;

use crate::canaries::{Canaries, Put};

/// The office, its relay and its programs at their most talkative, and a folder for what people have outside Amanat.
pub(crate) struct Staff<'a> {
    pub(crate) office: Office,
    pub(crate) outside: Folder,
    /// Where the line to the relay is dialled.
    pub(crate) line: SocketAddr,
    pub(crate) canaries: &'a Canaries,
    /// What is told apart from an invitation, in the ways in which it is written; and what closes the authority's keys.
    pub(crate) codes: RefCell<Vec<String>>,
    /// What the programs have logged.
    pub(crate) logs: RefCell<String>,
}

/// Who holds which.
pub(crate) const SECRETARY: (&str, Put) = ("secretary", Put::SecretaryPassphrase);
pub(crate) const DIRECTOR: (&str, Put) = ("director", Put::FirstPassphrase);
const DIRECTOR_LATER: (&str, Put) = ("director", Put::ChangedPassphrase);

fn id(line: &Value, field: &str) -> String {
    line[field].as_str().unwrap_or_else(|| panic!("no {field} in {line}")).to_owned()
}

impl<'a> Staff<'a> {
    /// An office of two, its line recorded from its first byte on.
    pub(crate) fn new(canaries: &'a Canaries) -> Self {
        let line = free_address();
        let mut office = Office::behind(line);
        office.line().record();
        office.stop_relay();
        let loud = ["env", "AMANAT_LOG=trace"];
        *office.relay() = Some(RelayProcess::start_under(&loud, &office.folder.path("relay"), office.address));
        for dir in ["tmp", "runtime"] {
            std::fs::create_dir(office.folder.path(dir)).unwrap();
        }
        let outside = Folder::default();
        let staff = Self { office, outside, line, canaries, codes: RefCell::default(), logs: RefCell::default() };
        staff.office.invite("secretary", "secret", &[]).ok();
        staff.say(SECRETARY, &["join", "secretary.invitation"]);
        let code = id(&staff.office.invite("director", "secret", &["--code"]).ok().one(), "code");
        let join = staff.by(DIRECTOR, &["join", "director.invitation"]).env("AMANAT_CODE", &code);
        staff.logged(join.run()).ok();
        *staff.codes.borrow_mut() =
            vec![PASSPHRASE.to_owned(), code.replace('-', ""), code.replace('-', "").to_lowercase(), code];
        let change = staff.by(DIRECTOR, &["passphrase"]);
        staff.logged(change.env("AMANAT_NEW_PASSPHRASE", &canaries.word(Put::ChangedPassphrase)).run()).ok();
        let keys = staff.by(DIRECTOR, &["officer", "init", "--out", "desk2"]);
        staff.logged(keys.env("AMANAT_OFFICER_PASSPHRASE", &canaries.word(Put::OfficerPassphrase)).run()).ok();
        staff
    }

    /// A command about to run.
    fn by(&self, (handle, passphrase): (&str, Put), words: &[&str]) -> Invocation {
        let command = self.office.by(handle, words).env("AMANAT_PASSPHRASE", &self.canaries.word(passphrase));
        command.env("AMANAT_LOG", "trace").env("TMPDIR", self.office.folder.path("tmp").to_str().unwrap())
    }

    pub(crate) fn logged(&self, ended: Ended) -> Ended {
        self.logs.borrow_mut().push_str(&ended.err);
        ended
    }

    pub(crate) fn say(&self, who: (&str, Put), words: &[&str]) -> Vec<Value> {
        self.logged(self.by(who, words).run()).ok().json()
    }

    /// The same with the canaries of a place on standard input, as `-` among the words; the message's id.
    pub(crate) fn tell(&self, who: (&str, Put), words: &[&str], put: Put) -> String {
        let ended = self.by(who, words).input(self.canaries.text(put).as_bytes()).run();
        id(&self.logged(ended).ok().one(), "message")
    }

    /// Everything that the director says, and the secretary hears: the conversation.
    pub(crate) fn talk(&self) -> Talk {
        let (canaries, d) = (self.canaries, DIRECTOR_LATER);
        let (title, later) = (canaries.text(Put::Title), canaries.text(Put::UrduTitle));
        let new = ["new", title.as_str(), "--tier", "confidential", "--member", "secretary"];
        let conversation = id(&self.say(d, &new)[0], "conversation");
        let c = conversation.as_str();
        for put in [Put::Text, Put::UrduText] {
            self.tell(d, &["send", c, "-"], put);
        }
        self.tell(d, &["send", c, "-", "--ask-ack", "--expires", "7d"], Put::ExpiringText);
        let edited = self.tell(d, &["send", c, "-"], Put::BeforeEdit);
        let deleted = self.tell(d, &["send", c, "-"], Put::Deleted);
        self.say(d, &["title", c, &later]);
        let small = [canaries.text(Put::Small).into_bytes(), canaries.large()];
        let names = [canaries.word(Put::SmallName), canaries.word(Put::LargeName)];
        let documents = names.iter().zip(&small).map(|(name, bytes)| {
            self.outside.write(name, bytes);
            let path = self.outside.path(name);
            id(&self.say(d, &["send", c, "--file", path.to_str().unwrap()])[0], "document")
        });
        let documents = documents.collect();
        Talk { conversation, edited, deleted, documents }
    }

    /// What the secretary has of it, and answers; the director changes and takes back what was said.
    pub(crate) fn answer(&self, talk: &Talk) {
        let (c, s, d) = (talk.conversation.as_str(), SECRETARY, DIRECTOR_LATER);
        self.say(s, &["sync"]);
        let read = self.read(s, c);
        self.holds(&read, &[Put::Text, Put::UrduText, Put::ExpiringText]);
        self.holds(&read, &[Put::BeforeEdit, Put::Deleted]);
        self.holds(&self.prints(s, &["documents", c]), &[Put::SmallName, Put::LargeName]);
        self.holds(&self.prints(s, &["conversations"]), &[Put::UrduTitle]);
        for (n, document) in talk.documents.iter().enumerate() {
            let out = self.outside.path(&format!("saved{n}"));
            self.say(s, &["save", document, "--out", out.to_str().unwrap()]);
        }
        let saved = |n| std::fs::read(self.outside.path(n)).unwrap();
        assert!(
            saved("saved0") == self.canaries.text(Put::Small).into_bytes() && saved("saved1") == self.canaries.large()
        );
        self.tell(s, &["reply", &talk.edited, "-"], Put::Reply);
        self.say(s, &["react", &talk.edited, &self.canaries.text(Put::Reaction)]);

        self.say(d, &["sync"]);
        self.tell(d, &["edit", &talk.edited, "-"], Put::AfterEdit);
        self.say(d, &["delete", &talk.deleted]);
        self.holds(&self.read(d, c), &[Put::Reply, Put::Reaction, Put::AfterEdit]);
        self.say(s, &["sync"]);
        // And marks all as read.
        let read = self.prints(s, &["read", c]);
        self.holds(&read, &[Put::AfterEdit]);
        for put in [Put::BeforeEdit, Put::Deleted] {
            assert!(self.canaries.of(put).iter().all(|canary| !read.contains(canary)), "{put:?} is shown: {read}");
        }
        let export = self.by(s, &["history", "export", "--out", "secretary.history"]);
        let ended = export.env("AMANAT_HISTORY_PASSPHRASE", &self.canaries.word(Put::HistoryPassphrase)).run();
        let exported = self.logged(ended).ok().one();
        assert!(exported["messages"].as_u64().unwrap() > 7, "{exported}");
    }

    /// A message that nobody has read yet when the window opens.
    pub(crate) fn show(&self, talk: &Talk) {
        self.tell(DIRECTOR_LATER, &["send", &talk.conversation, "-"], Put::Shown);
    }

    /// What was typed in the window has come.
    pub(crate) fn hear(&self, talk: &Talk) {
        self.say(DIRECTOR_LATER, &["sync"]);
        self.holds(&self.read(DIRECTOR_LATER, &talk.conversation), &[Put::Typed]);
    }

    /// Queues a message that is not sent: there is no relay.
    pub(crate) fn queue(&self, talk: &Talk) {
        self.tell(DIRECTOR_LATER, &["send", &talk.conversation, "-", "--queue"], Put::Queued);
    }

    fn read(&self, who: (&str, Put), conversation: &str) -> String {
        self.prints(who, &["read", conversation, "--peek"])
    }

    fn prints(&self, who: (&str, Put), words: &[&str]) -> String {
        self.logged(self.by(who, words).run()).ok().out
    }

    /// The control of everything: these canaries are there for who may read them.
    fn holds(&self, printed: &str, puts: &[Put]) {
        for put in puts {
            let canaries = self.canaries.of(*put);
            let missing = canaries.iter().filter(|canary| !printed.contains(canary.as_str())).count();
            assert_eq!(missing, 0, "of the {} canaries of {put:?}: {printed}", canaries.len());
        }
    }
}

/// Where the canaries went.
pub(crate) struct Talk {
    conversation: String,
    edited: String,
    deleted: String,
    documents: Vec<String>,
}
