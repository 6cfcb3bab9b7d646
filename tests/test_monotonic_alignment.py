import sys
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.layers.monotonic_alignment import (
    add_noise,
    alignment_noise_scale,
    durations_by_frame,
    durations_by_phone,
    monotonic_durations,
)

SEARCHES = pytest.mark.parametrize("search", [monotonic_durations, durations_by_frame, durations_by_phone])


def every_path(num_frames, num_phones):
    """Durations of all monotone paths."""
    for cuts in combinations(range(1, num_frames), num_phones - 1):
        yield [end - start for start, end in zip((0, *cuts), (*cuts, num_frames), strict=True)]


def total(likelihood, durations):
    phones = torch.arange(len(durations)).repeat_interleave(torch.as_tensor(durations))
    return float(likelihood[torch.arange(len(phones)), phones].double().sum())


@SEARCHES
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_the_search_finds_the_best_of_all_paths(search, data):
    phones = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    frames = [data.draw(st.integers(each, 6)) for each in phones]
    draw = torch.Generator().manual_seed(data.draw(st.integers(0, 2**30)))
    likelihood = torch.randn(len(phones), max(frames), max(phones), generator=draw)
    found = search(likelihood, torch.tensor(frames), torch.tensor(phones))
    for row, (num_frames, num_phones) in enumerate(zip(frames, phones, strict=True)):
        best = max(every_path(num_frames, num_phones), key=lambda path, row=row: total(likelihood[row], path))
        assert found[row, :num_phones].tolist() == best
        assert not found[row, num_phones:].any()


@SEARCHES
def test_paths_of_equal_worth_are_still_paths(search):
    durations = search(torch.zeros(1, 6, 4), torch.tensor([6]), torch.tensor([4]))
    assert durations.sum() == 6
    assert durations.min() >= 1


@SEARCHES
def test_whatever_stands_in_the_padding_changes_nothing(search):
    draw = torch.Generator().manual_seed(1)
    likelihood, frames, phones = torch.randn(2, 40, 9, generator=draw), torch.tensor([40, 21]), torch.tensor([9, 5])
    alone = search(likelihood[1:, :21, :5], frames[1:], phones[1:])
    likelihood[1, 21:] = torch.inf
    likelihood[1, :, 5:] = torch.inf
    assert torch.equal(search(likelihood, frames, phones)[1:, :5], alone)


def test_all_searches_agree_on_long_sentences():
    draw = torch.Generator().manual_seed(2)
    likelihood = torch.randn(3, 500, 120, generator=draw)
    frames, phones = torch.tensor([500, 321, 120]), torch.tensor([120, 77, 120])
    found = monotonic_durations(likelihood, frames, phones)
    assert torch.equal(found, durations_by_phone(likelihood, frames, phones))
    assert torch.equal(found, durations_by_frame(likelihood, frames, phones))
    assert torch.equal(found, monotonic_durations(likelihood.mT.contiguous().mT, frames, phones)), "whatever the layout"
    assert torch.equal(found.sum(1), frames)


def test_machines_without_numba_find_the_same(monkeypatch):
    draw = torch.Generator().manual_seed(5)
    likelihood, frames, phones = torch.randn(2, 60, 20, generator=draw), torch.tensor([60, 40]), torch.tensor([20, 13])
    found = monotonic_durations(likelihood, frames, phones)
    monkeypatch.setitem(sys.modules, "tts.layers.monotonic_kernel", None)
    assert torch.equal(monotonic_durations(likelihood, frames, phones), found)


def test_fewer_frames_than_phones_are_refused():
    with pytest.raises(ValueError, match="item 1 has 3 frames for 4 phones, but each phone needs one"):
        monotonic_durations(torch.zeros(2, 4, 4), torch.tensor([4, 3]), torch.tensor([4, 4]))


def test_noise_fades_to_none_after_5000_steps():
    assert [alignment_noise_scale(step) for step in (0, 2500, 5000, 9000)] == pytest.approx([0.01, 0.005, 0, 0])


def test_noise_follows_the_spread_of_what_is_not_padding():
    draw = torch.Generator().manual_seed(3)
    likelihood, noise = torch.randn(2, 8, 5, generator=draw), torch.ones(2, 8, 5)
    frames, phones = torch.tensor([8, 6]), torch.tensor([5, 4])
    real = torch.cat((likelihood[0].flatten(), likelihood[1, :6, :4].flatten()))
    added = add_noise(likelihood, frames, phones, scale=0.01, noise=noise) - likelihood
    torch.testing.assert_close(added, 0.01 * real.std() * noise, atol=1e-6, rtol=0)
    likelihood[1, 6:] = 1e6
    padded = add_noise(likelihood, frames, phones, scale=0.01, noise=noise) - likelihood
    torch.testing.assert_close(padded[:, :6], added[:, :6], atol=1e-6, rtol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_finds_the_same_paths():
    draw = torch.Generator().manual_seed(4)
    likelihood, frames, phones = torch.randn(2, 60, 20, generator=draw), torch.tensor([60, 40]), torch.tensor([20, 13])
    found = monotonic_durations(likelihood.cuda(), frames.cuda(), phones.cuda())
    assert torch.equal(found.cpu(), monotonic_durations(likelihood, frames, phones))
