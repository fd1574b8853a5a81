"""Verification of statements and chains: chapter 03, sections 1, 6 and 7."""

from encoding import decode, require
from primitives import TOLERANCE, Refused, open_box, signature_verifies, signing_public, time_add
from statements import (APPROVAL, AUTHORITY, BODIES, CARD, CARD_SIGNED, CERTIFIED_RELAY, DEVICE, DEVICE_CHAIN, ENROL, ENROLMENT,
                        GRANT, INVITATION, OFFICER, OFFICER_CHAIN, RECEIPT, RELAY, RENEWAL, SIGNED, SUITE, device_id, key_id,
                        statement_id)

APPROVALS_DEEP = 5
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Moment:
    """A time at which windows are judged, and the tolerance at their ends [ID-06].

    Where `ends` is false a window's end does not count: of a status statement, and of a revocation."""

    def __init__(self, now, tolerance=TOLERANCE, ends=True):
        self.now = now
        self.tolerance = tolerance
        self.ends = ends

    def check_window(self, signed):
        """A longer tolerance than the usual one does not reach before a window's beginning."""
        early = min(self.tolerance, TOLERANCE)
        require(time_add(self.now, early) >= signed["not_before"], "not_yet_valid")
        require(not self.ends or self.now <= time_add(signed["not_after"], self.tolerance), "expired")


def check_statement(statement, kind, authority, issuer_key, moment):
    """Section 7: kind, authority, issuer, signature, window, number of signatures, body; gives the body."""
    signed = statement["signed"]
    require(signed["kind"] == kind, "wrong_kind", f"{signed['kind']} instead of {kind}")
    require(signed["authority"] == authority, "other_authority")
    require(signed["issuer"] == key_id(issuer_key), "wrong_issuer")
    signatures = statement["signatures"]
    good = signatures and signature_verifies(issuer_key, "statement", SIGNED.write(signed), signatures[0])
    require(good, "bad_signature")
    moment.check_window(signed)
    if kind != DEVICE:
        require(len(signatures) == 1, "bad_signature", "number of signatures")
        return decode(BODIES[kind], signed["body"])
    body = decode(BODIES[kind], signed["body"])
    require(len(signatures) == 2, "not_possessed", "no signature of its own key")
    require(signature_verifies(body["signing"], "possession", SIGNED.write(signed), signatures[1]), "not_possessed")
    return body


class Authority:
    """A verified authority certificate: what is pinned [ID-04]."""

    def __init__(self, certificate, moment):
        signed = certificate["signed"]
        require(signed["kind"] == AUTHORITY, "wrong_kind")
        self.key = decode(BODIES[AUTHORITY], signed["body"])["key"]
        self.id = key_id(self.key)
        self.signed = signed
        self.certificate = certificate
        self.body = check_statement(certificate, AUTHORITY, self.id, self.key, moment)

    def check_certificate(self, certificate, kind, moment):
        """A certificate by the root; gives its body."""
        body = check_statement(certificate, kind, self.id, self.key, moment)
        require(kind != RELAY or body["addresses"], "mismatch", "a relay without an address")
        return body

    def check_by_officer(self, certificate, power, statement, kind, moment):
        """An officer's certificate, a statement by that officer, and the power for it [ID-07]; gives both bodies."""
        officer = self.check_certificate(certificate, OFFICER, moment)
        body = check_statement(statement, kind, self.id, officer["signing"], moment)
        check_power(officer, power)
        return officer, body


def check_power(officer, power):
    require(officer["powers"] & power == power, "not_empowered")


def officer_chain(authority, data, moment):
    chain = decode(OFFICER_CHAIN, data)
    return chain["certificate"], authority.check_certificate(chain["certificate"], OFFICER, moment)


def check_grant(authority, parts, moment):
    """Step 2: the officer's certificate and the grant; gives both bodies."""
    return authority.check_by_officer(parts["officer_certificate"], ENROL, parts["grant"], GRANT, moment)


