//! Figures (protocol-spec/07-delivery, section 9): what a relay has done, for benchmarks and monitoring. No names or ids.

use std::{
    fmt::Write as _,
    fs,
    sync::atomic::{AtomicU64, Ordering},
};

/// What a relay has done since its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Links whose other side is verified.
    pub connections: u64,
    /// Links whose other side is not verified yet.
    pub half_open: u64,
    /// Handshakes that failed, and links without a hello in time.
    pub failed_handshakes: u64,
    /// Hellos that were refused.
    pub refused_hellos: u64,
    /// Half-open links dropped to make way for newer ones.
    pub dropped_half_open: u64,
    /// Connections turned away before a handshake.
    pub turned_away: u64,
    /// Requests served.
    pub requests: u64,
    /// Requests refused for their rate.
    pub too_fast: u64,
    /// Entries appended.
    pub appended: u64,
    /// Entries and direct items queued to connected devices.
    pub pushed: u64,
    /// Pushes left out because a device read too slowly.
    pub push_dropped: u64,
    /// Syncs of the store.
    pub syncs: u64,
    /// How long the last sync took, in microseconds.
    pub last_sync_micros: u64,
    /// Resident memory of the process, in KiB; 0 where it is not known.
    pub resident_kib: u64,
}

impl Stats {
    /// In Prometheus' text format.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let rows = [
            ("connections", "gauge", self.connections),
            ("half_open", "gauge", self.half_open),
            ("failed_handshakes_total", "counter", self.failed_handshakes),
            ("refused_hellos_total", "counter", self.refused_hellos),
            ("dropped_half_open_total", "counter", self.dropped_half_open),
            ("turned_away_total", "counter", self.turned_away),
            ("requests_total", "counter", self.requests),
            ("too_fast_total", "counter", self.too_fast),
            ("appended_total", "counter", self.appended),
            ("pushed_total", "counter", self.pushed),
            ("push_dropped_total", "counter", self.push_dropped),
            ("syncs_total", "counter", self.syncs),
            ("last_sync_microseconds", "gauge", self.last_sync_micros),
            ("resident_kibibytes", "gauge", self.resident_kib),
        ];
        let mut text = String::new();
        for (name, kind, value) in rows {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# TYPE amanat_relay_{name} {kind}\namanat_relay_{name} {value}");
        }
        text
    }
}

/// Resident memory of this process in KiB, where the system says it.
pub(crate) fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),*) => {
        /// Counts as it goes.
        #[derive(Default)]
        pub(crate) struct Counters {
            $($(#[$doc])* $name: AtomicU64,)*
        }

        impl Counters {
            $(
                $(#[$doc])*
                pub(crate) fn $name(&self) {
                    // Figures: nothing is ordered by them.
                    self.$name.fetch_add(1, Ordering::Relaxed);
                }
            )*

            /// What was counted.
            pub(crate) fn read(&self) -> Stats {
                Stats { $($name: self.$name.load(Ordering::Relaxed),)* ..Stats::default() }
            }
        }
    };
}
counters!(
    /// A handshake failed, or no hello came.
    failed_handshakes,
    /// A hello was refused.
    refused_hellos,
    /// A half-open link made way.
    dropped_half_open,
    /// A connection was turned away.
    turned_away,
    /// A request was served.
    requests,
    /// A request came too fast.
    too_fast,
    /// Something was pushed.
    pushed,
    /// A push was left out.
    push_dropped
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stand_in_the_text() {
        let counters = Counters::default();
        counters.pushed();
        counters.pushed();
        let stats = Stats { resident_kib: resident_kib(), ..counters.read() };
        assert_eq!(stats.pushed, 2);
        assert!(stats.resident_kib > 0);
        assert!(stats.to_prometheus().contains("\namanat_relay_pushed_total 2\n"));
    }
}
