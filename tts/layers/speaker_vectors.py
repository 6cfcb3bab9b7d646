"""Speakers told to a network by vectors, so that it can speak as voices that it never learned by name.

In training each clip brings its own vector (Jia et al. 2018, https://arxiv.org/abs/1806.04558): the network meets as
many points of the space as there are clips, not as speakers, and has to make sense of what lies between them. A
speaker it knows by name speaks with the mean of their training clips' vectors.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tts.interfaces import SPEAKER_VECTOR_SIZE, Inventory


class SpeakerVectors(nn.Module):
    """Linear projection of speaker vectors.

    Attributes:
        means: [speakers, SPEAKER_VECTOR_SIZE], of those known by name; a model that is restored brings its own.
    """

    means: Tensor

    def __init__(self, hidden: int, inventory: Inventory) -> None:
        super().__init__()
        self.projection = nn.Linear(SPEAKER_VECTOR_SIZE, hidden)
        # Directions in which no training speaker lies are never learned: for strangers they would be noise.
        nn.init.zeros_(self.projection.weight)
        means = torch.zeros(len(inventory.speakers), SPEAKER_VECTOR_SIZE)
        if inventory.speaker_vectors is not None:
            means = torch.stack([torch.as_tensor(inventory.speaker_vectors[name]) for name in inventory.speakers])
        self.register_buffer("means", means)

    def forward(self, vectors: Tensor) -> Tensor:
        """Give [batch, hidden] for vectors [batch, SPEAKER_VECTOR_SIZE] of any length but 0."""
        # Components of about 1, as those of tables are: at unit length, speakers would be too faint to be learned.
        projected: Tensor = self.projection(F.normalize(vectors, dim=-1) * math.sqrt(SPEAKER_VECTOR_SIZE))
        return projected

    def nearest(self, vectors: Tensor) -> Tensor:
        """Ids [batch] of the known speakers whose means are at the smallest angle to vectors."""
        return (vectors @ self.means.T).argmax(dim=-1)
