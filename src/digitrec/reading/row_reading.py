"""Rows of digits: pieces cut and joined until the network is sure, and what is no digit left out."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np

from digitrec.reading.cutting import cuts_of, part_of
from digitrec.reading.form import box_of
from digitrec.reading.ink import Piece
from digitrec.reading.marks import CERTAIN, Asking, Mark, Reading
from digitrec.reading.rows import rows_of

# In heights of a usual digit: the least and the largest piece that may be one, the widest that is not cut, the widest
# that is, and the smallest that may be a part of a digit.
LEAST, LARGEST, WIDEST, LONGEST, PART = 0.3, 1.75, 0.62, 8.0, 0.1
# What is lower than this and no zero is a comma or a speck.
LOW = 0.45
# Less probable pieces are no digits; rows are told by those from PERHAPS on.
DIGIT, PERHAPS = 0.15, 0.3
# Parts of a cut piece are digits from this probability on, together, each as it is wide: of 0.5 and 0.6 the one with
# which most development pages (`benchmarks/reading.py`: joined, letters, print, signs) are exact.
CUT = 0.6
# Parts that are all ones are letters' strokes more often than digits: of 160 of these pages, two more are exact so.
ONES = 0.99
# Parts side by side have this share of the lower one's height in common; those of a slash have less.
BESIDE = 0.6
# Letters of a word are no further apart than so many heights.
WORD_GAP = 0.5
# A row of few digits of which none is as probable as this is none.
DOUBTFUL = 0.75
# What is as probable as this is not cut: of 0.93, 0.5 and 0.2 the one with which most development pages are exact.
WHOLE = 0.2
# Neighbours that are both certain are parts of one digit where they are nearer than so many heights, and that one is
# certain too.
NEAR, BROKEN = 0.1, 0.1
# What is left of a row's doubts, at least, where all else in it is digits: of 0.3 and 0.1 the one with which most
# development pages are exact.
LEAST_ODDS = 0.1
# Ways to join and to cut that are tried, to the pieces of a page that the network is asked about at most.
PLANNED = 0.5
# What is higher than this, in heights, may be a bracket.
HIGH = 1.2
# Pieces that a digit may be broken into.
MOST_PARTS = 4
# Pieces are reduced to so many pixels of height before they are cut; what is ink there of a pixel by this share.
FINE, INKY = 96, 0.25


class _Way(NamedTuple):
    """A way to see some pieces of a row: so many from one on are these marks, and how sure that is."""

    first: int
    n_pieces: int
    marks: list[Mark]
    sure: float


class _Cut(NamedTuple):
    """A part of a piece, from one of its cuts to another."""

    piece: int
    start: int
    end: int
    part: Piece


class _Seen(NamedTuple):
    """What is seen in a row: a digit or none, and the share of a piece that it is."""

    mark: Mark
    is_digit: bool
    share: float


def read_rows(asking: Asking, pieces: list[Piece], marks: list[Mark], height: float) -> Reading:
    """Read what stands in rows; what is alone in its row and none too sure is left out where others have more.

    Parameters
    ----------
    asking : Asking
    pieces : list of Piece
        Of the page.
    marks : list of Mark
        What the network says of each alone.
    height : float
        Of a usual digit, in pixels.
    """
    reading = Reading()
    single = {id(piece): mark for piece, mark in zip(pieces, marks, strict=True)}
    rows = _in_rows(pieces, np.array([mark.sure for mark in marks]), height)
    # The network is asked once for all rows, and not about what it is sure of already.
    known = [[single[id(piece)] for piece in row] for row in rows]
    plans: list[tuple[list[tuple[int, list[Piece]]], list[_Cut]]] = []
    left = int(PLANNED * asking.most)
    for row, of_row in zip(rows, known, strict=True):
        sure = [mark.sure for mark in of_row]
        groups = _groups(row, sure, height)
        cuts = list(islice(_cuts(row, sure, height), max(0, left - len(groups)) + 1))
        plans.append((groups, cuts))
        left -= len(groups) + len(cuts)
        if left < 0:
            # Of noise there is no end of ways to join it, or to cut it.
            plans = [([], []) for _ in rows]
            break
    asked = iter(
        asking.marks(
            [group for groups, cuts in plans for group in (*(g for _, g in groups), *([c.part] for c in cuts))]
        )
    )
    for row, of_row, (groups, cuts) in zip(rows, known, plans, strict=True):
        ways = [_Way(first, 1, [mark], mark.sure) for first, mark in enumerate(of_row)]
        for (first, group), mark in zip(groups, asked, strict=False):
            ways.append(_Way(first, len(group), [mark], mark.sure))
        parts = list(zip(cuts, asked, strict=False))
        for first in sorted({cut.piece for cut in cuts}):
            of_piece = [(cut, mark) for cut, mark in parts if cut.piece == first]
            ways += _best_parts(first, of_piece, height, asking.one)
        digits, others = _best_ways(row, ways, height, asking.zero)
        if digits:
            reading.rows.append(digits)
        reading.others.extend(others)
    longest = max(map(len, reading.rows), default=0)
    doubtful = [row for row in reading.rows if len(row) <= longest / 3 and _is_doubtful(row, asking.ink.shape)]
    kept = [row for row in reading.rows if not any(row is other for other in doubtful)]
    in_rows = {id(piece) for row in rows for piece in row}
    apart = [
        mark
        for piece, mark in zip(pieces, marks, strict=True)
        if id(piece) not in in_rows and max(piece.height, piece.width) > LEAST * height
    ]
    return Reading(kept, reading.others + [mark for row in doubtful for mark in row], apart)


def _is_doubtful(row: list[Mark], shape: tuple[int, ...]) -> bool:
    """Tell whether none of a row is too sure, or all of it lies at the page's border, as its rim does."""
    height, width = shape
    inside = any(
        mark.box[0] > 1 and mark.box[1] > 1 and mark.box[2] < width - 1 and mark.box[3] < height - 1 for mark in row
    )
    return not inside or max(mark.sure for mark in row) < DOUBTFUL


