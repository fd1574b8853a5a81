//! Starting and stopping (protocol-spec/07-delivery, section 9).

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use amanat_identity::testing::Office;
use amanat_relay_core::{
    Relay, StartError,
    check::{self, Verdict},
    folder::{self, FolderError, KEY_FILE},
};
use amanat_wire::{
    client::{Nothing, Request},
    relay::{Answer, Refusal},
};
use rand_core::OsRng;

use crate::harness::*;

/// [DELIV-53] What was asked before the shutdown is answered, then comes the goodbye.
#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_answers_what_is_open() {
    let mut site = Site::new().await;
    let (device, mut ayesha) = site.enrol("ayesha").await;
    let (_b, bilal) = site.enrol("bilal").await;
    let officer = Client::connect(&site, site.office.officer_keys.noise(), site.officer()).await.unwrap();
    let conversation = found(&mut ayesha, &[]).await;
    let mut open = Vec::new();
    for _ in 0..30 {
        open.push(ayesha.start(Request::Append(message(conversation, 1))).await);
    }
    ayesha.sender.flush().await.unwrap();
    // The first answer shows that the relay has begun with them.
    let mut answers = vec![ayesha.any_answer().await.unwrap()];
    let running = site.running.take().unwrap();
    let stopping = tokio::spawn(running.shutdown());
    let end = loop {
        match ayesha.any_answer().await {
            Ok(answer) => answers.push(answer),
            Err(end) => break end,
        }
    };
    assert_eq!(end, End::Goodbye(Refusal::ShuttingDown));
    assert_eq!(bilal.end().await, End::Goodbye(Refusal::ShuttingDown));
    assert_eq!(officer.end().await, End::Goodbye(Refusal::ShuttingDown));
    assert!(stopping.await.unwrap(), "not clean");
    // Everything that was answered is there.
    site.start().await;
    let mut ayesha = site.connect(&device).await;
    let kept: Vec<_> = ayesha.read(conversation, 0).await.entries.iter().map(|entry| entry.position).collect();
    for (_, answer) in answers {
        match answer {
            Answer::Appended(appended) => assert!(kept.contains(&appended.position)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_everything() {
    let mut site = Site::new().await;
    let (a, mut ayesha) = site.enrol("ayesha").await;
    let (b, bilal) = site.enrol("bilal").await;
    let incarnation = ayesha.ready.incarnation;
    drop(bilal);
    let conversation = found(&mut ayesha, &[b.id()]).await;
    let said = message(conversation, 1);
    let appended = ayesha.append(said.clone()).await;
    drop(ayesha);
    assert!(site.stop().await);
    site.start().await;
    let mut bilal = site.connect(&b).await;
    assert_eq!(bilal.ready.incarnation, incarnation);
    let news = bilal.news().await;
    assert_eq!((news.logs[0].head, news.direct.len()), (2, 1));
    assert_eq!(bilal.read(conversation, 1).await.entries[0].body, said.body);
    // The same unit again is the same entry still.
    let mut ayesha = site.connect(&a).await;
    assert_eq!(ayesha.append(said).await, appended);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// [DELIV-49] What is on the disk at the moment of an answer holds what was answered: as if the process ended there.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_means_that_it_is_on_disk() {
    let mut site = Site::new().await;
    let (device, mut ayesha) = site.enrol("ayesha").await;
    let conversation = found(&mut ayesha, &[]).await;
    let said = message(conversation, 1);
    ayesha.append(said.clone()).await;
    let copied = tempfile::tempdir().unwrap();
    copy(site.dir.path(), copied.path());
    drop(ayesha);
    site.stop().await;
    site.dir = copied;
    site.start().await;
    let mut ayesha = site.connect(&device).await;
    assert_eq!(ayesha.read(conversation, 1).await.entries[0].body, said.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_cannot_start_says_why_and_what_to_try() {
    let site = Site::new().await;
    let dir = site.dir.path();
    let advice_of = |error: StartError| (error.to_string(), error.advice());
    // A second process on the same folder.
    let (error, advice) = advice_of(Relay::start(site.config.clone(), dir).await.err().unwrap());
    assert!(error.contains("in use") && advice.contains("systemctl stop"), "{error}: {advice}");
    // The same port.
    let mut config = site.config.clone();
    config.data = "elsewhere".into();
    config.listen = site.running().addresses().to_vec();
    let (error, advice) = advice_of(Relay::start(config.clone(), dir).await.err().unwrap());
    assert!(error.contains("cannot listen") && advice.contains("listen"), "{error}: {advice}");
    // A public address.
    config.listen = vec!["192.0.2.1:7461".parse().unwrap()];
    let (error, advice) = advice_of(Relay::start(config.clone(), dir).await.err().unwrap());
    assert!(error.contains("not a private address") && advice.contains("--allow-public"), "{error}: {advice}");
    // Another domain.
    config.domain = "finance.example".parse().unwrap();
    assert!(matches!(Relay::start(config.clone(), dir).await, Err(StartError::OtherDomain { .. })));
    // A certificate for other keys, then none.
    let keys = folder::load_keys(Site::new().await.dir.path()).unwrap();
    let other = Office::with_relay(&mut OsRng, now(), "interior.example", keys, &["127.0.0.1:7461"]);
    certify(dir, &other);
    assert!(matches!(Relay::start(site.config.clone(), dir).await, Err(StartError::OtherKeys)));
    fs::remove_file(dir.join(folder::CERTIFICATE_FILE)).unwrap();
    let (error, advice) = advice_of(Relay::start(site.config.clone(), dir).await.err().unwrap());
    assert!(error.contains("not certified") && advice.contains("amanat relay certify"), "{error}: {advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_what_would_go_wrong() {
    let mut site = Site::new().await;
    let dir = site.dir.path().to_owned();
    let bad = |findings: &[check::Finding]| -> Vec<&'static str> {
        findings.iter().filter(|f| matches!(f.verdict, Verdict::Bad(_))).map(|f| f.what).collect()
    };
    site.stop().await;
    let findings = check::check(&dir, now());
    assert!(bad(&findings).iter().all(|what| *what == "disk"), "{findings:?}");
    // A month before its end the certificate is remarked on; after it, it is bad.
    let nearly = now().after(Duration::from_secs((730 - 20) * 24 * 3600));
    let findings = check::check(&dir, nearly);
    assert!(findings.iter().any(|f| f.what == "certificate" && matches!(f.verdict, Verdict::Remark(_))));
    let late = now().after(Duration::from_secs(800 * 24 * 3600));
    assert!(bad(&check::check(&dir, late)).contains(&"certificate"));
    fs::set_permissions(dir.join(KEY_FILE), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(bad(&check::check(&dir, now())).first(), Some(&"keys"));
    assert!(matches!(folder::load_keys(&dir), Err(FolderError::KeysExposed { .. })));
    fs::write(dir.join("relay.toml"), "domain = 5").unwrap();
    let findings = check::check(&dir, now());
    assert_eq!(bad(&findings), ["configuration"]);
    assert!(findings[0].found.contains("line 1"), "{findings:?}");
}

/// Garbage on the port harms nobody.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_dropped() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff], &[0; 300]] {
        let mut tcp = tokio::net::TcpStream::connect(site.running().addresses()[0]).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut tcp, garbage).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut tcp).await.unwrap();
        let mut answer = Vec::new();
        // A TLS alert, or nothing.
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut tcp, &mut answer).await;
        assert!(answer.len() < 64);
    }
    assert_eq!(ayesha.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
    assert_eq!(site.running().stats().failed_handshakes, 3);
}
