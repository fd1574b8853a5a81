//! Honest runs: a real relay, a line that is slow or cut at any byte, and no alarm at all.
//!
//! 50 runs by default, 10,000 with `AMANAT_LONG=1`.

use std::collections::BTreeSet;

use amanat_tests::extent::seeds;

use super::{Failing, seed::Seed, staff::Staff};

/// Runs of an office, after which another one begins.
const OFFICE: u64 = 25;

#[test]
fn honest_runs_raise_no_alarm() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut office = None;
        for seed in seeds(50, 10_000) {
            let _failing = Failing { test: "honest_runs_raise_no_alarm", seed };
            if office.is_none() || seed % OFFICE == 0 {
                office = Some(Staff::at_an_honest_relay().await);
            }
            let (staff, line) = office.as_ref().unwrap();
            let mut decided = Seed::new(seed);
            // A cut that the run before did not come to would refuse this one's beginning, which needs the link.
            line.cut_up(&[], 0);
            line.cut_down(&[], 0);
            staff.until_linked().await;
            let mut run = staff.run(seed).await;
            if decided.below(5) == 0 {
                // Somewhere in what comes next, one way or the other.
                let share = decided.below(1_000) as f64 / 1_000.0;
                match decided.below(2) {
                    0 => line.cut_up(&[share], 20_000),
                    _ => line.cut_down(&[share], 20_000),
                }
            }
            run.traffic(4).await;
            if decided.below(3) == 0 {
                run.commits_over_a_line().await;
            }
            run.traffic(2).await;
            run.check().await;
            run.check_complete().await;
            assert_eq!(run.kinds().await, BTreeSet::new(), "an alarm without a reason");
        }
    });
    runtime.shutdown_background();
}
