"""What tests ask of every acoustic network."""

import torch


def require_gradients(network, *, may_be_zero=None):
    """Every parameter has a finite gradient, and one that is not zero but where the name ends as told."""
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        is_excused = may_be_zero is not None and name.endswith(may_be_zero)
        assert parameter.grad.abs().sum() > 0 or is_excused, name


def require_like_loss_in_bfloat16(network, batch):
    """Autocast changes no loss term by more than a twentieth, and can be trained through."""
    exact = network.loss(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = network.loss(batch)
    sum(rough.values()).backward()
    for name, value in exact.items():
        assert torch.allclose(rough[name], value, rtol=0.05), name
