//! The policy (protocol-spec/09-policy, section 2): one document of the authority, which says what each tier allows and what
//! the leak filter looks for. This is its canonical encoding; [`source`](crate::source) is how an officer writes it.
//!
//! Its number only grows. A client applies the newest that the authority's root has signed, and never goes back to an older.

use std::collections::BTreeSet;

use amanat_identity::Tier;
use amanat_wire::{Decode as _, DecodeError, Encode as _, List, Text, code, log::RetentionClass, record};

use crate::{
    find::Rules,
    marking::{MARKINGS, Marking, Markings, PHRASES, read},
    rule::{RULES, Rule, RuleError},
    table::{SHAPES, TableShape},
    verdict::{Action, THRESHOLDS, Threshold},
};

/// The most bytes of an encoded policy.
pub const POLICY: usize = 1 << 20;
/// Procedures of one policy.
pub const PROCEDURES: usize = 64;

record!(
    /// The same in both languages.
    pub struct Words {
        /// In English.
        en: Text<8192>,
        /// In Urdu.
        ur: Text<8192>,
    }
);

code!(
    /// What a notification shows while the window is not in front.
    pub enum Notification {
        /// That something came.
        0 => Arrival,
        /// And from whom.
        1 => Sender,
        /// And what it says.
        2 => Content,
    }
);

record!(
    /// How often one device may do something before a second person has to approve; 0: as often as it likes.
    pub struct Limit {
        /// Within an hour.
        hour: u32,
        /// Within a day.
        day: u32,
    }
);

record!(
    /// What a tier allows.
    pub struct TierPolicy {
        /// How people call it.
        title: Words,
        /// Text may be copied out.
        copy: bool,
        /// Documents may be saved outside the vault.
        save: bool,
        /// Documents may be printed.
        print: bool,
        /// Messages and documents may be forwarded, never to a lower tier.
        forward: bool,
        /// Documents are shown in the window.
        preview: bool,
        /// What a notification shows.
        notification: Notification,
        /// What the relay is asked to keep.
        retention: RetentionClass,
        /// Days after which content is removed from every vault; 0: it stays.
        lifetime_days: u32,
        /// Seconds without a touch after which the client locks.
        idle_lock: u32,
        /// Seconds after which a status statement counts as expired, however long it claims to hold.
        offline: u32,
        /// Nothing is sent while the status statement is expired.
        stops_offline: bool,
        /// People of other authorities may be members.
        external: bool,
        /// The most people of a group; 0: as many as the protocol allows.
        group_size: u32,
        /// A second person approves what is saved, ...
        save_by_two: bool,
        /// ... and what history is handed out.
        history_by_two: bool,
        /// Documents opened.
        opens: Limit,
        /// Documents saved.
        saves: Limit,
        /// What the filter does, from how many of a kind on.
        thresholds: List<Threshold, THRESHOLDS>,
        /// What it does with a document that it cannot read.
        unreadable: Action,
        /// What it does with a recipient who may be the wrong one.
        recipient: Action,
    }
);

record!(
    /// A question of a procedure.
    pub struct Question {
        /// What is asked.
        ask: Words,
        /// To choose from.
        answers: List<Words, 6>,
        /// The place of the right one, from 0.
        right: u8,
    }
);

record!(
    /// A procedure: what who works at a tier does and does not do.
    pub struct Procedure {
        /// For instance `meetings`.
        id: Text<32>,
        /// Which tier opens after it has been read and signed.
        tier: Tier,
        /// Grows with each change that has to be signed anew.
        version: u32,
        /// What it is about.
        title: Words,
        /// What it says.
        body: Words,
        /// Answered before it is signed.
        questions: List<Question, 8>,
    }
);

record!(
    /// What the authority has laid down.
    pub struct Policy {
        /// Of this layout: 1.
        layout: Layout,
        /// Above that of every policy before; at least 1 where it is signed.
        number: u32,
        /// In the order of [`Tier::ALL`].
        tiers: List<TierPolicy, 5>,
        /// In the order in which they are tried.
        rules: List<Rule, RULES>,
        /// How tiers are written on paper.
        markings: List<Marking, MARKINGS>,
        /// What introduces a marking.
        labels: List<Text<64>, PHRASES>,
        /// What may stand on a marking's line and is none, such as how urgent something is.
        beside: List<Text<64>, PHRASES>,
        /// Tables that are looked for.
        tables: List<TableShape, SHAPES>,
        /// What is to be signed.
        procedures: List<Procedure, PROCEDURES>,
    }
);

/// The layout of this version, of policies and of records; any other is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout;

impl amanat_wire::Encode for Layout {
    fn encode(&self, w: &mut amanat_wire::Writer) {
        1u8.encode(w);
    }
}

impl amanat_wire::Decode for Layout {
    fn decode(r: &mut amanat_wire::Reader<'_>) -> Result<Self, DecodeError> {
        if u8::decode(r)? == 1 { Ok(Self) } else { Err(DecodeError::Invalid("layout")) }
    }
}

