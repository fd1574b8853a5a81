//! What lies on the disk when keys have been replaced: in the files of the folder, and in the raw image of a disk that
//! holds it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use amanat_tests::{Person, Rig};

use crate::{
    sender::Sender,
    theft::{founded, received},
    thief::{Thief, holds, slots},
};

async fn turn(rig: &Rig, owner: &Person, sender: &mut Sender) {
    sender.renew(rig.clock.now()).await;
    owner.sync().await;
}

/// Stops the owner, copies her folder and starts her again.
async fn copy(rig: &Rig, owner: Person, name: &str, sender: &Sender) -> (Person, Thief) {
    owner.engine.stop().await;
    let thief = Thief::of(rig, "owner", name, sender.id()).await;
    (rig.start("owner").await, thief)
}

// [DELIV-172] An epoch is the granularity: within it the disk shows the state as it was at any time since it began, and with
// it what was received since. When the epoch is over nothing opens that any more, though it lies there.
#[tokio::test(flavor = "multi_thread")]
async fn replaced_keys_are_in_no_file_and_what_they_sealed_opens_no_more() {
    let rig = Rig::new().await;
    let (mut owner, mut sender) = founded(&rig).await;
    let first = received(&rig, &mut owner, &mut sender, "first").await;
    turn(&rig, &owner, &mut sender).await;
    let (mut owner, at_first) = copy(&rig, owner, "as the epoch began", &sender).await;
    let before = at_first.sealed();
    let said = received(&rig, &mut owner, &mut sender, "received").await;

    // The control: the epoch is in force, its keys are in the files, and they open what lay there before the message came.
    let (owner, within) = copy(&rig, owner, "within the epoch", &sender).await;
    assert_eq!(within.epoch(), at_first.epoch());
    assert!(at_first.slots.iter().all(|slot| holds(&within.raw, slot)));
    assert_eq!(within.reads([said.body.as_slice()]), Vec::<String>::new(), "by the rows as they are");
    assert_eq!(within.still_holds(&before), before.len(), "what was overwritten lies there");
    assert_eq!(within.opens(&before), before.len());
    assert_eq!(within.reads_with(&before, [said.body.as_slice()]), ["received"], "by those that were overwritten");
    assert_eq!(within.reads_with(&before, [first.body.as_slice()]), Vec::<String>::new(), "of the epoch before");

    turn(&rig, &owner, &mut sender).await;
    let (owner, after) = copy(&rig, owner, "when the epoch was over", &sender).await;
    assert_eq!(after.epoch(), within.epoch() + 1);
    let gone: Vec<_> = within.slots.iter().filter(|slot| !after.slots.contains(slot)).collect();
    assert_eq!(gone.len(), 1, "the conversation's key was replaced");
    assert!(gone.iter().all(|slot| !holds(&after.raw, slot)), "the replaced key lies in some file");
    assert!(after.still_holds(&before) > 0, "what it sealed lies there, or the test shows nothing");
    assert_eq!(after.opens(&before), 0);
    assert_eq!(after.opens(&within.sealed()), 0);
    assert_eq!(after.reads_with(&before, [said.body.as_slice()]), Vec::<String>::new());
    assert_eq!(after.reads_with(&within.sealed(), [said.body.as_slice()]), Vec::<String>::new());
    // No key lies anywhere as it is, neither one that is in force nor one that was.
    for thief in [&at_first, &within, &after] {
        let all = [at_first.keys(), within.keys(), after.keys()].concat();
        assert!(all.iter().all(|key| !holds(&thief.raw, key)));
    }
    owner.engine.stop().await;
}

// [DELIV-170] In the image of a whole disk, with the owner's folder on a file system of its own.
#[tokio::test(flavor = "multi_thread")]
async fn replaced_keys_are_not_in_the_raw_disk_image() {
    let rig = Rig::new().await;
    let disk = match Disk::mounted(rig.dir.path(), "owner") {
        Ok(disk) => disk,
        Err(why) => return say(&format!("the raw disk image was left out, a loop device is needed: {why}\n")),
    };
    let (mut owner, mut sender) = founded(&rig).await;
    received(&rig, &mut owner, &mut sender, "first").await;
    for _ in 0..3 {
        owner.engine.stop().await;
        let (before, image) = (slots(&disk.folder), disk.image());
        assert!(
            before.iter().all(|slot| holds(&image, slot)),
            "keys in force are in the image, or the test shows nothing"
        );

        owner = rig.start("owner").await;
        turn(&rig, &owner, &mut sender).await;
        owner.engine.stop().await;
        let (after, image) = (slots(&disk.folder), disk.image());
        let gone: Vec<_> = before.iter().filter(|slot| !after.contains(slot)).collect();
        assert_eq!(gone.len(), 1, "the conversation's key was replaced");
        assert!(gone.iter().all(|slot| !holds(&image, slot)), "a replaced key is in the raw image");
        assert!(after.iter().all(|slot| holds(&image, slot)), "those in force are in it");
        owner = rig.start("owner").await;
    }
    owner.engine.stop().await;
}

/// A file system in a file.
struct Disk {
    file: PathBuf,
    folder: PathBuf,
}

impl Disk {
    /// Makes one and mounts it; else why that cannot be done here.
    fn mounted(dir: &Path, name: &str) -> Result<Self, String> {
        const SIZE: u64 = 64 * 1024 * 1024;
        let disk = Self { file: dir.join("disk.image"), folder: dir.join(name) };
        fs::File::create(&disk.file).unwrap().set_len(SIZE).unwrap();
        fs::create_dir(&disk.folder).unwrap();
        run(Command::new("mkfs.ext4").arg("-q").arg(&disk.file))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&disk.file).arg(&disk.folder))?;
        Ok(disk)
    }

    /// Every byte of it, as a power cut would leave it now.
    fn image(&self) -> Vec<u8> {
        run(Command::new("sync").arg("-f").arg(&self.folder)).unwrap();
        fs::read(&self.file).unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run(Command::new("umount").arg("-l").arg(&self.folder));
    }
}

/// Also where a test that passes prints nothing.
fn say(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes());
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}
