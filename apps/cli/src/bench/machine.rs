//! The machine that figures are from, as far as Linux tells.

use std::path::Path;

use crate::output::time;

/// One line: processors, kernel, load, folder, date.
pub(super) fn describe(dir: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = load().map_or_else(|| "unknown".to_owned(), |load| format!("{load:.1}"));
    let (kernel, now) = (kernel.trim(), time::local(time::now()));
    format!("{cores} x {model}, Linux {kernel}, load {load}, {}, {now}", dir.display())
}

/// Others keep the processors busy: a thread that a sync has released then waits for its turn, so that messages and
/// the disk both look slower than they are, and the disk's own figure is no measure for the bar.
pub(super) fn is_busy() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    load().is_some_and(|load| load > cores as f64 / 2.0)
}

/// Over the last minute.
fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn line_of(path: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}
