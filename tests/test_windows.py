"""Convolutions as products of matrices."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tts.layers.windows import ColumnConv2d, product_of_windows


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("rows", [5, 7, 12, 13])
@pytest.mark.parametrize("kernel", [3, 5])
def test_a_column_convolution_is_torchs(kernel, rows, stride):
    torch.manual_seed(0)
    ours = ColumnConv2d(3, 4, kernel, stride=stride)
    picture = torch.randn(2, 3, rows, 2, requires_grad=True)
    plain = F.conv2d(picture, ours.weight, ours.bias, (stride, 1), (kernel // 2, 0))
    torch.testing.assert_close(ours(picture), plain)
    leaves = (picture, ours.weight, ours.bias)
    weights = torch.randn_like(plain)
    grads = [torch.autograd.grad((each * weights).sum(), leaves) for each in (ours(picture), plain)]
    torch.testing.assert_close(*grads)


def test_a_column_convolution_has_the_state_of_torchs():
    assert list(ColumnConv2d(3, 4, 5).state_dict()) == list(nn.Conv2d(3, 4, (5, 1)).state_dict())


def test_windows_are_padded_as_told():
    hidden = torch.arange(1.0, 5.0).view(1, 4, 1)
    weight = torch.tensor([[[100.0, 10.0, 1.0]]])
    assert product_of_windows(hidden, weight, None, padding=(2, 0)).flatten().tolist() == [1, 12, 123, 234]
    assert product_of_windows(hidden, weight, None, padding=(0, 1), stride=2).flatten().tolist() == [123, 340]
