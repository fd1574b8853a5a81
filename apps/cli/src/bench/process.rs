//! A process as `/proc` shows it: processor time and memory.

use std::{fs, path::PathBuf};

use crate::problem::{Outcome, Problem};

/// Linux counts processor time for programs in hundredths of a second on every architecture that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watched(u32);

impl Watched {
    /// By its id.
    pub(super) fn new(id: u32) -> Self {
        Self(id)
    }

    /// This process.
    pub(super) fn own() -> Self {
        Self(std::process::id())
    }

    /// Processor time used so far, in seconds.
    pub(super) fn cpu_s(self) -> Outcome<f64> {
        let stat = self.read("stat")?;
        // The name in parentheses may hold anything; the 14th and 15th fields are counted from behind it.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        let ticks = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<f64>().ok());
        Ok(ticks.sum::<f64>() / TICKS_PER_SECOND)
    }

    /// Resident memory in MiB.
    pub(super) fn resident_mib(self) -> Outcome<f64> {
        self.status_mib("VmRSS:")
    }

    /// The most resident memory since the last [`forget_peak`](Self::forget_peak), in MiB.
    pub(super) fn peak_mib(self) -> Outcome<f64> {
        self.status_mib("VmHWM:")
    }

    /// Makes the peak begin anew from what is resident now.
    pub(super) fn forget_peak(self) -> Outcome {
        let path = self.path("clear_refs");
        fs::write(&path, "5").map_err(|error| Problem::file("reset the peak memory through", &path, &error))
    }

    fn status_mib(self, key: &str) -> Outcome<f64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        let kib = line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0).ok_or_else(|| Problem::internal(format!("The kernel does not tell {key}.")))
    }

    fn read(self, what: &str) -> Outcome<String> {
        let path = self.path(what);
        fs::read_to_string(&path).map_err(|error| Problem::file("read", &path, &error))
    }

    fn path(self, what: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{what}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_watched() {
        let own = Watched::own();
        let before = own.cpu_s().unwrap();
        assert!(own.resident_mib().unwrap() > 1.0);
        assert!(own.peak_mib().unwrap() >= own.resident_mib().unwrap() / 2.0);
        let mut sum = 0u64;
        while own.cpu_s().unwrap() <= before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
