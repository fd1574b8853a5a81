//! Backup and restore (protocol-spec/07-delivery, section 13).

use std::{fs, os::unix::fs::symlink, path::Path};

use amanat_relay_core::{
    backup::{self, BackupError, Into},
    check, config,
};
use amanat_store::archive::{ArchiveWriter, Record};

use crate::harness::*;

const HERE: Into = Into::Empty { elsewhere: false };

/// An archive of an empty relay, whose configuration puts the store to `data`.
fn archive(site: &Site, data: &Path) -> Vec<u8> {
    let text = fs::read_to_string(site.dir.path().join(config::FILE)).unwrap();
    let text = text.replacen("# data = \"data\"", &format!("data = {:?}", data.display().to_string()), 1);
    let mut archive = ArchiveWriter::begin(Vec::new()).unwrap();
    archive.add(&Record::File { name: config::FILE.into(), bytes: text.into_bytes().into() }).unwrap();
    archive.finish().unwrap()
}

/// [DELIV-195]
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_does_not_choose_where_the_store_goes() {
    let site = Site::new().await;
    let out = tempfile::tempdir().unwrap();
    let (file, dir, away) = (out.path().join("relay.backup"), out.path().join("relay"), out.path().join("away"));
    let restore = |into| backup::restore(&file, &dir, into, &mut |_| ());
    for data in [away.as_path(), Path::new("../away"), Path::new("x/../../away")] {
        fs::write(&file, archive(&site, data)).unwrap();
        assert!(matches!(restore(HERE), Err(BackupError::Elsewhere { .. })), "{}", data.display());
    }
    assert!(!dir.exists() && !away.exists());
    // The operator says so; an earlier attempt, cut short beside the final place, is cleared away.
    fs::create_dir(out.path().join("away.restoring")).unwrap();
    fs::write(&file, archive(&site, &away)).unwrap();
    restore(Into::Empty { elsewhere: true }).unwrap();
    assert!(away.join("store").exists() && dir.join(config::FILE).exists());
    assert!(!out.path().join("away.restoring").exists());
    fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(restore(Into::Empty { elsewhere: true }), Err(BackupError::Occupied { .. })));
    // Below the folder it may be anywhere, also after an attempt that was cut short.
    fs::write(&file, archive(&site, Path::new("var/data"))).unwrap();
    fs::create_dir_all(dir.join("var/data.restoring/store")).unwrap();
    restore(HERE).unwrap();
    assert!(dir.join("var/data/store").exists());
    assert!(matches!(restore(HERE), Err(BackupError::Occupied { .. })));
    fs::remove_dir_all(dir.join("var/data")).unwrap();
    restore(Into::Prepared).unwrap();
}

/// [DELIV-195]
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_follows_no_link_of_the_relays_user() {
    let mut site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    found(&mut ayesha, &[]).await;
    drop(ayesha);
    site.stop().await;
    let data = site.dir.path().join(&site.config.data);
    let precious = site.dir.path().join("precious");
    fs::write(&precious, "kept").unwrap();
    symlink(&precious, data.join("export.rows")).unwrap();
    symlink(&precious, data.join(".amanat-check")).unwrap();
    let (out, damaged) = backup::export(site.dir.path(), false, Vec::new(), &mut |_| ()).await.unwrap();
    assert_eq!(damaged, 0);
    backup::verify(&out[..]).unwrap();
    assert!(!check::check(site.dir.path(), now()).is_empty());
    assert_eq!(fs::read_to_string(precious).unwrap(), "kept");
    assert!(data.join("export.rows").symlink_metadata().is_err(), "nothing is left of it");
    assert!(data.join(".amanat-check").symlink_metadata().is_err());
}
