"""Status statements, the list of revocations and what it makes of a device: chapter 03, section 8."""

from chain import Moment, check_power, check_statement
from encoding import Refused, decode, require
from primitives import TIME_MAX, TOLERANCE, H, signature_verifies, time_add
from statements import (ATTEST, AUTHORITY, OFFICER, PROPOSAL, REVOCATION, REVOCATION_ENTRY, REVOKE, SAID, SIGNED_STATUS, STATUS,
                        key_id, statement_id)

HOUR, DAY = 3_600_000, 86_400_000
ALONE_IN_HOUR, ALONE_IN_DAY = 20, 60
LONGEST_STATUS = 31 * DAY
OLD_AFTER = {1: 7 * DAY, 2: 7 * DAY, 3: 2 * DAY, 4: DAY, 5: DAY}
MOST_ENTRIES = 100_000
EMPTY_LIST = H("revocation list")


class Entry:
    """An entry of the list that verifies behind the entries before it (section 8, in the order given there).

    `fits` judges its number and its time against the status statement that names it."""

    def __init__(self, authority, data, before, fits):
        parts = decode(REVOCATION_ENTRY, data)
        statement, certificate = parts["statement"], parts["certificate"]
        self.at, self.number, self.by = (statement["signed"][field] for field in ("not_before", "number", "issuer"))
        self.by_root = self.by == authority.id
        moment = Moment(self.at, ends=False)
        if self.by_root:
            authority.check_certificate(certificate, AUTHORITY, Moment(self.at))
            require(not parts["cosignatures"], "mismatch", "a cosignature under what the root says")
            self.body = check_statement(statement, REVOCATION, authority.id, authority.key, moment)
        else:
            officer = authority.check_certificate(certificate, OFFICER, Moment(self.at))
            check_power(officer, REVOKE)
            self.body = check_statement(statement, REVOCATION, authority.id, officer["signing"], moment)
        self.kind, self.target = self.body["target"]
        self.said = {"authority": authority.id, "at": self.at, "body": self.body}
        require(self.by_root == (self.kind == "officer"), "wrong_issuer", "an officer's revocation is the root's")
        require(not (self.by_root and self.body["ceiling"]), "mismatch", "a ceiling for an officer")
        require(not any(entry.revokes_officer(self.by) for entry in before), "officer_revoked")
        require(not before or before[-1].number <= self.number, "order", "below the entry before")
        fits(self)
        self.cosigned = self.counts_cosigned(authority, parts["cosignatures"], before)
        self.check_alone(before)

    def revokes_officer(self, officer):
        return self.kind == "officer" and self.target == officer

    def counts_cosigned(self, authority, cosignatures, before):
        """Whether another officer's signature counts for this entry [ID-45, ID-60]."""
        signers = [check_cosignature(authority, self.said, cosignature, Moment(self.number)) for cosignature in cosignatures]
        signers = [signer for signer in signers if signer != self.by]
        if any(entry.cosigned and entry.said == self.said for entry in before):
            return False
        return any(not any(entry.revokes_officer(signer) for entry in before) for signer in signers)

    def check_alone(self, before):
        """What one officer lists without another one's signature, by the entries' numbers [ID-44]."""
        if self.by_root or self.cosigned:
            return
        earlier = [entry.number for entry in before if entry.by == self.by and not entry.cosigned and not entry.by_root]
        for most, span in ((ALONE_IN_HOUR, HOUR), (ALONE_IN_DAY, DAY)):
            require(sum(self.number - number < span for number in earlier) < most, "alone")

    def meets(self, device):
        """Whether the entry's target is the device, its person, its grant or its granting officer."""
        return {
            "device": self.target == device.device,
            "person": self.target == device.handle and device.granted_at <= self.at,
            "grant": self.target == device.grant,
            "officer": self.target == device.officer and device.enrolled_at > self.at,
        }[self.kind]


def check_cosignature(authority, said, cosignature, moment):
    """An officer's signature over what a revocation says; gives the officer's KeyId."""
    officer = authority.check_certificate(cosignature["certificate"], OFFICER, moment)
    check_power(officer, REVOKE)
    good = signature_verifies(officer["signing"], "cosignature", SAID.write(said), cosignature["signature"])
    require(good, "bad_signature")
    return key_id(officer["signing"])


def check_proposal(authority, data, moment):
    """A revocation on its way to a second officer; gives the id of what it says, and who has signed it."""
    proposal = decode(PROPOSAL, data)
    said = proposal["said"]
    require(said["authority"] == authority.id, "other_authority")
    signers = [check_cosignature(authority, said, cosignature, moment) for cosignature in proposal["cosignatures"]]
    require(len(set(signers)) == len(signers), "mismatch", "signed twice by one officer")
    return H("cosignature", SAID.write(said)), signers


def list_hash(entries, start=EMPTY_LIST):
    """L: over the whole of each entry [ID-63]."""
    for data in entries:
        start = H("revocation list", start, data)
    return start


