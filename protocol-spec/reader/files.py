"""Files that go from hand to hand: chapter 03, sections 5 and 11 [ID-09, ID-27]."""

import base64
import re

from encoding import Refused, decode, require
from primitives import signing_public
from statements import AUTHORITY_SECRET, RELAY_SECRET_HEAD, STAFF_SECRET

LIMITS = {
    "AMANAT AUTHORITY CERTIFICATE": 16384, "AMANAT OFFICER CERTIFICATE": 16384, "AMANAT AUDITOR CERTIFICATE": 16384,
    "AMANAT RELAY CERTIFICATE": 32768, "AMANAT OFFICER CARD": 16384, "AMANAT AUDITOR CARD": 16384,
    "AMANAT RELAY CARD": 16384, "AMANAT INVITATION": 65536, "AMANAT STATUS STATEMENT": 32768, "AMANAT REVOCATION": 32768,
    "AMANAT PROPOSED REVOCATION": 16384, "AMANAT GRANT": 16384, "AMANAT RENEWAL": 32768, "AMANAT PROTECTED KEY": 16384,
    "AMANAT KEY": 16384,
}
ROOT, RELAY_HOLDER = 1, 4


def armour(label, content):
    """The one form of a file."""
    text = base64.b64encode(content).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def open_file(label, data):
    """The content of a file of this label."""
    text = data.decode("latin-1").replace("\r\n", "\n").strip(" \t\n\f\r")
    begin = re.match(r"-----BEGIN ([A-Z ]+)-----\n", text)
    require(begin is not None and begin[1] in LIMITS, "not_armour")
    require(begin[1] == label, "other_kind", begin[1])
    end = f"\n-----END {label}-----"
    require(end in text, "cut_short")
    require(text.endswith(end), "damaged", "something behind the last line")
    inner = text[begin.end() : -len(end)].replace("\n", "")
    require(len(inner) // 4 * 3 <= LIMITS[label] + 2, "too_large")
    try:
        content = base64.b64decode(inner, validate=True)
    except ValueError:
        raise Refused("damaged", "not base 64") from None
    require(len(content) <= LIMITS[label], "too_large")
    require(armour(label, content).strip() == text, "damaged", "not in its one form")
    return content


def open_secret(holder, data):
    """The secret keys of a holder; gives the public half of the signing key."""
    require(len(data) >= 2 and data[0] == 1, "damaged")
    require(data[1] == holder, "other_holder")
    try:
        if holder == RELAY_HOLDER:
            head = decode(RELAY_SECRET_HEAD, data[:98])
            require(1 <= len(data) - 98 <= 4096, "damaged", "TLS key")
        else:
            head = decode(AUTHORITY_SECRET if holder == ROOT else STAFF_SECRET, data)
    except Refused:
        raise Refused("damaged") from None
    return signing_public(head["signing"])
