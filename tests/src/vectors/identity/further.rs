//! Renewals and approvals (protocol-spec/03-identity, sections 6 and 7).

use amanat_identity::{
    Approval, DeviceChain, Powers, Renewal, Tier,
    body::{ApprovalBody, RenewalBody},
};
use amanat_primitives::Label;
use amanat_wire::{Bytes, Encode as _};

use super::{
    super::forge::{
        AYESHA, BILAL, DAY, Draft, MINUTE, NOBODY, OFFICER, SECOND_DEVICE, SECOND_OFFICER, T0, device_id, key_id,
        officer, plan,
    },
    Vector,
    chains::{ayesha, of},
};
use amanat_identity::StatementKind::{DeviceApproval, Renewal as RenewalKind};

pub(super) fn make() -> Vec<Vector> {
    [renewed(), approved()].concat()
}

/// A renewal of Ayesha's grant by an officer, at a time.
fn renewal(by: u8, from: u64, change: impl FnOnce(&mut Draft<RenewalBody>)) -> Renewal {
    let grant = ayesha().chain().grant;
    let body = RenewalBody {
        grant: grant.id(),
        name: "عائشہ خان".parse().unwrap(),
        post: "Deputy Secretary".parse().unwrap(),
        clearance: Tier::TopSecret,
        powers: Powers::NONE,
    };
    let mut draft = Draft::new(RenewalKind, body, by, 0);
    (draft.from, draft.until, draft.number) = (from, from + 365 * DAY, from);
    change(&mut draft);
    let mut certificate = officer(by.min(SECOND_OFFICER), "Second Officer");
    (certificate.from, certificate.until) = (T0, T0 + 900 * DAY);
    Renewal { officer_certificate: certificate.statement(), statement: draft.statement() }
}

fn renewed() -> Vec<Vector> {
    let later = T0 + 400 * DAY;
    let with = |renewal: Renewal| DeviceChain { renewal: Some(renewal), ..ayesha().chain() };
    let by = |change: &dyn Fn(&mut Draft<RenewalBody>)| with(renewal(SECOND_OFFICER, T0 + 300 * DAY, change));
    let rule = "ID-36";
    let good = by(&|_| {});
    vec![
        of("renewed", "ID-37", "Renewed: what stands before has ended and counts no more", later, &good),
        of("renewed-ended", "ID-37", "The renewal has ended", T0 + 665 * DAY + 10 * MINUTE + 1, &good)
            .refused("expired"),
        of("renewed-early", "ID-37", "The renewal has not begun", T0 + 300 * DAY - 10 * MINUTE - 1, &good)
            .refused("not_yet_valid"),
        of(
            "renewed-other-grant",
            rule,
            "Of another grant",
            later,
            &by(&|draft| {
                draft.body.grant = plan(BILAL, "bilal").chain().grant.id();
            }),
        )
        .refused("mismatch"),
        of("renewed-before-grant", rule, "Signed before the grant", T0, &with(renewal(SECOND_OFFICER, T0 - 1, |_| {})))
            .refused("mismatch"),
        of(
            "renewed-forged",
            "ID-01",
            "Signed by nobody in the officer's name",
            later,
            &by(&|draft| {
                (draft.by, draft.issuer) = (NOBODY, Some(key_id(SECOND_OFFICER)));
            }),
        )
        .refused("bad_signature"),
        of("renewed-by-root", "ID-05", "Signed by the root", later, &by(&|draft| draft.by = 0x01))
            .refused("wrong_issuer"),
        of("renewed-without-enrol", "ID-07 ID-36", "By an officer without the power to enrol", later, &{
            let mut certificate = officer(SECOND_OFFICER, "Second Officer");
            (certificate.body.powers, certificate.until) = (Powers::from_bits(6), T0 + 900 * DAY);
            let statement = renewal(SECOND_OFFICER, T0 + 300 * DAY, |_| {}).statement;
            with(Renewal { officer_certificate: certificate.statement(), statement })
        })
        .refused("not_empowered"),
        of("renewed-officer-ended", "ID-37", "The renewing officer's certificate has ended", later, &{
            let statement = renewal(SECOND_OFFICER, T0 + 300 * DAY, |_| {}).statement;
            with(Renewal { officer_certificate: officer(SECOND_OFFICER, "Second Officer").statement(), statement })
        })
        .refused("expired"),
        of("renewed-broken-before", "ID-37", "What stands before was never good", later, &{
            let mut chain = good.clone();
            chain.receipt = plan(BILAL, "bilal").chain().receipt;
            chain
        })
        .refused("mismatch"),
    ]
}