def check_device(authority, parts, grant, moment):
    """Step 3: the device certificate; gives its body."""
    certificate, granted = parts["device_certificate"], parts["grant"]
    body = check_statement(certificate, DEVICE, authority.id, grant["enrolment_key"], moment)
    require(body["grant"] == statement_id(granted), "mismatch", "grant")
    window = [granted["signed"][field] == certificate["signed"][field] for field in ("not_before", "not_after")]
    require(all(window), "mismatch", "window")
    require(body["signing"] != grant["enrolment_key"], "enrolment_key_certified")
    require(SUITE in body["suites"], "suite_missing")
    return body


class VerifiedDevice:
    """What a device chain says (section 7)."""

    def __init__(self, authority, data, moment, depth=0):
        chain = decode(DEVICE_CHAIN, data)
        receipt = chain["receipt"]["signed"]
        renewal, approval = chain["renewal"], chain["approval"]
        then = Moment(receipt["not_before"]) if renewal else moment
        then.check_window(authority.signed)
        officer, grant = check_grant(authority, chain, then)
        device = check_device(authority, chain, grant, then)
        relay = authority.check_certificate(chain["relay_certificate"], RELAY, then)
        taken = check_statement(chain["receipt"], RECEIPT, authority.id, relay["signing"], then)
        self.grant, self.certificate = statement_id(chain["grant"]), statement_id(chain["device_certificate"])
        require(taken == {"grant": self.grant, "certificate": self.certificate}, "mismatch", "receipt")
        require(receipt["not_before"] <= time_add(grant["redeem_by"], TOLERANCE), "grant_expired")
        self.device, self.keys = device_id(device), device
        self.officer, self.relay = key_id(officer["signing"]), key_id(relay["signing"])
        self.handle = grant["handle"]
        self.address = f"{grant['handle']}@{authority.body['domain']}"
        self.enrolled_at, self.granted_at = receipt["not_before"], chain["grant"]["signed"]["not_before"]
        self.granted_clearance = grant["clearance"]
        self.renewing_officer, self.cleared_at, says = None, self.granted_at, grant
        windows = [chain[part] for part in ("officer_certificate", "grant", "device_certificate", "relay_certificate", "receipt")]
        if renewal:
            says = self.check_renewal(authority, chain, moment)
            windows = list(renewal.values())
        self.name, self.post, self.clearance, self.powers = (says[field] for field in ("name", "post", "clearance", "powers"))
        self.valid_until = min(part["signed"]["not_after"] for part in [*windows, authority.certificate])
        self.approver = self.check_approval(authority, approval, moment, depth) if approval else None

    def check_renewal(self, authority, chain, moment):
        """As of now: authority, renewing officer and renewal [ID-36, ID-37]; gives the renewal's body."""
        renewal = chain["renewal"]
        moment.check_window(authority.signed)
        officer, body = authority.check_by_officer(
            renewal["officer_certificate"], ENROL, renewal["statement"], RENEWAL, moment)
        require(body["grant"] == self.grant, "mismatch", "renewal of another grant")
        self.cleared_at = renewal["statement"]["signed"]["not_before"]
        require(self.cleared_at >= self.granted_at, "mismatch", "renewed before it was granted")
        self.renewing_officer = key_id(officer["signing"])
        return body

    def check_approval(self, authority, approval, moment, depth):
        """By another device of the same person, whose chain held then [ID-50, ID-51]; gives that device."""
        require(depth < APPROVALS_DEEP, "mismatch", "approvals too deep")
        statement = approval["statement"]
        approver = VerifiedDevice(authority, approval["approver"], Moment(statement["signed"]["not_before"]), depth + 1)
        body = check_statement(statement, APPROVAL, authority.id, approver.keys["signing"], moment)
        require(body == {"device": self.device, "certificate": self.certificate}, "mismatch", "approval of another device")
        require(approver.address == self.address, "mismatch", "approved by another person")
        require(approver.device != self.device, "mismatch", "approved by itself")
        return approver

    def code(self):
        """What people compare before they approve [ID-53]."""
        return spoken(self.certificate[:10])