def _in_rows(pieces: list[Piece], sure: np.ndarray, height: float) -> list[list[Piece]]:
    """Group pieces into rows by those that may be digits; smaller ones go where they are nearest."""
    kept = [
        LEAST * height <= piece.height <= LARGEST * height
        and (p > PERHAPS or (_is_wide(piece, height) and piece.height > 0.5 * height))
        for piece, p in zip(pieces, sure, strict=True)
    ]
    main = [piece for piece, keep in zip(pieces, kept, strict=True) if keep]
    if not main:
        return []
    boxes = np.array([piece.box for piece in main], float)
    numbers = rows_of(boxes, height)
    rows = [[main[number] for number in row] for row in numbers]
    places = np.concatenate([(boxes[row, :2] + boxes[row, 2:]) / 2 for row in numbers])
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in numbers])
    rest = [
        piece
        for piece, keep in zip(pieces, kept, strict=True)
        if not keep and PART * height <= max(piece.height, piece.width) <= LARGEST * height
    ]
    # The large ones first: the bar of a 5 goes where its body has gone.
    rest.sort(key=lambda piece: -max(piece.height, piece.width))
    for piece in rest:
        place = np.array([(piece.box[0] + piece.box[2]) / 2, (piece.box[1] + piece.box[3]) / 2])
        apart = abs(places - place)
        near = np.flatnonzero(
            (apart[:, 0] < 1.2 * height) & (apart[:, 1] < 0.8 * height)
            | (apart[:, 0] < 3 * height) & (apart[:, 1] < 0.5 * height) & (piece.height > 0.5 * height)
        )
        if near.size:
            number = int(owner[near[apart[near].sum(1).argmin()]])
            rows[number].append(piece)
            places, owner = np.vstack([places, place]), np.append(owner, number)
    return [sorted(row, key=lambda piece: piece.box[0] + piece.box[2]) for row in rows]


def _is_wide(piece: Piece, height: float) -> bool:
    return WIDEST * height < piece.width < LONGEST * height


