//! Both ways against a relay in memory.

mod downloads;
mod fake_relay;
mod uploads;

use std::{
    fs,
    path::{Path, PathBuf},
};

use amanat_document::{ClaimedName, MediaType, safe_name};
use amanat_primitives::{ConversationId, DeviceId, Timestamp, hash::StreamHasher};
use amanat_wire::{Bytes, List};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};
use tempfile::TempDir;

use super::*;
use fake_relay::FakeRelay;

const MIB: usize = 1024 * 1024;

/// A sender's folder with a file in it, and what the sender has on record of its upload.
struct Desk {
    folder: TempDir,
    seed: u64,
    stamp: SourceStamp,
}

impl Desk {
    fn with(size: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("source"), text(size, 0)).unwrap();
        let stamp = stamp_of(&folder.path().join("source")).unwrap();
        Self { folder, seed: 1, stamp }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn keys(&self) -> Keys {
        Keys::random(
            ConversationId::from_bytes([0; 16]),
            DeviceId::from_bytes([0; 32]),
            &mut ChaCha20Rng::seed_from_u64(self.seed),
        )
    }

    fn plan(&self, relay: &FakeRelay) -> UploadPlan {
        UploadPlan {
            posted: None,
            keys: self.keys(),
            conversation: ConversationId::from_bytes([5; 16]),
            class: RetentionClass::Month,
            path: self.path(),
            stamp: self.stamp,
            hashes: relay.kept().durable.clone(),
            making: None,
            share: share(),
        }
    }

    fn manifest(&self, name: &str) -> Manifest {
        let Keys { document, file_key, nonce } = self.keys();
        let content = fs::read(self.path()).unwrap();
        let mut hasher = StreamHasher::new();
        hasher.update(&content);
        Manifest {
            document,
            name: ClaimedName::of(&safe_name(name)),
            media_type: MediaType::unknown(),
            layout: Layout::new(content.len() as u64).unwrap(),
            file_key,
            nonce,
            digest: hasher.finish(),
            tier: 1,
            caveats: List::default(),
            marks: Bytes::default(),
            class: RetentionClass::Month,
        }
    }

    /// Uploads all of it to a relay that then has it.
    async fn sent(&self) -> FakeRelay {
        let relay = FakeRelay::default();
        let (last, _) = run_upload(self.plan(&relay), &relay, |_| true).await;
        assert!(matches!(last, Some(TransferEvent::Uploaded { .. })), "{}", told(last));
        relay
    }
}

fn text(size: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; size];
    ChaCha20Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// Runs an upload with an engine that makes hashes durable at the relay's side, where they are checked. `keeps` sees
/// the number of each batch first; where it says no, the engine is gone. Returns the last event and the progress.
async fn run_upload(
    plan: UploadPlan,
    relay: &FakeRelay,
    mut keeps: impl FnMut(u64) -> bool,
) -> (Option<TransferEvent>, Vec<u64>) {
    let (events, mut told) = mpsc::channel(64);
    let (_stop, cancel) = watch::channel(false);
    let (calls, serving) = relay.link();
    let running = tokio::spawn(upload(plan, calls, events, cancel));
    let (mut last, mut progress, mut batches) = (None, Vec::new(), 0);
    while let Some(event) = told.recv().await {
        assert!(last.is_none(), "something follows the last event");
        match event {
            TransferEvent::Hashes { first, hashes, durable, .. } => {
                assert!(!hashes.is_empty() && hashes.len() <= upload::HELD);
                if !keeps(batches) {
                    continue;
                }
                batches += 1;
                let mut kept = relay.kept();
                assert_eq!(first, kept.durable.len() as u64);
                kept.durable.extend(hashes);
                drop(kept);
                let _ = durable.send(());
            }
            TransferEvent::Progress { done, direction: Direction::Sending, .. } => progress.push(done),
            event => last = Some(event),
        }
    }
    running.await.unwrap();
    serving.await.unwrap();
    assert_eq!(relay.kept().offences, Vec::<String>::new());
    (last, progress)
}

fn share() -> Share {
    Share::of(&Arc::default())
}

async fn run_download(manifest: Manifest, out: &Path, relay: &FakeRelay) -> (TransferEvent, Vec<u64>) {
    let (last, progress, _) = go_on_downloading(manifest, out, relay, None).await;
    (last, progress)
}

/// As [`run_download`], from what an earlier one has kept; returns what this one has.
async fn go_on_downloading(
    manifest: Manifest,
    out: &Path,
    relay: &FakeRelay,
    kept: Option<Extent>,
) -> (TransferEvent, Vec<u64>, Option<Extent>) {
    download_over(relay, plan_of(manifest, out, kept, None)).await
}

fn plan_of(manifest: Manifest, out: &Path, kept: Option<Extent>, writing: Option<Writing>) -> DownloadPlan {
    DownloadPlan { manifest, out: out.to_owned(), kept, writing, share: share() }
}

async fn download_over(relay: &FakeRelay, plan: DownloadPlan) -> (TransferEvent, Vec<u64>, Option<Extent>) {
    let (events, mut told) = mpsc::channel(64);
    let (_stop, cancel) = watch::channel(false);
    let (calls, serving) = relay.link();
    let running = tokio::spawn(download(plan, calls, events, cancel));
    let (mut last, mut progress, mut extent) = (None, Vec::new(), None);
    while let Some(event) = told.recv().await {
        assert!(last.is_none(), "something follows the last event");
        match event {
            TransferEvent::Progress { done, direction: Direction::Fetching, .. } => progress.push(done),
            TransferEvent::Kept { extent: kept, durable, .. } => {
                extent = Some(kept);
                if let Some(durable) = durable {
                    durable.send(()).unwrap();
                }
            }
            event => last = Some(event),
        }
    }
    let kept = running.await.unwrap();
    assert!(kept.is_none() || kept == extent, "what is returned was told");
    serving.await.unwrap();
    (last.unwrap(), progress, kept)
}

fn failed(event: Option<TransferEvent>) -> (crate::FailureCode, Retry) {
    match event {
        Some(
            TransferEvent::UploadFailed { failure, retry, .. } | TransferEvent::FetchFailed { failure, retry, .. },
        ) => {
            assert!(!failure.failed.is_empty() && !failure.advice.is_empty());
            (failure.code, retry)
        }
        other => panic!("not failed: {}", told(other)),
    }
}

fn told(event: Option<TransferEvent>) -> String {
    match event {
        None => "nothing".to_owned(),
        Some(TransferEvent::Hashes { .. }) => "hashes".to_owned(),
        Some(TransferEvent::Progress { .. }) => "progress".to_owned(),
        Some(TransferEvent::Kept { extent, .. }) => format!("kept {} segments", extent.segments),
        Some(TransferEvent::Stopped { .. }) => "stopped".to_owned(),
        Some(TransferEvent::Uploaded { .. }) => "uploaded".to_owned(),
        Some(TransferEvent::Fetched { path, .. }) => format!("fetched {}", path.display()),
        Some(
            TransferEvent::UploadFailed { failure, retry, .. } | TransferEvent::FetchFailed { failure, retry, .. },
        ) => {
            format!("{failure:?} {retry:?}")
        }
    }
}

/// All names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
