"""CBHG: shapes, padding, pooling and gradients."""

import pytest
import torch

from tts.layers.cbhg import Cbhg, CbhgConfig, _pooled
from tts.layers.masking import length_mask

CONFIG = CbhgConfig(kernels=4, bank=6, projection=10, highways=2, hidden=7)


def network_of(channels=5, config=CONFIG):
    torch.manual_seed(0)
    network = Cbhg(channels, config)
    with torch.no_grad():  # batch statistics unlike the initial ones
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_()
    return network


@pytest.mark.parametrize("hidden", [5, 7])
def test_a_padded_batch_is_read_as_each_item_alone(hidden):
    network = network_of(config=CbhgConfig(kernels=4, bank=6, projection=10, highways=2, hidden=hidden)).eval()
    lengths = torch.tensor([9, 1, 6])
    hidden_states, mask = torch.randn(3, 9, 5), length_mask(lengths, 9)
    with torch.no_grad():
        together = network(hidden_states.masked_fill(~mask[..., None], 99.0), mask)
        assert together.shape == (3, 9, 2 * hidden)
        for i, length in enumerate(lengths.tolist()):
            alone = network(hidden_states[i : i + 1, :length], mask[i : i + 1, :length])[0]
            torch.testing.assert_close(together[i, :length], alone, rtol=1e-5, atol=1e-5)
            assert not together[i, length:].any()


def test_pooling_takes_the_larger_of_two_neighbours():
    pooled = _pooled(torch.tensor([[[1.0, -5.0], [3.0, -6.0], [2.0, -1.0]]]))
    assert pooled.tolist() == [[[1.0, -5.0], [3.0, -5.0], [3.0, -1.0]]]


def test_it_reads_both_ways():
    network, mask = network_of().eval(), torch.ones(1, 40, dtype=torch.bool)
    hidden = torch.randn(1, 40, 5, requires_grad=True)
    for end, far in ((0, 30), (39, 9)):
        (gradient,) = torch.autograd.grad(network(hidden, mask)[0, end].sum(), hidden)
        assert gradient[0, far].abs().sum() > 0


def test_highways_pass_most_by_at_first():
    highway = network_of().highways[0]
    assert torch.allclose(highway.gate(torch.zeros(7)).sigmoid(), torch.tensor(1 / (1 + torch.e)))


def test_the_size_is_that_of_tacotron():
    parameters = sum(p.numel() for p in Cbhg(80, CbhgConfig()).parameters())
    bank, projections = 36 * 80 * 128, 8 * 128 * 256 * 3 + 256 * 80 * 3
    norms = 2 * (8 * 128 + 256 + 80)
    highways, recurrent = 80 * 128 + 128 + 4 * 2 * (128 * 128 + 128), 2 * 3 * (2 * 128 * 128 + 2 * 128)
    assert parameters == bank + projections + norms + highways + recurrent
