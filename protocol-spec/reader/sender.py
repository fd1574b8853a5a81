"""What a member makes of one sender's contents, in the order in which they come, and of another member's R: chapter 05,
section 8."""

from contents import CONTENT, RECEIPT
from primitives import ZERO32, H
from wire import running_hashes

REMEMBERED = 2048


class Known:
    """A content that has come."""

    def __init__(self, content):
        self.counter, self.lasting, self.previous = content["counter"], content["lasting"], content["previous"]
        self.digest = H("content frame", CONTENT.write(content))
        self.counted = self.lasting + (content["content_type"] != RECEIPT)


class Beginning:
    """What stands before a sender's first content."""

    counter, digest, counted = 0, ZERO32, 0


def follow(before, after):
    """Whether two contents can be of one history: `lasting` grows by no more than what stands between, and where nothing
    does, `previous` is the hash of the one before."""
    between = after.counter - before.counter - 1
    if not 0 <= after.lasting - before.counted <= between:
        return False
    return between > 0 or after.previous == before.digest


class Sender:
    """One sender's contents so far, none of them expired."""

    def __init__(self):
        self.known = {0: Beginning}
        self.gaps = []
        self.last = 0

    def take(self, content):
        """The verdict on the next content [CONV-32]."""
        new = Known(content)
        if new.counter > self.last:
            return self.take_ahead(new)
        if new.counter in self.known:
            return "replay" if self.known[new.counter].digest == new.digest else "broken"
        for gap in self.gaps:
            if gap[0] <= new.counter <= gap[1]:
                return self.take_late(new, gap)
        return "broken"

    def take_ahead(self, new):
        """A higher counter: the sender goes on from it, and what it skips is missing, also where it is broken."""
        before, self.last = self.known[self.last], new.counter
        self.known[new.counter] = new
        gap = before.counter + 1, new.counter - 1
        if gap[0] <= gap[1]:
            self.gaps.append(gap)
        if not follow(before, new):
            return "broken"
        return f"gap {gap[0]} {gap[1]}" if gap in self.gaps else "in_order"

    def take_late(self, new, gap):
        """One that was missing, between its known neighbours."""
        first, last = gap
        if not (follow(self.known[first - 1], new) and follow(new, self.known[last + 1])):
            return "broken"
        self.known[new.counter] = new
        place = self.gaps.index(gap)
        halves = (first, new.counter - 1), (new.counter + 1, last)
        self.gaps[place : place + 1] = [half for half in halves if half[0] <= half[1]]
        return "late"

    def contiguous(self):
        """The last counter before the first that is missing."""
        return self.gaps[0][0] - 1 if self.gaps else self.last


def compare_log(entries, position, running):
    """The verdict on position and R in another member's frame, by this member's own log [CONV-34]."""
    if position > len(entries):
        return "ahead"
    if position <= len(entries) - REMEMBERED:
        return "too_old"
    return "agree" if running_hashes(entries)[position] == running else "fork"