def check_entries(authority, datas):
    """All entries of a list that was accepted, each verified behind those before it."""
    entries = []
    for data in datas:
        entries.append(Entry(authority, data, entries, lambda entry: None))
    return entries


class Status:
    """A status statement whose signatures verify; its list is judged by `check_list`."""

    def __init__(self, authority, parts, moment):
        signed = parts["statement"]["signed"]
        self.this_update, self.next_update, self.number = (signed[field] for field in ("not_before", "not_after", "number"))
        certificate = parts["officer_certificate"]
        officer = authority.check_certificate(certificate, OFFICER, moment)
        self.body = check_statement(parts["statement"], STATUS, authority.id, officer["signing"], Moment(moment.now, ends=False))
        check_power(officer, ATTEST)
        require(self.next_update - self.this_update <= LONGEST_STATUS, "mismatch", "holds for more than 31 days")
        require(self.number <= time_add(self.this_update, HOUR), "mismatch", "number too far ahead of its time")
        Moment(self.this_update).check_window(certificate["signed"])
        self.id, self.officer = statement_id(parts["statement"]), key_id(officer["signing"])

    def is_fresh(self, tier, now):
        """Until its next update, or until it is as old as the tier allows, whichever is earlier, with the tolerance [ID-22]."""
        end = min(self.next_update, time_add(self.this_update, OLD_AFTER[tier]))
        return now <= time_add(end, TOLERANCE)

    def check_list(self, authority, held, new, last_number=None):
        """The whole list that it names, held entries and new ones [ID-25, ID-31, ID-42, ID-47]; gives them verified.

        `last_number` is that of the statement which was accepted before without the new ones."""
        count, datas = self.body["revocation_count"], [*held, *new]
        require(count <= MOST_ENTRIES, "too_many")
        require(count >= len(held), "shorter")
        require(len(datas) >= count, "missing")
        require(len(datas) == count and list_hash(datas) == self.body["revocation_list"], "differs")

        def in_time(entry):
            require(entry.at <= time_add(self.this_update, TOLERANCE), "backdated")

        def fits(entry):
            require(last_number is None or entry.number > last_number, "order", "not above the statement before")
            require(entry.number <= self.number, "order", "above the statement that names it")
            in_time(entry)

        entries = check_entries(authority, held)
        for entry in entries:
            in_time(entry)
        for data in new:
            entries.append(Entry(authority, data, entries, fits))
        require(not any(entry.revokes_officer(self.officer) for entry in entries), "officer_revoked")
        return entries


def check_invited(authority, parts, moment):
    """The status statement in an invitation, by itself: one of which anything has ended is ignored [ID-28]."""
    try:
        Status(authority, parts, moment)
    except Refused as refused:
        require(refused.word == "expired", refused.word, str(refused))


def held_list(authority, data, entries):
    """What was accepted before, verified as of when it was signed: the status statement, if any, and the entries."""
    if data is None:
        return None, []
    parts = decode(SIGNED_STATUS, data)
    status = Status(authority, parts, Moment(parts["statement"]["signed"]["not_before"]))
    return status, status.check_list(authority, [], entries)


def check_status(authority, moment, data, entries, held_data=None, held_entries=()):
    """What is accepted after what is held; gives the status statement."""
    status = Status(authority, decode(SIGNED_STATUS, data), moment)
    held, _ = held_list(authority, held_data, held_entries)
    if held:
        require(status.number >= held.number, "older")
        require(status.number > held.number or status.id == held.id, "conflict")
    status.check_list(authority, held_entries, entries, held and held.number)
    return status


def lowered(clearance, stated_at, ceilings):
    """A clearance under the ceilings that stand at or after the time at which it was stated [ID-38]."""
    return min([clearance] + [entry.body["ceiling"] for entry in ceilings if stated_at <= entry.at])


def standing(entries, device, as_of=TIME_MAX):
    """What the entries with numbers up to `as_of` make of a device: ("revoked", entry) or ("good", clearance) [ID-33]."""
    counted = [entry for entry in entries if entry.number <= as_of]
    met = [entry for entry in counted if entry.meets(device)]
    for entry in met:
        if entry.body["ceiling"] is None:
            return "revoked", entry
    clearance = lowered(device.granted_clearance, device.granted_at, met)
    renewer = device.renewing_officer
    if renewer and not any(entry.revokes_officer(renewer) for entry in counted):
        clearance = max(clearance, lowered(device.clearance, device.cleared_at, met))
    return "good", clearance


def check_enrolment_standing(entries, device):
    """A revoked device or grant is not enrolled, nor a grant of a revoked officer redeemed [ID-34, ID-40]."""
    require(not any(entry.revokes_officer(device.officer) for entry in entries), "officer_revoked")
    require(standing(entries, device)[0] == "good", "revoked")
