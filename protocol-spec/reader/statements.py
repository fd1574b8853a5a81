"""Statements and what is built of them, as bytes: chapter 03, sections 1, 3 to 6 and 8. What they mean is in chain.py
and revocation.py."""

from encoding import (B32, B64, BOOL, TIME, U8, U16, U32, U64, Enum, Fixed, List, Opaque, Optional, Select,
                      Struct, Version)
from primitives import H
from texts import DOMAIN, HANDLE, NOTE, OFFICE_NAME, PERSON_NAME, POST, RELAY_ADDRESS

# Section 1.

AUTHORITY, OFFICER, AUDITOR, RELAY, GRANT, DEVICE, RECEIPT, STATUS, REVOCATION, RENEWAL = range(1, 11)
APPROVAL = 13
KINDS = Enum(2, authority=1, officer=2, auditor=3, relay=4, grant=5, device=6, receipt=7, status=8, revocation=9,
             renewal=10, approval=13)

SIGNED = Struct(version=Version(1), kind=KINDS, authority=B32, issuer=B32, number=U64, not_before=TIME, not_after=TIME,
                body=Opaque(15360))
STATEMENT = Struct(signed=SIGNED, signatures=List(B64, 2))


def key_id(signing):
    return H("key id", signing)


def statement_id(statement):
    return H("statement id", SIGNED.write(statement["signed"]))


def device_id(body):
    """Section 4, from a device certificate's body."""
    return H("device id", body["signing"], body["noise"], body["sealing"])


# Sections 3 and 4.

TIER = Enum(1, official=1, restricted=2, confidential=3, secret=4, top_secret=5)
ENROL, ATTEST, REVOKE = 1, 2, 4
SUITE = 0x004D
SEALING = Fixed(1216)
STAFF_KEYS = {"signing": B32, "noise": B32, "sealing": SEALING}
ADDRESSES = List(RELAY_ADDRESS, 8)
REASON = Enum(1, lost=1, stolen=2, left=3, compromised=4, other=5, lapsed=6)
TARGET = Select({1: ("device", B32), 2: ("person", HANDLE), 3: ("grant", B32), 4: ("officer", B32)})
REVOCATION_BODY = Struct(target=TARGET, ceiling=Optional(TIER), reason=REASON, note=Optional(NOTE))

BODIES = {
    AUTHORITY: Struct(domain=DOMAIN, name=OFFICE_NAME, key=B32),
    OFFICER: Struct(name=PERSON_NAME, **STAFF_KEYS, powers=U16),
    AUDITOR: Struct(name=PERSON_NAME, **STAFF_KEYS),
    RELAY: Struct(addresses=ADDRESSES, signing=B32, noise=B32, tls_key=B32, allow_public=BOOL),
    GRANT: Struct(handle=HANDLE, name=PERSON_NAME, post=POST, clearance=TIER, powers=U16, redeem_by=TIME,
                  enrolment_key=B32, replaces=BOOL),
    DEVICE: Struct(grant=B32, **STAFF_KEYS, suites=List(U16, 8)),
    RECEIPT: Struct(grant=B32, certificate=B32),
    STATUS: Struct(revocation_list=B32, revocation_count=U32, policy_version=U32,
                   register=Optional(Struct(size=U64, root=B32))),
    REVOCATION: REVOCATION_BODY,
    RENEWAL: Struct(grant=B32, name=PERSON_NAME, post=POST, clearance=TIER, powers=U16),
    APPROVAL: Struct(device=B32, certificate=B32),
}

# Section 5.

STAFF_REQUEST = Struct(name=PERSON_NAME, **STAFF_KEYS)
RELAY_REQUEST = Struct(domain=DOMAIN, addresses=ADDRESSES, signing=B32, noise=B32, tls_key=B32)
CARD_SIGNED = Struct(version=Version(1), request=Select({
    OFFICER: ("officer", STAFF_REQUEST), AUDITOR: ("auditor", STAFF_REQUEST), RELAY: ("relay", RELAY_REQUEST)}, width=2))
CARD = Struct(signed=CARD_SIGNED, signature=B64)
CERTIFIED_RELAY = Struct(authority_certificate=STATEMENT, relay_certificate=STATEMENT)
AUTHORITY_SECRET = Struct(version=U8, holder=U8, signing=B32)
STAFF_SECRET = Struct(version=U8, holder=U8, signing=B32, noise=B32, sealing=B32)
RELAY_SECRET_HEAD = Struct(version=U8, holder=U8, signing=B32, noise=B32, tls_key=B32)

# Sections 6 and 8.

SIGNED_STATUS = Struct(officer_certificate=STATEMENT, statement=STATEMENT)
INVITATION = Struct(
    version=Version(1), authority_certificate=STATEMENT, officer_certificate=STATEMENT, grant=STATEMENT,
    relay_certificates=List(STATEMENT, 8, least=1), status=Optional(SIGNED_STATUS),
    secret=Select({0: ("seed", B32), 1: ("box", Opaque(256))}))
ENROLMENT = Struct(officer_certificate=STATEMENT, grant=STATEMENT, device_certificate=STATEMENT)
RENEWED = Struct(officer_certificate=STATEMENT, statement=STATEMENT)
APPROVED = Struct(statement=STATEMENT, approver=Opaque(65536))
DEVICE_CHAIN = Struct(officer_certificate=STATEMENT, grant=STATEMENT, device_certificate=STATEMENT, relay_certificate=STATEMENT,
                      receipt=STATEMENT, renewal=Optional(RENEWED), approval=Optional(APPROVED))
OFFICER_CHAIN = Struct(certificate=STATEMENT)

SAID = Struct(authority=B32, at=TIME, body=REVOCATION_BODY)
COSIGNATURE = Struct(certificate=STATEMENT, signature=B64)
REVOCATION_ENTRY = Struct(certificate=STATEMENT, statement=STATEMENT, cosignatures=List(COSIGNATURE, 2))
PROPOSAL = Struct(version=Version(1), said=SAID, cosignatures=List(COSIGNATURE, 2))
