//! Reading (protocol-spec/07-delivery, section 10): in the caller's thread, and only what is durable.
//!
//! A batch is in sled's memory before it is on disk. Readers take heads, rosters, queues and chains through
//! [`Engine::published`](crate::engine::Engine::published), which shows them as they were before a batch in progress,
//! and never look beyond such a head. [DELIV-02]

use std::{
    ops::ControlFlow,
    sync::{Arc, PoisonError},
};

use amanat_primitives::{ConversationId, DeviceId, Digest, StatementId};

use super::{
    Store, bodies,
    commits::Commits,
    directory::read_status,
    error::StoreError,
    keys,
    log::{union, with_leaving},
    record::{
        DeviceState, DirectRecord, EntryRecord, GrantRecord, Head, ListedRecord, Place, decode_devices, decode_leaving,
    },
    types::{
        Access, Body, DirectItem, Entries, Entry, KeyPackageCount, Listed, LogState, News, NewsPage, People, Roster,
    },
};
use crate::{KeyValue, error::Fault};

/// Devices of one person that are looked at.
const DEVICES_OF_ONE: usize = 256;
/// Index keys that one page of a search looks at.
const SEARCHED: usize = 10_000;
/// Cursors that one page of news looks at.
const LOOKED_AT: usize = 10_000;
/// How often to look again when the log is swept while it is read.
const READ_AGAIN: usize = 4;

impl Store {
    /// The entries after position `after`: at most `max_entries` (at least one), and no further one once their bodies exceed
    /// `max_bytes` (the first is given whatever its size). Of a log that is kept from `first_kept` on, only from there.
    /// Whether the asker may read is the caller's to check, with [`access`](Self::access).
    ///
    /// # Errors
    /// [`StoreError::UnknownConversation`], [`StoreError::Damaged`].
    pub fn read(
        &self,
        conversation: ConversationId,
        after: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Entries, StoreError> {
        for _ in 0..READ_AGAIN {
            let head = self.head(&conversation)?.ok_or(StoreError::UnknownConversation)?;
            if let Some(entries) = self.read_from(&conversation, &head, after, max_entries, max_bytes)? {
                return Ok(entries);
            }
        }
        Err(StoreError::Damaged)
    }

    /// The roster, as of the last durable commit; none if there is no such conversation.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn roster(&self, conversation: ConversationId) -> Result<Option<Roster>, StoreError> {
        for _ in 0..READ_AGAIN {
            let Some(stored) = self.engine.published(&keys::commits(&conversation))? else { return Ok(None) };
            let commits = Commits::decode(&stored)?;
            let last = commits.last()?;
            // A roster that nobody refers to any more is removed: then the commits have changed too.
            let Some(members) = self.roster_at(&conversation, last.roster_at)? else { continue };
            let members: Arc<[DeviceId]> = members.into();
            let leaving = self.engine.published(&keys::leaving(&conversation))?;
            let leaving = leaving.map_or_else(|| Ok(Vec::new()), |stored| decode_leaving(&stored))?;
            let before = match commits.find(last.accepted).filter(|accepted| accepted.roster_at != last.roster_at) {
                None => Some(Vec::new()),
                Some(accepted) => self.roster_at(&conversation, accepted.roster_at)?,
            };
            if let Some(before) = before {
                let readers = with_leaving(&union(&members, &before), &leaving);
                let leaving = leaving.iter().map(|left| (left.device, left.until)).collect();
                return Ok(Some(Roster { position: last.position, readers, members, leaving }));
            }
        }
        Err(StoreError::Damaged)
    }

