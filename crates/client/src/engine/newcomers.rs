//! People who are still to be added to a conversation (protocol-spec/07-delivery, section 12): more than fit into one commit
//! are on record until the commits that add them are applied, or one that removes them, so that whoever is stopped in
//! between goes on with them.
//!
//! On record are people. The KeyPackages that were claimed for them are in memory, with the wants that use them up; where
//! these are gone, or did not get everybody in, people are looked up once more over the link, and others claimed. Who
//! cannot be added then is taken off the record. [DELIV-213]

use amanat_conversation::{Conversation, Merged};
use amanat_identity::Address;
use amanat_primitives::ConversationId;
use amanat_wire::{List, Text};

use super::{
    Input,
    apply::Draft,
    core::{Core, tier_of},
    create::gather_each,
    membership::Newcomers,
    outgoing::{LONG_REST, text},
    roles::Before,
};
use crate::{
    Failure, FailureCode, failure,
    rows::{NEWCOMERS, NewcomersRow},
    vault::{Batch, Scope},
};

/// People who are still to be added, as they are on disk.
#[derive(Default)]
pub(crate) struct OnRecord {
    people: Vec<Address>,
    /// They are being looked up.
    fetching: bool,
    /// Over which link they were last looked up; links count from 1.
    link: u64,
}

impl OnRecord {
    /// As the vault has them.
    pub(crate) fn of(row: &NewcomersRow) -> Result<Self, Failure> {
        let people = row.people.iter().map(|person| person.parse().map_err(|_| failure::damaged()));
        Ok(Self { people: people.collect::<Result<_, _>>()?, ..Self::default() })
    }

    /// Durable by now.
    pub(crate) fn set(&mut self, people: Vec<Address>) {
        self.people = people;
    }

    /// Nobody is.
    pub(crate) fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

/// Puts who is still to be added into a batch.
pub(crate) fn put_newcomers(batch: &mut Batch, id: ConversationId, people: &[Address]) -> Result<(), Failure> {
    if people.is_empty() {
        batch.delete(Scope::Newcomers, id.as_bytes());
        return Ok(());
    }
    let people: Vec<Text<256>> = people.iter().map(|person| text(person.to_string())).collect::<Result<_, _>>()?;
    let advice = "add them in several steps";
    let people = List::<_, NEWCOMERS>::new(people)
        .map_err(|_| failure::too_large("list of people to be added", "1,500 people", advice))?;
    batch.put(Scope::Newcomers, id.as_bytes(), &NewcomersRow { conversation: id, people });
    Ok(())
}

impl Core {
    /// Puts people on record, beside those who are.
    pub(crate) fn record_newcomers(&mut self, id: ConversationId, new: Vec<Address>) -> Result<(), Failure> {
        let Some(open) = self.conversations.get(&id) else { return Ok(()) };
        let mut people = open.newcomers.people.clone();
        for person in new {
            if !people.contains(&person) {
                people.push(person);
            }
        }
        self.keep_newcomers(id, people)?;
        if let Some(open) = self.conversations.get_mut(&id) {
            // Where what was claimed for them just now does not do.
            open.newcomers.link = 0;
        }
        Ok(())
    }

    fn keep_newcomers(&mut self, id: ConversationId, people: Vec<Address>) -> Result<(), Failure> {
        let mut batch = Batch::default();
        put_newcomers(&mut batch, id, &people)?;
        self.vault.commit(batch)?;
        if let Some(open) = self.conversations.get_mut(&id) {
            open.newcomers.set(people);
        }
        Ok(())
    }

    /// Whoever a commit has added, or has removed altogether, is no longer to be added. [DELIV-213]
    pub(crate) fn newcomers_changed(
        &self,
        group: &Conversation,
        draft: &mut Draft,
        before: &Before,
        merged: &Merged,
    ) -> Result<(), Failure> {
        let people = match &draft.newcomers {
            Some(people) => people,
            None => &self.conversation(draft.id)?.newcomers.people,
        };
        if people.is_empty() {
            return Ok(());
        }
        let members = group.members();
        let is_in = |person: &Address| members.iter().any(|member| member.address == *person);
        let added = |person: &Address| merged.added.iter().any(|member| member.address == *person);
        let removed = |person: &Address| {
            merged.removed.iter().any(|device| before.address(device) == Some(person)) && !is_in(person)
        };
        let stays = |person: &&Address| !added(person) && !removed(person);
        let left: Vec<Address> = people.iter().filter(stays).cloned().collect();
        if left.len() < people.len() {
            put_newcomers(&mut draft.batch, draft.id, &left)?;
            draft.newcomers = Some(left);
        }
        Ok(())
    }

    /// No change is wanted that this run knows of: whoever is on record is looked up, once over each link, and then taken
    /// off.
    pub(crate) fn see_to_newcomers(&mut self, id: ConversationId) -> Result<(), Failure> {
        let Ok(open) = self.conversation(id) else { return Ok(()) };
        let (tier, tried) = (tier_of(open.row.tier), open.newcomers.link == self.links);
        if open.newcomers.is_empty() || open.newcomers.fetching || !self.may_send(tier) {
            return Ok(());
        }
        let people = open.newcomers.people.clone();
        if tried || self.may_add(id, &people).is_err() {
            tracing::warn!(people = people.len(), "people could not be added to a conversation and are left out");
            return self.keep_newcomers(id, Vec::new());
        }
        let members = self.group(id)?.members();
        let except = members.iter().map(|member| member.device).collect();
        let (Some(calls), known) = (self.calls(), self.known(&people)?) else { return Ok(()) };
        let link = self.links;
        if let Some(open) = self.conversations.get_mut(&id) {
            (open.newcomers.fetching, open.newcomers.link) = (true, link);
        }
        self.spawn(async move {
            let found = gather_each(&calls, &known, (tier, &people), &except).await;
            Input::Newcomers(Newcomers { conversation: id, reply: None, on_record: true, found })
        });
        Ok(())
    }

    /// They were looked up, and there is nobody to be added; or the relay did not answer, and is asked later.
    pub(crate) fn newcomers_failed(&mut self, id: ConversationId, failure: &Failure) -> Result<(), Failure> {
        if failure.code != FailureCode::Offline {
            return self.see_to_newcomers(id);
        }
        self.rest_conversation(id, self.now().after(LONG_REST));
        if let Some(open) = self.conversations.get_mut(&id) {
            open.newcomers.link = 0;
        }
        Ok(())
    }

    /// The answer is here.
    pub(crate) fn newcomers_looked_up(&mut self, id: ConversationId) {
        if let Some(open) = self.conversations.get_mut(&id) {
            open.newcomers.fetching = false;
        }
    }
}
