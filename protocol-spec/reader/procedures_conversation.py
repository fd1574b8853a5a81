"""The vectors of chapter 05."""

from chain import Authority, Moment, VerifiedDevice
from contents import (CONTENT, EXPIRING, check_body, check_commit_facts, check_expiring, check_facts, check_frame,
                      check_leaf_identity, check_leave, check_roles, check_validity, written)
from encoding import decode
from primitives import H
from sender import Sender, compare_log
from statements import STATEMENT
from vector import lines
from wire import roster_change


def leaf_identity(vector):
    moment = Moment(vector.number("now"))
    authority = Authority(decode(STATEMENT, vector.bytes("authority")), moment)
    device = VerifiedDevice(authority, vector.bytes("chain"), moment)
    identity = check_leaf_identity(vector.bytes("identity"), device, vector.bytes("signature_key"), vector.number("tier"))
    return lines(device=identity["device"], address=written(identity))


def group_facts(vector):
    facts = check_facts(vector.bytes("group_facts"))
    return lines(**without(facts, "version"))


def roles(vector):
    decoded = check_roles(vector.bytes("roles"))
    return lines(founder=written(decoded["founder"]), moderator=[written(person) for person in decoded["moderators"]])


def validity(vector):
    inputs = vector.bytes("device"), vector.number("last_resort") == 1, vector.number("at")
    decoded = check_validity(vector.bytes("validity"), *inputs)
    return lines(made_at=decoded["made_at"], not_after=decoded["not_after"])


def commit_facts(vector):
    facts = check_commit_facts(vector.bytes("commit_facts"))
    return lines(committed_at=facts["committed_at"], status_number=facts["status_number"], roster_add=facts["roster_add"],
                 roster_remove=facts["roster_remove"], leave=[parts(proof) for proof in facts["leaves"]],
                 again=[parts(asked) for asked in facts["again"]],
                 roster_change=roster_change(facts["roster_add"], facts["roster_remove"]))


def content(vector):
    frame, digest = check_frame(vector.bytes("frame"))
    fixed = frame["fixed"]
    message = H("message id", vector.bytes("conversation"), vector.bytes("sender"), fixed["seed"])[:16]
    return lines(id=message, digest=digest, **without(fixed, "version", "seed", "body"), position=frame["position"],
                 running=frame["running"]) + body_lines(fixed["content_type"], fixed["body"])


def body_lines(content_type, body):
    if content_type == EXPIRING:
        fields, inner = check_expiring(body)
        return lines(seconds=fields["seconds"], inner_type=fields["content_type"]) + field_lines(inner, fields["body"])
    return field_lines(check_body(content_type, body), body)


def field_lines(fields, body):
    """The fields of a body, texts in hexadecimal; the body as it is where this chapter does not look into it."""
    if fields is None:
        return lines(body=body)
    if "lines" in fields:
        return lines(line=[parts(line) for line in fields["lines"]])
    return lines(**{name: value.encode() if isinstance(value, str) else value for name, value in fields.items()})


def leave(vector):
    inputs = (vector.bytes(key) for key in ("device_key", "conversation", "leaf", "signature"))
    return lines(leaf_hash=check_leave(*inputs))


def sender_track(vector):
    sender = Sender()
    verdicts = [sender.take(decode(CONTENT, data)) for data in vector.bytes_list("content")]
    return lines(verdict=verdicts, contiguous=sender.contiguous())


def log_track(vector):
    return lines(verdict=compare_log(vector.bytes_list("entry"), vector.number("position"), vector.bytes("running")))


def without(fields, *names):
    return {name: value for name, value in fields.items() if name not in names}


def parts(item):
    """The fields of an item in one line."""
    return " ".join(text for _, text in lines(**item))


PROCEDURES = {
    "leaf_identity": leaf_identity, "group_facts": group_facts, "roles": roles, "validity": validity,
    "commit_facts": commit_facts, "content": content, "leave": leave, "sender_track": sender_track,
    "log_track": log_track,
}