class Enrolled:
    """What a relay checks before it signs a receipt (section 6)."""

    def __init__(self, authority, data, moment):
        parts = decode(ENROLMENT, data)
        moment.check_window(authority.signed)
        officer, grant = check_grant(authority, parts, moment)
        device = check_device(authority, parts, grant, moment)
        require(moment.now <= time_add(grant["redeem_by"], TOLERANCE), "grant_expired")
        self.grant, self.certificate = statement_id(parts["grant"]), statement_id(parts["device_certificate"])
        self.device, self.officer, self.handle = device_id(device), key_id(officer["signing"]), grant["handle"]
        self.address = f"{grant['handle']}@{authority.body['domain']}"
        self.clearance = self.granted_clearance = grant["clearance"]
        self.granted_at = self.cleared_at = parts["grant"]["signed"]["not_before"]
        self.enrolled_at, self.renewing_officer = moment.now, None


def certified_relay(data, moment):
    """Section 5: the one file that a relay gets back; gives the authority, the certificate and its body."""
    parts = decode(CERTIFIED_RELAY, data)
    authority = Authority(parts["authority_certificate"], moment)
    body = authority.check_certificate(parts["relay_certificate"], RELAY, moment)
    return authority, parts["relay_certificate"], body


def check_card(kind, data):
    """Section 5: whoever made the card holds the key [ID-10]; gives that key."""
    card = decode(CARD, data)
    name, request = card["signed"]["request"]
    require(CARD_SIGNED.fields["request"].numbers[name] == kind, "invalid", "a card of another kind")
    signed = CARD_SIGNED.write(card["signed"])
    require(signature_verifies(request["signing"], "card", signed, card["signature"]), "bad_card")
    return request["signing"]


def spoken(data):
    """Bytes as Crockford's base 32, in groups of four."""
    bits = "".join(f"{byte:08b}" for byte in data)
    symbols = "".join(CROCKFORD[int(bits[at : at + 5], 2)] for at in range(0, len(bits), 5))
    return "-".join(symbols[at : at + 4] for at in range(0, len(symbols), 4))


def heard(code):
    """The symbols of a code as it was typed: case, spaces and dashes do not count, O is 0, I and L are 1."""
    symbols = code.upper().replace(" ", "").replace("-", "").translate(str.maketrans("OIL", "011"))
    require(len(symbols) == 24 and all(symbol in CROCKFORD for symbol in symbols), "wrong_code")
    return symbols


def enrolment_seed(secret, code):
    """Section 6: the seed as it stands, or in a box under the code."""
    form, value = secret
    if form == "seed":
        return value
    require(code is not None, "code_needed")
    try:
        return open_box("invitation code", heard(code), value)
    except Refused as refused:
        raise Refused("wrong_code" if refused.word == "wrong_passphrase" else refused.word) from None


def check_invitation(data, code, moment, check_status):
    """Section 6, step 2 [ID-28]; gives the authority, the grant and its body. `check_status` judges the status statement."""
    require(len(data) <= 65536, "too_long")
    parts = decode(INVITATION, data)
    authority = Authority(parts["authority_certificate"], moment)
    _, grant = check_grant(authority, parts, moment)
    require(moment.now <= time_add(grant["redeem_by"], TOLERANCE), "grant_expired")
    for certificate in parts["relay_certificates"]:
        authority.check_certificate(certificate, RELAY, moment)
    if parts["status"]:
        check_status(authority, parts["status"], moment)
    seed = enrolment_seed(parts["secret"], code)
    require(len(seed) == 32 and signing_public(seed) == grant["enrolment_key"], "mismatch", "not the grant's key")
    return authority, parts["grant"], grant
