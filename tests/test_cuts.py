"""Parts of a corpus."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tts.data.cuts import parts

NAMES = st.sets(st.text(min_size=1, max_size=4), max_size=60)


@given(NAMES, st.integers(1, 8))
def test_parts_laid_end_to_end_are_all_names_sorted(names, mean):
    found = parts(names, mean)
    assert [name for part in found for name in part] == sorted(names)
    assert found == [[]] or all(found)


@given(NAMES, NAMES, st.integers(1, 8))
def test_a_part_changes_only_where_names_were_added_within_it_or_behind_its_neighbour(names, added, mean):
    before, after = parts(names, mean), parts(names | added, mean)
    for part in before[:-1]:  # the last one ends where the names do
        start = max((name for other in before for name in other if name < part[0]), default="")
        if not any(start < name < part[-1] for name in added - names):
            assert part in after


def test_parts_are_about_as_large_as_asked_for():
    found = parts([f"c{number:06d}" for number in range(13100)], 128)
    assert 80 < len(found) < 130
    assert max(map(len, found)) < 1000


def test_clips_added_behind_the_others_change_one_part():
    names = [f"c{number:06d}" for number in range(13231)]
    before, after = parts(names[:13100], 128), parts(names, 128)
    assert after[: len(before) - 1] == before[:-1]