/// Why a policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is no encoded policy.
    #[error("the policy cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// It is longer than [`POLICY`] bytes.
    #[error("the policy is longer than {POLICY} bytes")]
    TooLong,
    /// It has not one entry for each tier.
    #[error("the policy needs all five tiers")]
    Tiers,
    /// A rule cannot be run.
    #[error("rule {name:?} cannot be run: {error}")]
    Rule {
        /// Its place.
        place: usize,
        /// Its name.
        name: String,
        /// Why.
        error: RuleError,
    },
    /// Two rules, shapes or procedures have one name.
    #[error("{0:?} is there twice")]
    Twice(String),
    /// Something that has to say something says nothing, or nothing that can be seen.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// The steps of a tier's filter are not in the order of their kinds and counts, or one is there twice.
    #[error("the steps of a filter are not in their order")]
    Order,
    /// A question's right answer is none of its answers.
    #[error("procedure {0:?} has a question without a right answer")]
    Question(String),
}

/// A policy that was checked, ready to be applied.
#[derive(Debug, Clone)]
pub struct Ready {
    policy: Policy,
    rules: Rules,
    markings: Markings,
}

impl Policy {
    /// Decodes and checks it. [POL-01]
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn read(bytes: &[u8]) -> Result<Ready, PolicyError> {
        if bytes.len() > POLICY {
            return Err(PolicyError::TooLong);
        }
        Self::from_bytes(bytes)?.ready()
    }

    /// Checks it and makes its rules ready to be run. [POL-03]
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn ready(self) -> Result<Ready, PolicyError> {
        if self.tiers.len() != Tier::ALL.len() {
            return Err(PolicyError::Tiers);
        }
        if self.to_bytes().len() > POLICY {
            return Err(PolicyError::TooLong);
        }
        let rules = Rules::compile(&self.rules).map_err(|(place, error)| {
            let name = self.rules.get(place).map(|rule| rule.name.to_string()).unwrap_or_default();
            PolicyError::Rule { place, name, error }
        })?;
        self.says_something()?;
        unique(self.rules.iter().map(|rule| &*rule.name))?;
        let phrases = self.markings.iter().flat_map(|marking| marking.phrases.iter());
        let phrases: Vec<String> = phrases.map(|phrase| read(phrase)).collect();
        unique(phrases.iter().map(String::as_str))?;
        unique(self.tables.iter().map(|table| &*table.name))?;
        unique(self.procedures.iter().map(|procedure| &*procedure.id))?;
        for procedure in self.procedures.iter() {
            if procedure.questions.iter().any(|question| usize::from(question.right) >= question.answers.len()) {
                return Err(PolicyError::Question(procedure.id.to_string()));
            }
        }
        let (labels, beside) = (self.labels.iter().map(|label| &**label), self.beside.iter().map(|word| &**word));
        let markings = Markings::new(&self.markings, labels, beside);
        Ok(Ready { policy: self, rules, markings })
    }
}

impl Policy {
    /// Nothing in it is empty that has to say something, and no filter's steps have more than one order.
    fn says_something(&self) -> Result<(), PolicyError> {
        let phrases = self.markings.iter().flat_map(|marking| marking.phrases.iter());
        let mut phrases = phrases.chain(self.labels.iter()).chain(self.beside.iter());
        if phrases.any(|phrase| read(phrase).is_empty()) {
            return Err(PolicyError::Empty("a marking, or a word beside one"));
        }
        let rules = self.rules.iter().map(|rule| rule.name.is_empty());
        let tables = self.tables.iter().map(|table| table.name.is_empty());
        let procedures = self.procedures.iter().map(|procedure| procedure.id.is_empty());
        if rules.chain(tables).chain(procedures).any(|empty| empty) {
            return Err(PolicyError::Empty("a name"));
        }
        if self.tiers.iter().any(|tier| tier.idle_lock == 0 || tier.offline == 0) {
            return Err(PolicyError::Empty("a span of time"));
        }
        let hollow =
            |table: &TableShape| table.columns.len() < 2 || table.columns.iter().any(|column| column.is_empty());
        if self.tables.iter().any(hollow) {
            return Err(PolicyError::Empty("a column of a table"));
        }
        for tier in self.tiers.iter() {
            if tier.thresholds.iter().any(|threshold| threshold.count == 0) {
                return Err(PolicyError::Empty("a count"));
            }
            let steps: Vec<_> = tier.thresholds.iter().map(|step| (&step.kind, step.count)).collect();
            if !steps.is_sorted_by(|one, next| one < next) {
                return Err(PolicyError::Order);
            }
        }
        Ok(())
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name)).map_or(Ok(()), |name| Err(PolicyError::Twice(name.to_owned())))
}

impl Ready {
    /// The document.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What a tier allows.
    #[must_use]
    pub fn tier(&self, tier: Tier) -> Option<&TierPolicy> {
        let place = Tier::ALL.iter().position(|other| *other == tier)?;
        self.policy.tiers.get(place)
    }

    pub(crate) fn thresholds(&self, tier: Tier) -> &[Threshold] {
        self.tier(tier).map_or(&[], |rules| &rules.thresholds)
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(crate) fn markings(&self) -> &Markings {
        &self.markings
    }
}
