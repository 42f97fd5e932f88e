"""The pages for those who come from another library: each line gives that library's numbers, or says where not."""

import json
import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import keras_lr as klr

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "coming-from"
ROWS = json.loads((ROOT / "tests" / "data" / "peers.json").read_text("utf-8"))["rows"]
PEERS = sorted({row["peer"] for row in ROWS})
NAMES = {**vars(klr), "math": math, "Fraction": Fraction}

LINE = re.compile(r"^\| `(?P<call>[^`]+)`(?:, (?P<of>[^|]+?))? \| (?P<ours>.*) \|(?P<note>[^|]*)\|$")
UNEXPRESSED = re.compile(r"^\| `(?P<call>[^`]+)`(?:, (?P<of>[^|]+?))? \| (?P<why>[^`|][^|]*) \|$")
RANGE = re.compile(r"^for (?:t (?P<sign><=|<|>=|>|!=) (?P<limit>\d+)|(?P<first>\d+) <= t <= (?P<last>\d+)); \S")
SIGNS = {"<=": np.less_equal, "<": np.less, ">=": np.greater_equal, ">": np.greater, "!=": np.not_equal}
TOLERANCE = {None: 1e-9, "float32": 1e-6}
ROUNDING = {None: 1e-15, "float32": 2.0**-23}  # of the row's largest value: what is left where their terms cancel


def lines(text, pattern):
    """The lines of the tables of `text`, each of which has code in its first column."""
    found = []
    for line in text.splitlines():
        if line.startswith("| `"):
            match = pattern.match(line)
            assert match, f"not understood: {line}"
            found.append(match.groupdict())
    return found


def parts(path):
    """A page by library: the page of one bears its name, and one of several has a part for each."""
    text = path.read_text("utf-8")
    if path.stem in PEERS:
        return {path.stem: text}
    first, *rest = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    assert not lines(first, LINE), f"{path.name} has a line that belongs to no library"
    return dict(zip(rest[::2], rest[1::2], strict=True))


FILES = sorted(path for path in PAGES.glob("*.md") if path.stem != "README")
TEXTS = [(peer, path, text) for path in FILES for peer, text in parts(path).items()]


def read(peer):
    """The lines of the page of `peer`: what can be expressed, and what can't."""
    (text,) = (text for name, _, text in TEXTS if name == peer)
    before, _, after = text.partition("# Not expressed\n")
    return lines(before, LINE), lines(after, UNEXPRESSED)


def rows(peer):
    """Their numbers, by the call and what is scheduled."""
    return {(row["call"], row.get("of")): row for row in ROWS if row["peer"] == peer}


def schedule(line):
    """Our expression of a line, evaluated."""
    ours = line["ours"]
    assert re.fullmatch(r"`[^`]+`", ours), f"no code: {ours}"
    return eval(ours[1:-1], dict(NAMES))


def inside(note, n):
    """Which of the first n steps the range at the beginning of `note` has; all of them without a note."""
    t = np.arange(n)
    if not note.strip():
        return t >= 0
    match = RANGE.match(note.strip())
    assert match, f"neither empty nor a range with a reason: {note}"
    if match["sign"]:
        return SIGNS[match["sign"]](t, int(match["limit"]))
    return (t >= int(match["first"])) & (t <= int(match["last"]))


def equal(ours, row):
    """Which values are those of the row."""
    theirs, precision = np.array(row["values"]), row.get("precision")
    return np.abs(ours - theirs) <= TOLERANCE[precision] * np.abs(theirs) + ROUNDING[precision] * theirs.max()


def faults(line, row):
    """What is wrong with a line of a page, in a few words. A range ends where the next value differs."""
    ours = schedule(line)
    same, stated = equal(ours.values(len(row["values"])), row), inside(line["note"], len(row["values"]))
    edge = ~stated & (np.append(stated[1:], False) | np.append(False, stated[:-1]))
    if not stated.all() and (same[edge].any() or not edge.any()):
        yield f"{line['call']}: the range could be wider"
    if stated.all() and line["note"].strip():
        yield f"{line['call']}: the range leaves nothing out"
    if not same[stated].all():
        yield f"{line['call']}: differs at t={np.flatnonzero(stated & ~same).tolist()}"
    if type(ours).from_config(json.loads(json.dumps(ours.get_config()))) != ours:
        yield f"{line['call']}: is not what its config makes"


def test_every_library_has_a_page():
    """There is one page for each library whose numbers there are, no other, and the index points to all of them."""
    assert sorted(peer for peer, *_ in TEXTS) == PEERS
    index = (PAGES / "README.md").read_text("utf-8")
    assert [peer for peer, path, _ in TEXTS if f"[{peer}]({path.name})" not in index] == []


@pytest.mark.parametrize("peer", PEERS)
def test_every_call_is_on_the_page(peer):
    """Each call whose numbers there are has one line, and nothing else has one."""
    expressed, not_expressed = read(peer)
    there = [(line["call"], line["of"]) for line in expressed + not_expressed]
    assert sorted(map(str, there)) == sorted(map(str, rows(peer)))


@pytest.mark.parametrize("peer", PEERS)
def test_our_numbers_are_theirs(peer):
    """Our expression has their values in the range that the line states, not outside it, and can be saved."""
    known = rows(peer)
    found = [fault for line in read(peer)[0] for fault in faults(line, known[line["call"], line["of"]])]
    assert not found, "\n".join(found)


@pytest.fixture(scope="module")
def index():
    """The expressions of the index, in their order."""
    return re.findall(r"\| `([^`]+)` \|$", (PAGES / "README.md").read_text("utf-8"), re.MULTILINE)


def test_the_first_updates_of_the_index(index):
    """The index's four warmups begin and peak as it says, and the others begin as it says."""
    values = [eval(code, dict(NAMES)).values(40) for code in index]
    assert np.allclose([v[0] for v in values], [0, 0.01, 0.02, 0.01, 0.01, 0.01, 0, 0.02], rtol=1e-12, atol=0)
    assert [np.flatnonzero(np.isclose(v, 0.1)).tolist() for v in values[:4]] == [[5], [5], [4, 5], [4]]
    after = klr.Cosine(0.1, 0.0, steps=20).values(40)
    assert all(np.allclose(v[5:], after[:-5]) for v in values[:3]) and np.allclose(values[3][5:], after[1:-4])
    assert all(np.allclose(v[5:], after[5:]) for v in values[4:])
    assert values[4][4] > values[5][4]  # it aims higher