def _groups(row: list[Piece], sure: list[float], height: float) -> list[tuple[int, list[Piece]]]:
    """List neighbours that may be parts of one digit: the first's number, and the pieces."""
    groups = []
    for first, piece in enumerate(row):
        left, top, right, bottom = piece.box
        for count in range(2, MOST_PARTS + 1):
            if first + count > len(row):
                break
            box = row[first + count - 1].box
            gap = box[0] - right
            left, top, right, bottom = min(left, box[0]), min(top, box[1]), max(right, box[2]), max(bottom, box[3])
            if right - left > 1.25 * height or bottom - top > 1.7 * height or gap > 0.3 * height:
                break
            if min(sure[first : first + count]) < CERTAIN or gap < NEAR * height:
                groups.append((first, row[first : first + count]))
    return groups


def _cuts(row: list[Piece], sure: list[float], height: float) -> Iterator[_Cut]:
    """Find parts of wide pieces that may be digits."""
    for number, piece in enumerate(row):
        if sure[number] >= WHOLE or not _is_wide(piece, height) or piece.height < 0.5 * height:
            continue
        factor = min(1.0, FINE / piece.height)
        size = max(1, round(piece.width * factor)), max(1, round(piece.height * factor))
        mask = cv2.resize(piece.mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= INKY
        usual = height * factor
        ends = [None, *cuts_of(mask, usual), None]
        last = len(ends) - 1
        for start in range(last):
            for end in range(start + 1, last + 1):
                part = _between(mask, ends[start], ends[end]) if (start, end) != (0, last) else None
                if part is None:
                    continue
                left, top, right, bottom = box_of(part)
                if 0.08 * usual <= right - left <= 1.3 * usual and bottom - top >= 0.35 * usual:
                    # The last is known by its number to be so.
                    yield _Cut(number, start, end if end < last else -1, _part_of(piece, part))


def _between(mask: np.ndarray, left: np.ndarray | None, right: np.ndarray | None) -> np.ndarray | None:
    """Give what is between two cuts, without crumbs; None where nothing is there."""
    part = part_of(mask, left, right).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=8)
    if count < 2:
        return None
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= 0.12 * areas[1:].max()
    kept[0] = False
    return kept[labels]


def _part_of(piece: Piece, part: np.ndarray) -> Piece:
    """Give the part of a piece that is told by a mask of it, which may be reduced."""
    whole = cv2.resize(part.astype(np.uint8), piece.mask.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT) > 0
    whole &= piece.mask
    left, top, right, bottom = box_of(whole)
    x, y = piece.box[:2]
    cut = whole[top:bottom, left:right]
    return Piece(cut, (x + left, y + top, x + right, y + bottom), int(cut.sum()))


def _best_parts(piece: int, parts: list[tuple[_Cut, Mark]], height: float, one: int) -> list[_Way]:
    """Choose the parts, from a piece's left to its right, that are the surest together, each as it is wide."""
    best: dict[int, tuple[float, list[Mark]]] = {0: (0.0, [])}
    for end in [*sorted({cut.end for cut, _ in parts} - {-1}), -1]:
        ways = [
            (best[cut.start][0] + _width(mark) * np.log(max(mark.sure, 1e-3)), [*best[cut.start][1], mark])
            for cut, mark in parts
            if cut.end == end and cut.start in best and _is_beside(best[cut.start][1], mark)
        ]
        if ways:
            # Of as sure ones, the fewest.
            best[end] = max(ways, key=lambda way: way[0] - 0.02 * height * len(way[1]))
    doubt, marks = best.get(-1, (0.0, []))
    sure = float(np.exp(doubt / max(1, sum(map(_width, marks)))))
    least = ONES if all(int(mark.probabilities.argmax()) == one for mark in marks) else CUT
    return [_Way(piece, 1, marks, 0.97 * sure)] if len(marks) > 1 and sure >= least else []


def _width(mark: Mark) -> int:
    return mark.box[2] - mark.box[0]


