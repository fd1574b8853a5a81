//! What `bench` prints (protocol-spec/json-output.md, section 3).

use serde::Serialize;

/// `bench`.
#[derive(Serialize)]
pub(crate) struct Bench<R: Serialize> {
    pub(crate) scenario: &'static str,
    pub(crate) per_s: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) relay_cpu_s: f64,
    pub(crate) generator_cpu_s: f64,
    pub(crate) syncs_per_s: f64,
    pub(crate) sync_p50_ms: f64,
    pub(crate) relay_rss_mib: f64,
    pub(crate) runs: Vec<R>,
}

/// One run of `bench pairs`.
#[derive(Serialize, Clone)]
pub(crate) struct PairsRun {
    pub(crate) per_s: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) sync_p50_ms: f64,
}

/// One run of a load.
#[derive(Serialize, Clone)]
pub(crate) struct LoadRun {
    pub(crate) per_s: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) syncs_per_s: f64,
    pub(crate) sync_p50_ms: f64,
    /// How long all of it took, where that is what is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kib_per_link: Option<f64>,
}

/// One run of `bench document`.
#[derive(Serialize, Clone)]
pub(crate) struct DocumentRun {
    pub(crate) per_s: f64,
    pub(crate) seconds: f64,
    pub(crate) sender_mib: f64,
    pub(crate) relay_mib: f64,
    pub(crate) recipient_mib: f64,
    /// Of the document's bytes, what went to the relay and came from it, where the line was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) carried_up: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) carried_down: Option<f64>,
}

/// One run of `bench life`: what took how long.
#[derive(Serialize, Clone)]
pub(crate) struct SecondsRun {
    pub(crate) seconds: f64,
}

/// One run of `bench life`: a large group.
#[derive(Serialize, Clone)]
pub(crate) struct GroupRun {
    pub(crate) devices: u32,
    pub(crate) add_ms: f64,
    pub(crate) add_received_ms: f64,
    pub(crate) join_ms: f64,
    pub(crate) remove_ms: f64,
    pub(crate) remove_received_ms: f64,
    pub(crate) update_ms: f64,
    pub(crate) update_received_ms: f64,
}

impl GroupRun {
    /// The most that a change costs a committer or a member.
    pub(crate) fn most(&self) -> f64 {
        let made = self.add_ms.max(self.remove_ms).max(self.update_ms);
        made.max(self.add_received_ms).max(self.remove_received_ms).max(self.update_received_ms)
    }
}

/// One run of `bench life`: a full vault.
#[derive(Serialize, Clone)]
pub(crate) struct SearchRun {
    pub(crate) messages: u32,
    pub(crate) argon2_ms: f64,
    pub(crate) unlock_ms: f64,
    pub(crate) first_ms: f64,
    pub(crate) prepared_in_ms: f64,
    pub(crate) prepared_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}
