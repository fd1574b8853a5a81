//! Conformance (protocol-spec/07-delivery, section 10): what every engine of the relay's store must do.
//!
//! The suites know a store by its verbs alone and get it from an `Open` function; each engine runs them all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own functions count as tests"
)]

#[path = "conformance/bench.rs"]
mod bench;
#[path = "conformance/directory.rs"]
mod directory;
#[path = "conformance/logs.rs"]
mod logs;
#[path = "conformance/queues.rs"]
mod queues;
#[path = "conformance/random.rs"]
mod random;
#[path = "conformance/retention.rs"]
mod retention;

/// Runs each named suite on an engine, as a test of its own.
macro_rules! engine {
    ($engine:ident, $open:expr, [$($module:ident :: $suite:ident),* $(,)?]) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $suite() {
                    super::$module::$suite($open).await;
                }
            )*
        }
    };
}

engine!(
    sled,
    crate::bench::open_sled,
    [
        logs::positions_and_running_hash,
        logs::units_are_idempotent,
        logs::ids_are_found_in_long_logs,
        logs::commits_compare_and_set,
        logs::messages_may_be_two_commits_behind,
        logs::the_roster_is_that_of_the_accepted_commit_plus_the_change,
        logs::a_removed_device_reads_commits_until_one_builds_on_its_removal,
        logs::whoever_drops_out_reads_up_to_there_whatever_follows,
        logs::a_device_that_declines_is_in_no_roster,
        logs::refusals_change_nothing,
        logs::receipts_are_chained,
        logs::nothing_is_visible_before_it_is_durable,
        logs::published_in_order_to_the_roster,
        logs::large_bodies_are_files,
        logs::everything_is_there_after_reopening,
        logs::settled_rosters_are_forgotten,
        logs::garbage_does_not_end_a_conversation,
        logs::a_removed_device_commits_no_more,
        logs::places_of_members_who_leave_are_theirs,
        queues::direct_items_share_their_body,
        queues::cursors_only_go_forward,
        queues::news_is_paged,
        queues::key_packages_are_handed_out_once,
        queues::quotas,
        directory::one_certificate_for_a_grant,
        directory::people_are_listed_in_pages,
        directory::statements_compare_and_set,
        directory::status_numbers_never_go_down,
        retention::what_all_have_is_forgotten,
        retention::classes_expire_each_in_its_time,
        retention::sweeps_are_bounded,
        retention::shared_and_large_bodies_go_with_their_last_reference,
        retention::unanswered_direct_items_expire,
        retention::a_full_disk_refuses_growth_only,
        retention::a_damaged_entry_is_found,
        retention::one_process_at_a_time,
        random::a_random_life_keeps_what_a_model_keeps,
    ]
);
