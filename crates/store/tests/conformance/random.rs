//! A random life of a store beside a model of it.

use std::collections::BTreeMap;

use amanat_primitives::{Timestamp, UnitId};
use amanat_store::relay::{Body, StoreError};
use amanat_wire::log::{RetentionClass, UnitKind};

use crate::bench::{Bench, DAY, Open, START, conversation, device};

/// What a log must hold.
#[derive(Default)]
struct Model {
    /// Units by position; with the day on which the body may go.
    entries: BTreeMap<u64, (UnitId, Vec<u8>, u64)>,
    head: u64,
    commits: Vec<u64>,
    cursors: [u64; 2],
}

/// Appends of all kinds and sizes, repeated units, cursors, sweeps as time goes by, restarts: after each restart, every
/// log holds what the model says.
pub(crate) async fn a_random_life_keeps_what_a_model_keeps(open: Open) {
    for seed in 1..4_u64 {
        live(Bench::new(open), seed).await;
    }
}

async fn live(mut bench: Bench, seed: u64) {
    let mut state = seed;
    let mut below = move |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let mut models: Vec<Model> = Vec::new();
    for c in 0..3_u8 {
        let create = bench.create_unit(c, &[0, 1]);
        let mut model = Model { head: 1, commits: vec![1], ..Model::default() };
        model.entries.insert(1, (create.id, create.body.clone(), 30));
        bench.store.append(create).await.unwrap();
        models.push(model);
    }
    let mut day = 0;
    for _ in 0..600 {
        let c = below(3) as u8;
        let model = &mut models[usize::from(c)];
        match below(20) {
            0 => {
                bench.reopen();
                for (c, model) in (0..).zip(&models) {
                    compare(&bench, c, model, day);
                }
            }
            1 => {
                day += below(3);
                bench.now = Timestamp::from_millis(START.as_millis() + day * DAY);
                bench.store.sweep(bench.now, 1 + below(200) as usize).await.unwrap();
            }
            2..=4 => {
                let who = below(2) as usize;
                let position = below(model.head + 2);
                model.cursors[who] = model.cursors[who].max(position.min(model.head));
                bench.store.advance(device(who as u8), vec![(conversation(c), position)], 0).await.unwrap();
            }
            5 => {
                // Again, something that is surely kept: above all cursors, and young.
                let passed = *model.cursors.iter().min().unwrap();
                let kept = model.entries.range(passed + 1..).find(|(_, (_, _, until))| *until > day + 3);
                if let Some((position, (id, body, _))) = kept {
                    let mut unit = bench.unit(UnitKind::Message, c, 0, body);
                    (unit.id, unit.seen_commit) = (*id, model.commits[0]);
                    match bench.store.append(unit).await {
                        Ok(appended) => assert_eq!(appended.position, *position),
                        Err(error) => assert_eq!(error, StoreError::Exists, "another author's"),
                    }
                }
            }
            kind => {
                let length = [100, 900, 5_000, 70_000][below(4).min(below(4)) as usize];
                let body = vec![below(256) as u8; length];
                let last = *model.commits.last().unwrap();
                let who = below(2) as u8;
                let is_commit = kind == 6;
                let mut unit = bench.unit(if is_commit { UnitKind::Commit } else { UnitKind::Message }, c, who, &body);
                (unit.seen_commit, unit.accepted_commit) = (last, if is_commit { last } else { 0 });
                unit.class = RetentionClass::ALL[below(5) as usize];
                let days = if is_commit { 30 } else { unit.class.span().as_secs() / (24 * 3600) };
                let id = unit.id;
                let appended = bench.store.append(unit).await.unwrap();
                model.head += 1;
                assert_eq!(appended.position, model.head);
                model.entries.insert(model.head, (id, body, day + days));
                if is_commit {
                    model.commits.push(model.head);
                }
            }
        }
    }
    bench.reopen();
    for (c, model) in (0..).zip(&models) {
        compare(&bench, c, model, day);
    }
}

/// What the store has kept is right, and what it must keep is there.
fn compare(bench: &Bench, c: u8, model: &Model, day: u64) {
    let log = bench.log(c);
    let read = bench.store.read(conversation(c), u64::MAX, 1, 1).unwrap();
    assert_eq!(read.head, model.head);
    let passed = *model.cursors.iter().min().unwrap();
    let kept: BTreeMap<u64, _> = log.iter().map(|entry| (entry.position, entry)).collect();
    for (position, (id, body, until)) in &model.entries {
        match kept.get(position).map(|entry| (entry.unit, &entry.body)) {
            Some((unit, Body::Kept(bytes))) => assert!(unit == *id && bytes == body, "log {c} at {position}"),
            Some((unit, Body::Expired(_))) => assert!(unit == *id && *until <= day, "log {c} at {position}: too early"),
            None => assert!(*position <= passed || *until <= day, "log {c} at {position} is gone too early"),
        }
    }
}