/// An approval of a device by the one whose chain is given.
fn approval(
    by: u8,
    approver: &DeviceChain,
    approved: &DeviceChain,
    device: u8,
    change: impl FnOnce(&mut Draft<ApprovalBody>),
) -> Approval {
    let body = ApprovalBody { device: device_id(device), certificate: approved.device_certificate.id() };
    let mut draft = Draft::new(DeviceApproval, body, by, 0);
    draft.until = u64::MAX;
    change(&mut draft);
    Approval { statement: draft.statement(), approver: Bytes::new(approver.to_bytes()).unwrap() }
}

fn approved() -> Vec<Vector> {
    let (first, second) = (ayesha().chain(), plan(SECOND_DEVICE, "ayesha").chain());
    let bilal = plan(BILAL, "bilal").chain();
    let with = |approval: Approval| DeviceChain { approval: Some(approval), ..second.clone() };
    let by = |change: &dyn Fn(&mut Draft<ApprovalBody>)| with(approval(AYESHA, &first, &second, SECOND_DEVICE, change));
    let good = by(&|_| {});
    let rule = "ID-50";
    // Approvals that stand in one another, of devices whose seeds count up from 40.
    let nested = |depth: u8| {
        let mut chain = first.clone();
        let mut approver = AYESHA;
        for step in 0..depth {
            let seed = 0x40 + 4 * step;
            let next = plan(seed, "ayesha").chain();
            let approval = approval(approver, &chain, &next, seed, |_| {});
            (chain, approver) = (DeviceChain { approval: Some(approval), ..next }, seed);
        }
        chain
    };
    vec![
        of("approved", rule, "A further device, approved by the first one", T0, &good),
        of(
            "approved-five-deep",
            "ID-51",
            "Five approvals in one another; device seeds count up from 40 by fours",
            T0,
            &nested(5),
        ),
        of("approved-six-deep", "ID-51", "Six", T0, &nested(6)).refused("mismatch"),
        of(
            "approved-other-person",
            rule,
            "Approved by another person's device",
            T0,
            &with(approval(BILAL, &bilal, &second, SECOND_DEVICE, |_| {})),
        )
        .refused("mismatch"),
        of(
            "approved-by-itself",
            rule,
            "Approved by itself",
            T0,
            &with(approval(SECOND_DEVICE, &second, &second, SECOND_DEVICE, |_| {})),
        )
        .refused("mismatch"),
        of(
            "approved-other-device",
            rule,
            "An approval of another device",
            T0,
            &by(&|draft| draft.body.device = device_id(BILAL)),
        )
        .refused("mismatch"),
        of(
            "approved-other-certificate",
            rule,
            "An approval of another certificate",
            T0,
            &by(&|draft| {
                draft.body.certificate = bilal.device_certificate.id();
            }),
        )
        .refused("mismatch"),
        of(
            "approved-forged",
            "ID-01",
            "Signed by nobody in the approver's name",
            T0,
            &by(&|draft| {
                (draft.by, draft.issuer) = (NOBODY, Some(key_id(AYESHA)));
            }),
        )
        .refused("bad_signature"),
        of("approved-by-officer", "ID-05", "Signed by the officer", T0, &by(&|draft| draft.by = OFFICER))
            .refused("wrong_issuer"),
        of(
            "approved-other-label",
            "PRIM-06",
            "Signed under another label",
            T0,
            &by(&|draft| draft.label = Label::POSSESSION),
        )
        .refused("bad_signature"),
        of(
            "approved-before-approver",
            rule,
            "Of a time at which the approver's chain did not hold",
            T0,
            &by(&|draft| draft.from = T0 - DAY),
        )
        .refused("not_yet_valid"),
        of("approved-approver-cut", rule, "The approver's chain is cut short", T0, &{
            let bytes = first.to_bytes();
            let mut approval = approval(AYESHA, &first, &second, SECOND_DEVICE, |_| {});
            approval.approver = Bytes::new(&bytes[..bytes.len() - 1]).unwrap();
            with(approval)
        })
        .refused("cut_short"),
    ]
}
