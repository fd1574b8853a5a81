"""Texts that people give, and their rules: chapter 03, section 2 [ID-02]."""

import ipaddress
import re
import unicodedata

from encoding import Refused, Text

LINE_BREAKS = {*range(0x0A, 0x0E), 0x85, 0x2028, 0x2029}
DIRECTION = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
SHAPING = {0x034F, 0x061C, *range(0x180B, 0x1810), *range(0x200C, 0x2010), *range(0xE0100, 0xE01F0)}
FILLERS = {0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0}
INVISIBLE = {
    0xAD, 0x17B4, 0x17B5, 0x200B, *range(0x2060, 0x2066), *range(0x206A, 0x2070), 0xFEFF, *range(0xFFF0, 0xFFFC),
    *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000),
} - SHAPING
WHITE_SPACE = {*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}


def is_hostile(character):
    code = ord(character)
    return unicodedata.category(character) == "Cc" or code in LINE_BREAKS or code in DIRECTION or code in INVISIBLE


def is_handle(text):
    return len(text) <= 64 and re.fullmatch(r"[a-z0-9][a-z0-9._-]*", text) is not None


def is_domain(text):
    label = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    return len(text) <= 253 and re.fullmatch(rf"{label}(?:\.{label})*", text) is not None


def is_address(text):
    handle, at, domain = text.partition("@")
    return at == "@" and is_handle(handle) and is_domain(domain)


def is_plain(text, most):
    """The rule of `PersonName`, `Post`, `OfficeName` and, with another length, `Note`."""
    if not 1 <= len(text.encode()) <= most or any(is_hostile(character) for character in text):
        return False
    return ord(text[0]) not in WHITE_SPACE and ord(text[-1]) not in WHITE_SPACE


def is_person_name(text):
    return is_plain(text, 128)


def is_note(text):
    return is_plain(text, 256)


def is_ipv6_host(text):
    """In brackets, in its shortest form (RFC 5952); an IPv4 address in it is written with dots."""
    if not (text.startswith("[") and text.endswith("]")):
        return False
    try:
        address = ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        return False
    mapped = address.ipv4_mapped
    return address.scope_id is None and text[1:-1] == (f"::ffff:{mapped}" if mapped else str(address))


def is_relay_address(text):
    """An IPv4 address has the form of a name, and so has what only looks like one."""
    host, _, port = text.rpartition(":")
    if len(text) > 259 or not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:
        return False
    return is_ipv6_host(host) or is_domain(host)


HANDLE = Text(64, is_handle)
DOMAIN = Text(253, is_domain)
PERSON_NAME = POST = OFFICE_NAME = Text(128, is_person_name)
NOTE = Text(256, is_note)
RELAY_ADDRESS = Text(259, is_relay_address)

RULES = {
    "handle": is_handle, "domain": is_domain, "address": is_address, "person_name": is_person_name, "post": is_person_name,
    "office_name": is_person_name, "note": is_note, "relay_address": is_relay_address,
}


def check_text(kind, data):
    """What a reader does with the bytes of a text of this kind."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("invalid", "not UTF-8") from None
    if not RULES[kind](text):
        raise Refused("invalid", repr(text))
