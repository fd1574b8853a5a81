//! A writer that turns keys as the vault does (protocol-spec/07-delivery, section 12), and the check of what is left.

use std::path::Path;

use amanat_store::{
    slots::{SLOT, Slot, Slots},
    table::{Batch, Options, Table},
};

/// The row that names the slot in force.
const NAMED: &[u8] = b"slot";
const PLACES: u64 = 64;

/// Turns the key until it is stopped.
pub(crate) fn run(dir: &Path, say: impl Fn(&str)) {
    let table = Table::open(dir, &Options::new("vault", 2)).unwrap();
    let slots = Slots::open(dir).unwrap();
    if slots.all().unwrap().is_empty() {
        slots.grow().unwrap();
    }
    let mut before = named(&table);
    // What a cut left between the row and the wiping of the key before, as the vault does when it opens.
    for (left, slot) in (0..).zip(slots.all().unwrap()) {
        if slot != [0; SLOT] && before.map(place) != Some(left) {
            slots.write(left, &[0; SLOT]).unwrap();
        }
    }
    slots.sync().unwrap();
    loop {
        let number = before.map_or(1, |before| before + 1);
        slots.write(place(number), &key(number)).unwrap();
        slots.sync().unwrap();
        table.commit(Batch::new().put(NAMED, &number.to_be_bytes())).unwrap();
        if let Some(before) = before {
            slots.write(place(before), &[0; SLOT]).unwrap();
            slots.sync().unwrap();
        }
        say(&format!("turned {number}"));
        before = Some(number);
    }
}

/// The turn in force after a cut, or what is wrong: its key is there, and those before the last that was acknowledged are not.
pub(crate) fn check(dir: &Path, acknowledged: u64) -> Result<u64, String> {
    let table = Table::open(dir, &Options::new("vault", 2)).unwrap();
    let number = named(&table).ok_or("no key is in force")?;
    if number < acknowledged {
        return Err(format!("turn {acknowledged} was acknowledged, {number} is there"));
    }
    let all = Slots::open(dir).unwrap().all().unwrap();
    if all.get(place(number) as usize) != Some(&key(number)) {
        return Err(format!("the key of turn {number} is named, and is not in its slot"));
    }
    for (place, slot) in all.iter().enumerate().filter(|(_, slot)| **slot != [0; SLOT]) {
        let found = u64::from_be_bytes(*slot.first_chunk().unwrap());
        if found < acknowledged && *slot == key(found) {
            return Err(format!("the key of turn {found} is still in place {place}"));
        }
    }
    table.close();
    Ok(number)
}

fn named(table: &Table) -> Option<u64> {
    table.get(NAMED).unwrap().map(|number| u64::from_be_bytes(number.try_into().unwrap()))
}

fn place(number: u64) -> u32 {
    (number % PLACES) as u32
}

fn key(number: u64) -> Slot {
    let mut slot = [0; SLOT];
    slot.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&number.to_be_bytes()));
    slot
}