def _is_beside(before: list[Mark], mark: Mark) -> bool:
    """Tell whether a part stands beside the one before it; those of a slash stand one over the other."""
    if not before:
        return True
    (_, top, _, bottom), (_, other_top, _, other_bottom) = before[-1].box, mark.box
    common = min(bottom, other_bottom) - max(top, other_top)
    return common > BESIDE * min(bottom - top, other_bottom - other_top)


def _best_ways(row: list[Piece], ways: list[_Way], height: float, zero: int) -> tuple[list[Mark], list[Mark]]:
    """Choose what to see a row's pieces as: digits, and what is none; the most probable of all ways together."""
    n = len(row)
    weights = np.array([np.clip(max(piece.height, piece.width) / height, 0.05, 1) for piece in row])
    alone = {way.first: way.marks[0] for way in ways if way.n_pieces == 1 and len(way.marks) == 1}
    # The most that a piece can be a digit or a part of one.
    most = np.zeros(n)
    for way in ways:
        part = most[way.first : way.first + way.n_pieces]
        np.maximum(part, way.sure, out=part)
    odds = _odds_of_none(row, most, height)
    # What is far lower or higher than digits stays as doubtful as it is.
    none = 1 - most
    none[[LOW * height <= piece.height <= HIGH * height for piece in row]] *= odds
    value, chosen = np.zeros(n + 1), [_Way(first, 1, [], 0.0) for first in range(n)]
    by_first: dict[int, list[_Way]] = {}
    for way in ways:
        by_first.setdefault(way.first, []).append(way)
    for first in reversed(range(n)):
        value[first] = weights[first] * np.log(max(none[first], 1e-3)) + value[first + 1]
        for way in by_first.get(first, []):
            weight = weights[first : first + way.n_pieces].sum()
            found = weight * np.log(max(way.sure, 1e-4)) + value[first + way.n_pieces]
            # Two certain digits that make a third one are its parts.
            found += BROKEN * (way.n_pieces > 1 and way.sure >= CERTAIN)
            if (
                found > value[first]
                and way.sure >= DIGIT
                and not any(_is_comma(mark, height, zero) for mark in way.marks)
            ):
                value[first], chosen[first] = found, way
    seen: list[_Seen] = []
    place = 0
    while place < n:
        way = chosen[place]
        share = 1 / max(1, len(way.marks))
        seen += [_Seen(mark, True, share) for mark in way.marks] or [_Seen(alone[place], False, 1)]
        place += way.n_pieces
    return _without_words(seen, height)


def _odds_of_none(row: list[Piece], most: np.ndarray, height: float) -> float:
    """Tell by what is certain in a row how much the rest of it is to be doubted: less where most are digits."""
    n_none = sum(p < 0.1 and piece.height > LOW * height for piece, p in zip(row, most, strict=True))
    return max(LEAST_ODDS, min(1.0, (n_none + 1) / ((most >= CERTAIN).sum() + 1)))


def _is_comma(mark: Mark, height: float, zero: int) -> bool:
    left, top, right, bottom = mark.box
    return max(right - left, bottom - top) < LOW * height and int(mark.probabilities.argmax()) != zero


def _without_words(seen: list[_Seen], height: float) -> tuple[list[Mark], list[Mark]]:
    """Part digits from what is none; among letters that stand close together, what looks like a digit is none."""
    words: list[list[_Seen]] = []
    right = -np.inf
    for one in seen:
        if one.mark.box[0] - right > WORD_GAP * height:
            words.append([])
        words[-1].append(one)
        right = max(right, one.mark.box[2])
    digits: list[Mark] = []
    others: list[Mark] = []
    for word in words:
        letters = sum(not is_digit and mark.box[3] - mark.box[1] > 0.4 * height for mark, is_digit, _ in word)
        # Beside letters, what was cut is one of them: its strokes look like ones.
        cut = round(sum(share for _, is_digit, share in word if is_digit and share < 1))
        whole = sum(is_digit and share == 1 for _, is_digit, share in word)
        is_word = letters >= 1 and letters + cut >= max(whole, 2) and (letters >= 2 or not whole)
        for mark, is_digit, _ in word:
            (digits if is_digit and not is_word else others).append(mark)
    return digits, others