    /// What a device may do in a conversation. [`Access::None`] also if there is no such conversation.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn access(&self, conversation: ConversationId, device: DeviceId) -> Result<Access, StoreError> {
        Ok(match self.roster(conversation)? {
            Some(roster) if roster.members.binary_search(&device).is_ok() => Access::Member,
            Some(roster) if roster.readers.binary_search(&device).is_ok() => Access::Leaving,
            _ => Access::None,
        })
    }

    /// Where a log stands for a device; none if it is not in its roster. The cursor may be up to 200 ms behind
    /// [`advance`](Self::advance).
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn log_state(&self, device: DeviceId, conversation: ConversationId) -> Result<Option<LogState>, StoreError> {
        let Some(cursor) = self.engine.get(&keys::cursor(&device, &conversation))? else { return Ok(None) };
        let cursor = u64::from_be_bytes(cursor.try_into().map_err(|_| Fault::Damaged)?);
        let Some(head) = self.head(&conversation)? else { return Ok(None) };
        Ok(Some(LogState { conversation, cursor, head: head.position, first_kept: head.first_kept }))
    }

    /// What is new for a device: logs whose head is beyond its cursor, and the front of its direct queue.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn news(&self, device: DeviceId, page: NewsPage) -> Result<News, StoreError> {
        let mut news = News::default();
        let mut cursors = Vec::new();
        let after = page.after.map(|conversation| keys::cursor(&device, &conversation));
        let mut looked_at = 0;
        self.engine.scan(&keys::cursors(&device), after.as_deref(), |key, value| {
            looked_at += 1;
            cursors.extend(keys::read_cursor(key).zip(value.try_into().ok().map(u64::from_be_bytes)));
            if looked_at < LOOKED_AT { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let full = cursors.len() >= LOOKED_AT;
        let last = cursors.last().map(|(conversation, _)| *conversation);
        for (conversation, cursor) in cursors {
            let Some(head) = self.head(&conversation)? else { continue };
            if head.position <= cursor {
                continue;
            }
            if news.logs.len() == page.logs {
                news.more_logs = news.logs.last().map(|state: &LogState| state.conversation).or(page.after);
                break;
            }
            news.logs.push(LogState { conversation, cursor, head: head.position, first_kept: head.first_kept });
        }
        if full && news.more_logs.is_none() {
            news.more_logs = last;
        }
        self.read_directs(&device, &page, &mut news)?;
        Ok(news)
    }

    /// Where a device stands in its logs, behind `after`: at most `limit` of them, and behind which to go on.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn cursors(
        &self,
        device: DeviceId,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Result<(Vec<LogState>, Option<ConversationId>), StoreError> {
        let mut cursors = Vec::new();
        let after = after.map(|conversation| keys::cursor(&device, &conversation));
        self.engine.scan(&keys::cursors(&device), after.as_deref(), |key, value| {
            cursors.extend(keys::read_cursor(key).zip(value.try_into().ok().map(u64::from_be_bytes)));
            if cursors.len() < limit.max(1) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let more = cursors.last().map(|(last, _)| *last).filter(|_| cursors.len() >= limit.max(1));
        let mut logs = Vec::with_capacity(cursors.len());
        for (conversation, cursor) in cursors {
            if let Some(head) = self.head(&conversation)? {
                logs.push(LogState { conversation, cursor, head: head.position, first_kept: head.first_kept });
            }
        }
        Ok((logs, more))
    }

    /// How many KeyPackages a device has left.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn key_package_count(&self, device: DeviceId) -> Result<KeyPackageCount, StoreError> {
        let state = self.device_state(&device)?;
        Ok(KeyPackageCount {
            one_time: state.packages_next - state.packages_first,
            last_resort: state.has_last_resort,
            last_resort_used: state.last_resort_used,
        })
    }

    /// A device's chain, if it is enrolled.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn chain(&self, device: DeviceId) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.engine.published(&keys::listed(&device))?;
        Ok(stored.map(|stored| ListedRecord::decode(&stored)).transpose()?.map(|record| record.chain))
    }

    /// All devices that the directory has of the person to whom a device belongs, itself included; none for an unknown
    /// one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn devices_beside(&self, device: DeviceId) -> Result<Vec<Listed>, StoreError> {
        let Some(stored) = self.engine.published(&keys::listed(&device))? else { return Ok(Vec::new()) };
        let handle = ListedRecord::decode(&stored)?.handle;
        let mut ids = Vec::new();
        self.engine.scan(&keys::index_of(&handle), None, |key, _| {
            ids.extend(keys::read_index(key).map(|(_, device)| device));
            if ids.len() < DEVICES_OF_ONE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let mut devices = Vec::with_capacity(ids.len());
        for device in ids {
            if let Some(chain) = self.chain(device)? {
                devices.push(Listed { handle: handle.clone(), device, chain });
            }
        }
        Ok(devices)
    }

    /// Devices whose search text contains `query` (all for an empty one), by handle, after handle `after` (empty for
    /// the first page). A page ends after `limit` devices, but not within a handle, and after looking at 10,000.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn people(&self, query: &str, after: &str, limit: usize) -> Result<People, StoreError> {
        let mut found: Vec<(String, DeviceId)> = Vec::new();
        let mut looked_at = 0;
        let mut last = String::new();
        let mut more = None;
        let after = (!after.is_empty()).then(|| keys::index_after(after));
        self.engine.scan(keys::INDEX, after.as_deref(), |key, search| {
            let Some((handle, device)) = keys::read_index(key) else { return ControlFlow::Continue(()) };
            if handle != last {
                if found.len() >= limit.max(1) || looked_at >= SEARCHED {
                    more = Some(std::mem::take(&mut last));
                    return ControlFlow::Break(());
                }
                handle.clone_into(&mut last);
            }
            looked_at += 1;
            if std::str::from_utf8(&search).is_ok_and(|search| search.contains(query)) {
                found.push((handle.to_owned(), device));
            }
            ControlFlow::Continue(())
        })?;
        let mut devices = Vec::with_capacity(found.len());
        for (handle, device) in found {
            // None if it is not durable yet.
            if let Some(chain) = self.chain(device)? {
                devices.push(Listed { handle, device, chain });
            }
        }
        Ok(People { devices, more })
    }

    /// The device that redeemed a grant.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn redeemed_by(&self, grant: &StatementId) -> Result<Option<DeviceId>, StoreError> {
        let Some(stored) = self.engine.published(&keys::grant(grant))? else { return Ok(None) };
        Ok(Some(GrantRecord::decode(&stored)?.device))
    }

    /// A statement, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn statement(&self, kind: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.engine.published(&keys::statement(kind, key))?)
    }

    /// At most `limit` statements of a kind with their keys, in key order, after key `after`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn statements(&self, kind: u8, after: Option<&[u8]>, limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        let mut names = Vec::new();
        let after = after.map(|key| keys::statement(kind, key));
        if limit > 0 {
            self.engine.scan(&keys::statement(kind, b""), after.as_deref(), |key, _| {
                names.push(key.get(2..).unwrap_or_default().to_vec());
                if names.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
        }
        let mut statements = Vec::with_capacity(names.len());
        for name in names {
            statements.extend(self.statement(kind, &name)?.map(|bytes| (name, bytes)));
        }
        Ok(statements)
    }

    /// At most `limit` entries of the list of revocations, those behind the first `after`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn revocations(&self, after: u32, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut revocations = Vec::new();
        for place in (after..).take(limit) {
            match self.engine.published(&keys::revocation(place))? {
                Some(revocation) => revocations.push(revocation),
                None => break,
            }
        }
        Ok(revocations)
    }

    /// The latest status statement and its number.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn latest_status(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let Some(stored) = self.engine.published(keys::STATUS)? else { return Ok(None) };
        let (number, bytes) = read_status(&stored)?;
        Ok(Some((number, bytes.to_vec())))
    }

    /// Where a log stands on disk. [DELIV-02]
    pub(super) fn head(&self, conversation: &ConversationId) -> Result<Option<Head>, Fault> {
        // The last entry before the head: a sweep that removes the one stores the other.
        let last = self.engine.last(&keys::entries(conversation))?;
        let Some(stored) = self.engine.get(&keys::head(conversation))? else { return Ok(None) };
        let mut head = Head::decode(&stored)?;
        if let Some((key, stored)) = last
            && let Some(position) = keys::read_entry(&key).filter(|position| *position > head.position)
        {
            head.follow(position, &EntryRecord::decode(&stored)?);
        }
        // In this order: a batch says where the log stood before it is applied, and takes that back once it is synced.
        let unpublished = self.unpublished.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((position, running)) = unpublished.get(conversation) {
            (head.position, head.running) = (*position, *running);
        }
        // What a batch in progress removes may be seen as removed at once: at worst it is there again after a crash.
        head.first_kept = head.first_kept.min(head.position + 1);
        Ok(Some(head).filter(|head| head.position > 0))
    }

    fn device_state(&self, device: &DeviceId) -> Result<DeviceState, Fault> {
        let stored = self.engine.published(&keys::device(device))?;
        stored.map_or_else(|| Ok(DeviceState::default()), |stored| DeviceState::decode(&stored))
    }

    fn roster_at(&self, conversation: &ConversationId, position: u64) -> Result<Option<Vec<DeviceId>>, Fault> {
        let stored = self.engine.get(&keys::roster(conversation, position))?;
        stored.map(|stored| decode_devices(&stored)).transpose()
    }

    /// None if the log was swept meanwhile.
    fn read_from(
        &self,
        conversation: &ConversationId,
        head: &Head,
        after: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Option<Entries>, StoreError> {
        let first = after.saturating_add(1).max(head.first_kept);
        let last = head.position.min(first.saturating_add(max_entries.max(1) as u64).saturating_sub(1));
        let mut entries: Vec<Entry> = Vec::new();
        if first <= last {
            let mut records = Vec::new();
            let mut bytes = 0;
            let before = keys::entry(conversation, first - 1);
            self.engine.scan(&keys::entries(conversation), Some(&before), |key, value| {
                bytes += value.len();
                records.push((keys::read_entry(key), value));
                let enough = records.len() as u64 > last - first || bytes > max_bytes;
                if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            let mut bytes = 0;
            for (position, (found, stored)) in (first..=last).zip(records) {
                if found != Some(position) {
                    return Ok(None);
                }
                let Some(entry) = self.entry(position, EntryRecord::decode(&stored)?)? else { return Ok(None) };
                bytes += if let Body::Kept(body) = &entry.body { body.len() } else { 0 };
                if bytes > max_bytes && !entries.is_empty() {
                    break;
                }
                entries.push(entry);
            }
            if entries.is_empty() {
                return Ok(None);
            }
        }
        let running_before = match entries.first() {
            None => head.running,
            Some(_) if first == head.first_kept => head.base,
            Some(_) => {
                let Some(stored) = self.engine.get(&keys::entry(conversation, first - 1))? else { return Ok(None) };
                EntryRecord::decode(&stored)?.running
            }
        };
        Ok(Some(Entries { entries, running_before, first_kept: head.first_kept, head: head.position }))
    }

    fn entry(&self, position: u64, record: EntryRecord) -> Result<Option<Entry>, Fault> {
        let body = match record.place {
            Place::Inline(bytes) => Body::Kept(bytes),
            Place::Counted(hash, length) => match bodies::read(&self.dir, &self.engine, &hash, length)? {
                Some(bytes) => Body::Kept(bytes),
                None => return Ok(None),
            },
            Place::Gone(hash) => Body::Expired(hash),
        };
        Ok(Some(Entry {
            position,
            kind: record.kind,
            class: record.class,
            stamp: record.stamp,
            author: record.author,
            unit: record.unit,
            seen_commit: record.seen_commit,
            accepted_commit: record.accepted_commit,
            running: record.running,
            receipt: Some(record.receipt).filter(|receipt| !receipt.is_empty()),
            body,
        }))
    }

    fn read_directs(&self, device: &DeviceId, page: &NewsPage, news: &mut News) -> Result<(), StoreError> {
        let state = self.device_state(device)?;
        let after = keys::direct(device, page.direct_after);
        let mut records = Vec::new();
        let mut bytes = 0;
        let left = state.direct_next.saturating_sub(state.direct_first.max(page.direct_after.saturating_add(1)));
        if left == 0 || page.direct == 0 {
            news.more_direct = left > 0;
            return Ok(());
        }
        self.engine.scan(&keys::directs(device), Some(&after), |key, value| {
            let number = key.get(33..).and_then(|number| number.try_into().ok()).map_or(u64::MAX, u64::from_be_bytes);
            if number >= state.direct_next {
                return ControlFlow::Break(());
            }
            bytes += value.len();
            records.push((number, value));
            let enough = records.len() >= page.direct || bytes > page.direct_bytes;
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let mut bytes = 0;
        let mut known: Option<(Digest, Arc<Vec<u8>>)> = None;
        for (number, stored) in records {
            let record = DirectRecord::decode(&stored)?;
            let shared = match record.shared {
                None => None,
                Some((hash, length)) => match &known {
                    Some((before, body)) if *before == hash => Some(body.clone()),
                    _ => match bodies::read(&self.dir, &self.engine, &hash, length)? {
                        Some(body) => Some(Arc::new(body)),
                        // Released since: the item has just been removed.
                        None => continue,
                    },
                },
            };
            bytes += record.body.len() + shared.as_ref().map_or(0, |body| body.len());
            if bytes > page.direct_bytes && !news.direct.is_empty() {
                break;
            }
            known = record.shared.map(|(hash, _)| hash).zip(shared.clone()).or(known);
            news.direct.push(DirectItem {
                number,
                kind: record.kind,
                stamp: record.stamp,
                origin: record.origin,
                body: record.body,
                shared,
            });
        }
        news.more_direct = news.direct.last().is_some_and(|item| item.number + 1 < state.direct_next);
        Ok(())
    }
}
