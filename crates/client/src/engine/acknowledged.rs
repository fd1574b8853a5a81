//! How far the others have acknowledged what this device sent (protocol-spec/07-delivery, section 12), whoever
//! comes, goes and comes back.
//!
//! A message counts as delivered when every device that it was sent to has acknowledged it. So whoever was added behind it
//! does not matter for it, whatever that device acknowledges; and what a device had not acknowledged when it was removed
//! stays lost to its person, who may come back with it or with another one.

use std::collections::BTreeMap;

use amanat_conversation::ReceiptLine;
use amanat_primitives::{DeviceId, Timestamp};
use amanat_wire::{List, Text};

use crate::rows::{ConversationRow, LOST, LostRow, TrackRow};

/// What is acknowledged of a message.
#[derive(Clone, Copy)]
enum What {
    Delivered,
    Read,
}

impl What {
    fn of_track(self, track: &TrackRow) -> u64 {
        match self {
            Self::Delivered => track.has,
            Self::Read => track.has_read,
        }
    }

    fn of_lost(self, lost: &LostRow) -> u64 {
        match self {
            Self::Delivered => lost.after,
            Self::Read => lost.after_read,
        }
    }

    /// Whether everybody whom one's own content of this counter was sent to has acknowledged it. [DELIV-250] [DELIV-252]
    fn acknowledged(self, row: &ConversationRow, tracks: &BTreeMap<DeviceId, TrackRow>, counter: u64) -> bool {
        let mut somebody = false;
        for track in tracks.values().filter(|track| track.base < counter) {
            if self.of_track(track) < counter {
                return false;
            }
            somebody = true;
        }
        let mut lost = row.lost.iter().filter(|lost| self.of_lost(lost) < counter && counter <= lost.up_to);
        if lost.any(|lost| lost.present || !somebody) {
            return false;
        }
        // While nobody else is there it is sent to nobody.
        !tracks.is_empty() || counter <= row.alone
    }

    /// Up to which counter that is so of all.
    fn acknowledged_up_to(self, row: &ConversationRow, tracks: &BTreeMap<DeviceId, TrackRow>) -> u64 {
        let of_tracks = tracks.values().flat_map(|track| [track.base, self.of_track(track)]);
        let of_lost = row.lost.iter().flat_map(|lost| [self.of_lost(lost), lost.up_to]);
        // Between two of these all are acknowledged or none is.
        let mut steps: Vec<u64> = of_tracks.chain(of_lost).chain([row.alone, row.accepted]).collect();
        steps.retain(|step| (1..=row.accepted).contains(step));
        steps.sort_unstable();
        steps.iter().take_while(|step| self.acknowledged(row, tracks, **step)).last().copied().unwrap_or_default()
    }
}

/// Whether all have acknowledged one's own content of this counter as delivered, and as read.
pub(crate) fn acknowledged_by_all(
    row: &ConversationRow,
    tracks: &BTreeMap<DeviceId, TrackRow>,
    counter: u64,
) -> (bool, bool) {
    (What::Delivered.acknowledged(row, tracks, counter), What::Read.acknowledged(row, tracks, counter))
}

/// Up to which counter they have acknowledged all.
pub(crate) fn acknowledged_up_to(row: &ConversationRow, tracks: &BTreeMap<DeviceId, TrackRow>) -> (u64, u64) {
    (What::Delivered.acknowledged_up_to(row, tracks), What::Read.acknowledged_up_to(row, tracks))
}

/// Takes what another device acknowledges of one's own contents, of which those up to `accepted` stand in the log before it.
/// Whether that moves the state of any.
pub(crate) fn take(track: &mut TrackRow, line: &ReceiptLine, accepted: u64) -> bool {
    // Something that was sent to it stands before what it saw first; or it speaks of what is not sent yet, and so of an
    // earlier membership of this device. [DELIV-252]
    if line.begins > track.base_lasting || line.delivered > accepted {
        return false;
    }
    let before = (track.has, track.has_read);
    track.has = track.has.max(line.delivered);
    track.has_read = track.has_read.max(line.read);
    before != (track.has, track.has_read)
}

/// How a commit changes who else is there.
pub(crate) struct Devices {
    /// Who goes, each device with its person.
    pub(crate) removed: Vec<(DeviceId, String)>,
    /// Who comes, or comes again.
    pub(crate) added: Vec<DeviceId>,
    /// Who is there after it.
    pub(crate) members: Vec<(DeviceId, String)>,
    /// When, by its author's clock.
    pub(crate) committed_at: Timestamp,
}

/// The others' devices change with a commit that was merged. [DELIV-250]
pub(crate) fn change_devices(
    row: &mut ConversationRow,
    tracks: &mut BTreeMap<DeviceId, TrackRow>,
    Devices { removed, added, members, committed_at }: Devices,
) {
    let mut lost = std::mem::take(&mut row.lost).into_vec();
    let was_alone = tracks.is_empty();
    for (device, person) in removed {
        let Some(track) = tracks.remove(&device) else { continue };
        // While another of its person's devices stays, that one has to tell what was sent to both.
        let stay = members.iter().filter(|(other, whose)| *whose == person && !added.contains(other));
        let stay = stay.filter_map(|(other, _)| tracks.get(other)).map(|other| other.base).min();
        let up_to = stay.filter(|_| !added.contains(&device)).unwrap_or(row.accepted);
        let (after, after_read) = (track.has.max(track.base), track.has_read.max(track.base));
        let person = Text::new(person).unwrap_or_default();
        lost.push(LostRow { person, after, after_read, up_to, present: false });
    }
    if tracks.is_empty() && !was_alone {
        row.alone = row.accepted;
    }
    if tracks.is_empty() && !added.is_empty() {
        let (after, after_read) = (row.alone, row.alone);
        lost.push(LostRow { person: Text::default(), after, after_read, up_to: row.accepted, present: true });
    }
    for device in added {
        let (base, base_lasting) = (row.accepted, row.accepted_lasting);
        let track = TrackRow { added_at: committed_at, base, base_lasting, ..TrackRow::new(device) };
        tracks.insert(device, track);
    }
    for lost in lost.iter_mut().filter(|lost| !lost.person.is_empty()) {
        lost.present = members.iter().any(|(_, person)| *person == *lost.person);
    }
    row.lost = kept(lost);
}

/// As many as are kept: beyond that the two earliest become one, of everybody.
fn kept(mut lost: Vec<LostRow>) -> List<LostRow, LOST> {
    lost.retain(|lost| lost.after.min(lost.after_read) < lost.up_to);
    while lost.len() > LOST {
        let (a, b) = (lost.remove(0), lost.remove(0));
        let both = LostRow {
            person: Text::default(),
            after: a.after.min(b.after),
            after_read: a.after_read.min(b.after_read),
            up_to: a.up_to.max(b.up_to),
            present: true,
        };
        lost.insert(0, both);
    }
    List::new(lost).unwrap_or_default()
}

#[cfg(test)]
mod tests;
