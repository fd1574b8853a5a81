"""Names of documents, made safe: chapter 06, section 7 [DOC-14]."""

import unicodedata

from texts import DIRECTION, FILLERS, INVISIBLE, SHAPING, WHITE_SPACE

FORBIDDEN = set('/\\:*?"<>|⁄∕∖⧵⧸⧹﹨／＼')
DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"} | {
    port + digit for port in ("COM", "LPT") for digit in "0123456789¹²³"}
MOST_BYTES, MOST_ENDING = 200, 20


def visible(character):
    """A character without what deceives: nothing, a space, or itself (steps 1 to 3)."""
    code = ord(character)
    if code in WHITE_SPACE or code in FILLERS:
        return " "
    if unicodedata.category(character) == "Cc" or code in DIRECTION or code in INVISIBLE or code in SHAPING:
        return ""
    return "_" if character in FORBIDDEN else character


def cut(text, most):
    """The longest beginning of at most so many bytes."""
    return text.encode()[:most].decode("utf-8", errors="ignore")


def shortened(name):
    """Step 6."""
    if len(name.encode()) <= MOST_BYTES:
        return name
    dot = name.rfind(".")
    ending = name[dot:] if dot > 0 and len(name[dot:].encode()) <= MOST_ENDING else ""
    stem = cut(name[: len(name) - len(ending)], MOST_BYTES - len(ending.encode()))
    return stem.rstrip(". ") + ending


def safe_name(name):
    text = "".join(visible(character) for character in name)
    text = " ".join(part for part in text.split(" ") if part).strip(". ")
    if text.partition(".")[0].rstrip(" ").upper() in DEVICES:
        text = "_" + text
    return shortened(text) or "document"
