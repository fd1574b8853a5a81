//! Grants, chains, statements.

use amanat_primitives::{Digest, StatementId};
use amanat_store::relay::{Expected, Put, Redeemed, Redemption, StatusPut, StoreError};

use crate::bench::{Bench, Open, START, device};

fn redemption(grant: u8, n: u8, certificate: u8, handle: &str) -> Redemption {
    Redemption {
        grant: StatementId::from_bytes([grant; 32]),
        device: device(n),
        certificate: Digest::from_bytes([certificate; 32]),
        chain: vec![n; 3000],
        handle: handle.to_owned(),
        search: format!("{handle} officer of records"),
        now: START,
    }
}

// [DELIV-18] [ID-17]
pub(crate) async fn one_certificate_for_a_grant(open: Open) {
    let mut bench = Bench::new(open);
    let mut tasks = Vec::new();
    for n in 0..20 {
        let store = bench.store.clone();
        tasks.push(tokio::spawn(async move { (n, store.redeem(redemption(1, n, n, "a")).await.unwrap()) }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    let winners: Vec<u8> = answers.iter().filter(|(_, a)| *a == Redeemed::New).map(|(n, _)| *n).collect();
    assert_eq!(winners.len(), 1);
    let winner = winners[0];
    for (n, answer) in answers {
        if n != winner {
            let certificate = Digest::from_bytes([winner; 32]);
            assert_eq!(answer, Redeemed::Used { device: device(winner), certificate, at: START });
            assert_eq!(bench.store.chain(device(n)).unwrap(), None);
        }
    }
    bench.reopen();
    assert_eq!(bench.store.redeem(redemption(1, winner, winner, "a")).await.unwrap(), Redeemed::Same { at: START });
    let other = bench.store.redeem(redemption(1, winner, 77, "a")).await.unwrap();
    assert!(matches!(other, Redeemed::Used { .. }), "another certificate of the same device");
    assert_eq!(bench.store.chain(device(winner)).unwrap(), Some(vec![winner; 3000]));
    for handle in ["", "a\0b", "a\nb"] {
        assert_eq!(bench.store.redeem(redemption(9, 9, 9, handle)).await, Err(StoreError::Invalid));
    }
}

pub(crate) async fn people_are_listed_in_pages(open: Open) {
    let bench = Bench::new(open);
    let handles = ["ayesha", "ayesha.k", "bilal", "danish", "fatima"];
    for (n, handle) in (1_u8..).zip(handles) {
        bench.store.redeem(redemption(n, n, n, handle)).await.unwrap();
        bench.store.redeem(redemption(100 + n, 100 + n, n, handle)).await.unwrap();
    }
    let mut after = String::new();
    let mut listed = Vec::new();
    loop {
        let page = bench.store.people("", &after, 3).unwrap();
        assert_eq!(page.devices.len() % 2, 0, "a handle's devices stay together");
        assert!(page.devices.len() <= 4);
        listed.extend(page.devices);
        match page.more {
            Some(handle) => after = handle,
            None => break,
        }
    }
    assert_eq!(listed.iter().map(|l| l.handle.as_str()).collect::<Vec<_>>(), handles.map(|h| [h, h]).concat());
    assert!(listed.iter().all(|l| l.chain == vec![l.device.as_bytes()[0]; 3000]));
    let found = bench.store.people("esha", "", 10).unwrap();
    assert_eq!((found.devices.len(), found.more), (4, None));
    assert_eq!(bench.store.people("records", "danish", 10).unwrap().devices.len(), 2);
    assert!(bench.store.people("nobody", "", 10).unwrap().devices.is_empty());
    // A renewed device keeps one entry, under its new handle.
    bench.store.redeem(redemption(50, 1, 9, "zara")).await.unwrap();
    assert_eq!(bench.store.people("ayesha ", "", 10).unwrap().devices.len(), 1);
    assert_eq!(bench.store.people("zara", "", 10).unwrap().devices[0].device, device(1));
}

pub(crate) async fn statements_compare_and_set(open: Open) {
    let mut bench = Bench::new(open);
    let put = async |bench: &Bench, key: &[u8], bytes: &[u8], expected| {
        bench.store.put_statement(4, key.to_vec(), bytes.to_vec(), expected).await.unwrap()
    };
    assert_eq!(put(&bench, b"a", b"one", Expected::Absent).await, Put::New);
    assert_eq!(put(&bench, b"a", b"one", Expected::Absent).await, Put::Same);
    assert_eq!(put(&bench, b"a", b"two", Expected::Absent).await, Put::Different(b"one".to_vec()));
    assert_eq!(put(&bench, b"a", b"two", Expected::Exactly(b"three".to_vec())).await, Put::Different(b"one".to_vec()));
    assert_eq!(put(&bench, b"a", b"two", Expected::Exactly(b"one".to_vec())).await, Put::New);
    assert_eq!(put(&bench, b"a", &[3; 50_000], Expected::Anything).await, Put::New);
    assert_eq!(put(&bench, b"b", b"b", Expected::Anything).await, Put::New);
    bench.store.put_statement(5, b"c".to_vec(), b"other kind".to_vec(), Expected::Absent).await.unwrap();
    bench.reopen();
    assert_eq!(bench.store.statement(4, b"a").unwrap(), Some(vec![3; 50_000]));
    assert_eq!(bench.store.statement(5, b"a").unwrap(), None);
    let all = bench.store.statements(4, None, 10).unwrap();
    assert_eq!(all.iter().map(|(key, _)| key.as_slice()).collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!(bench.store.statements(4, Some(b"a"), 10).unwrap().len(), 1);
    assert_eq!(bench.store.statements(4, None, 1).unwrap().len(), 1);
}

// [DELIV-19]
pub(crate) async fn status_numbers_never_go_down(open: Open) {
    let mut bench = Bench::new(open);
    assert_eq!(bench.store.latest_status().unwrap(), None);
    // Each brings a revocation, longer than a record is kept whole, behind as many as its number says over five.
    let put = async |bench: &Bench, number: u64, bytes: &[u8]| {
        let first = u32::try_from(number).unwrap().saturating_sub(5) / 4;
        bench.store.status_statement(number, bytes.to_vec(), first, vec![bytes.repeat(1500)]).await.unwrap()
    };
    assert_eq!(put(&bench, 5, b"five").await, StatusPut::New);
    assert_eq!(put(&bench, 5, b"five").await, StatusPut::Same);
    assert_eq!(put(&bench, 5, b"another five").await, StatusPut::Old { latest: 5 });
    assert_eq!(put(&bench, 4, b"four").await, StatusPut::Old { latest: 5 });
    assert_eq!(put(&bench, 9, b"nine").await, StatusPut::New);
    bench.reopen();
    assert_eq!(put(&bench, 8, b"eight").await, StatusPut::Old { latest: 9 });
    assert_eq!(bench.store.latest_status().unwrap(), Some((9, b"nine".to_vec())));
    // The revocations of what was refused are not there.
    let revocations = bench.store.revocations(0, 10).unwrap();
    assert_eq!(revocations, [b"five".repeat(1500), b"nine".repeat(1500)]);
    assert_eq!(bench.store.revocations(1, 10).unwrap().len(), 1);
    assert_eq!(bench.store.revocations(0, 1).unwrap().len(), 1);
}
