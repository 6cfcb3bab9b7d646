"""Layers that leave padding out."""

import copy

import pytest
import torch
from torch import nn

from tts.layers.masking import MaskedBatchNorm1d, length_mask


@pytest.mark.parametrize("lengths", [[7, 3, 5], [7, 7, 7], [1, 7, 1]])
def test_batch_norm_is_that_of_the_real_positions(lengths):
    torch.manual_seed(0)
    ours, mask = MaskedBatchNorm1d(4), length_mask(torch.tensor(lengths), 7)
    with torch.no_grad():
        ours.weight.normal_()
        ours.bias.normal_()
    plain = nn.BatchNorm1d(4)
    plain.load_state_dict(ours.state_dict())
    hidden = (torch.randn(3, 7, 4) * 3 + 5).requires_grad_()
    hidden.data[~mask] = float("nan")
    twin = hidden.detach()[mask].clone().requires_grad_()
    weights = torch.randn(int(mask.sum()), 4)
    for _ in range(2):
        for each, result in ((ours, ours(hidden, mask)[mask]), (plain, plain(twin))):
            each.zero_grad()
            (result * weights).sum().backward()
        torch.testing.assert_close(hidden.grad[mask], twin.grad, rtol=1e-4, atol=1e-5)
        assert not hidden.grad[~mask].any()
        hidden.grad = twin.grad = None
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)
    torch.testing.assert_close(ours.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.eval()(hidden, mask)[mask], plain.eval()(twin))


def test_batch_norm_sums_half_precision_in_single():
    torch.manual_seed(0)
    norm = MaskedBatchNorm1d(2)
    hidden, mask = torch.randn(8, 500, 2) + 10, torch.ones(8, 500, dtype=torch.bool)
    half = copy.deepcopy(norm)
    assert half(hidden.bfloat16(), mask).dtype == torch.float32
    norm(hidden.bfloat16().float(), mask)
    torch.testing.assert_close(half.running_mean, norm.running_mean)
    torch.testing.assert_close(half.running_var, norm.running_var)
