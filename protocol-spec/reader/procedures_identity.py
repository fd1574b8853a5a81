"""The vectors of chapter 03."""

from chain import (Authority, Enrolled, Moment, VerifiedDevice, certified_relay, check_card, check_invitation, officer_chain)
from encoding import decode
from files import open_file, open_secret
from primitives import TOLERANCE, H
from revocation import (EMPTY_LIST, Status, check_enrolment_standing, check_entries, check_invited, check_proposal, check_status,
                        held_list, standing)
from statements import AUDITOR, SIGNED_STATUS, STATEMENT, key_id, statement_id
from texts import check_text
from vector import lines


def moment_of(vector):
    tolerance = vector.optional_number("tolerance")
    return Moment(vector.number("now"), TOLERANCE if tolerance is None else tolerance)


def authority_of(vector, moment):
    return Authority(decode(STATEMENT, vector.bytes("authority")), moment)


def text(vector):
    check_text(vector.text("type"), vector.bytes("bytes"))
    return []


def statement(vector):
    decoded = decode(STATEMENT, vector.bytes("statement"))
    signed = dict(decoded["signed"])
    del signed["version"]
    return lines(id=statement_id(decoded), **signed, signatures=len(decoded["signatures"]))


def authority(vector):
    pinned = authority_of(vector, moment_of(vector))
    return lines(id=pinned.id, domain=pinned.body["domain"], name=pinned.body["name"])


def officer(vector):
    moment = moment_of(vector)
    _, body = officer_chain(authority_of(vector, moment), vector.bytes("officer_chain"), moment)
    return lines(id=key_id(body["signing"]), name=body["name"], powers=body["powers"])


def auditor(vector):
    moment = moment_of(vector)
    pinned = authority_of(vector, moment)
    body = pinned.check_certificate(decode(STATEMENT, vector.bytes("certificate")), AUDITOR, moment)
    return lines(id=key_id(body["signing"]), name=body["name"])


def relay_file(vector):
    pinned, _, body = certified_relay(vector.bytes("certified_relay"), moment_of(vector))
    return lines(authority_id=pinned.id, id=key_id(body["signing"]), addresses=body["addresses"], tls_key=body["tls_key"],
                 allow_public=body["allow_public"])


def chain(vector):
    moment = moment_of(vector)
    device = VerifiedDevice(authority_of(vector, moment), vector.bytes("chain"), moment)
    approver = {"approver": device.approver.device} if device.approver else {}
    return lines(device=device.device, certificate=device.certificate, grant=device.grant, officer=device.officer,
                 relay=device.relay, address=device.address, name=device.name, post=device.post, clearance=device.clearance,
                 enrolled_at=device.enrolled_at, cleared_at=device.cleared_at, valid_until=device.valid_until,
                 code=device.code(), **approver)


def enrolment(vector):
    moment = moment_of(vector)
    pinned = authority_of(vector, moment)
    held = vector.optional_bytes("held_status"), vector.bytes_list("held_entry")
    device = Enrolled(pinned, vector.bytes("enrolment"), moment)
    check_enrolment_standing(held_list(pinned, *held)[1], device)
    return lines(device=device.device, certificate=device.certificate, grant=device.grant, address=device.address,
                 clearance=device.clearance)


def card(vector):
    return lines(key_id=key_id(check_card(vector.number("kind"), vector.bytes("card"))))


def invitation(vector):
    data, moment, code = vector.bytes("invitation"), moment_of(vector), vector.optional_text("code")
    pinned, granted, grant = check_invitation(data, code, moment, check_invited)
    return lines(authority_id=pinned.id, address=f"{grant['handle']}@{pinned.body['domain']}", clearance=grant["clearance"],
                 redeem_by=grant["redeem_by"], grant=statement_id(granted))


def status(vector):
    moment = moment_of(vector)
    held = vector.optional_bytes("held_status"), vector.bytes_list("held_entry")
    accepted = check_status(authority_of(vector, moment), moment, vector.bytes("status"), vector.bytes_list("entry"), *held)
    return lines(number=accepted.number, id=accepted.id, officer=accepted.officer, this_update=accepted.this_update,
                 next_update=accepted.next_update, count=accepted.body["revocation_count"],
                 list=accepted.body["revocation_list"])


def freshness(vector):
    moment = moment_of(vector)
    accepted = Status(authority_of(vector, moment), decode(SIGNED_STATUS, vector.bytes("status")), moment)
    return lines(fresh=accepted.is_fresh(vector.number("tier"), moment.now))


def standing_of(vector):
    moment = moment_of(vector)
    pinned = authority_of(vector, moment)
    number, as_of = vector.number("number"), vector.number("as_of")
    entries = check_entries(pinned, vector.bytes_list("entry"))
    device = VerifiedDevice(pinned, vector.bytes("chain"), moment)
    verdict, what = standing([entry for entry in entries if entry.number <= number], device, as_of)
    if verdict == "good":
        return lines(standing=verdict, clearance=what)
    return lines(standing=verdict, reason=what.body["reason"], since_number=what.number)


def proposal(vector):
    moment = moment_of(vector)
    said, signers = check_proposal(authority_of(vector, moment), vector.bytes("proposal"), moment)
    return lines(id=said, signer=signers)


def safety_number(vector):
    """Section 10 [ID-26]."""
    people = []
    for one in "ab":
        keys = sorted(set(vector.bytes_list(f"key_{one}")))
        people.append((vector.text(f"address_{one}").encode(), b"".join(keys)))
    parts = [part for person in sorted(people) for part in person]
    digits = H("safety number", b"\x00", *parts) + H("safety number", b"\x01", *parts)
    groups = (int.from_bytes(digits[5 * i : 5 * i + 5], "big") % 100_000 for i in range(12))
    return lines(number=" ".join(f"{group:05d}" for group in groups))


def file(vector):
    return lines(content=open_file(vector.text("label"), vector.bytes("text")))


def secret(vector):
    return lines(key_id=key_id(open_secret(vector.number("holder"), vector.bytes("secret"))))


def empty_list(vector):
    return lines(list=EMPTY_LIST)


def relay_tls_key(vector):
    return lines(digest=H("relay tls key", vector.bytes("spki")))


PROCEDURES = {
    "text": text, "statement": statement, "authority": authority, "officer_chain": officer, "auditor": auditor,
    "certified_relay": relay_file, "chain": chain, "enrolment": enrolment, "card": card, "invitation": invitation,
    "status": status, "freshness": freshness, "standing": standing_of, "proposal": proposal,
    "safety_number": safety_number, "file": file, "secret": secret, "empty_list": empty_list, "relay_tls_key": relay_tls_key,
}
