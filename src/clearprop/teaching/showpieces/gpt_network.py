"""The micro-GPT: a transformer that reads letters and says which comes next.

ids (N, T) → Embedding + LearnedPositions
→ twice: x + attention(norm(x)), then x + bent(norm(x))
→ norm → Unembedding with the embedding's own table → logits (N, T, letters)
"""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.engine.combinators import Residual, Sequential
from clearprop.engine.initializers import Normal
from clearprop.engine.layers.attention import MultiheadAttention
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.normalization import LayerNorm
from clearprop.engine.layers.positions import LearnedPositions
from clearprop.engine.layers.smooth_activations import GELU
from clearprop.engine.layers.unembedding import Unembedding
from clearprop.engine.network import Network

# As GPT-2's: small enough that the first logits say nearly nothing.
SMALL = Normal(0.0, 0.02)


def gpt(letters: int, *, features: int = 64, heads: int = 4, positions: int = 64) -> Network:
    """Two blocks; 107,000 parameters with 50 letters."""
    blocks: list[Layer] = []
    for _ in range(2):
        attention = MultiheadAttention(features, heads, causal=True)
        bent = (Linear(features, 4 * features), GELU("tanh"), Linear(4 * features, features))
        blocks.append(Residual(Sequential(LayerNorm(features), attention)))
        blocks.append(Residual(Sequential(LayerNorm(features), *bent)))
    layers = (
        Embedding(letters, features, initializer=SMALL),
        LearnedPositions(features, positions),
        *blocks,
        LayerNorm(features),
        Unembedding(letters, features, initializer=SMALL),
    )
    head = f"layers[{len(layers) - 1}].weight"
    return Network(Sequential(*layers), {head: "layers[0].weight"})


class Letters(NamedTuple):
    """A text as ids: `known` has the letters in order, and `ids` (length,) the text's."""

    known: str
    ids: Array

    @classmethod
    def of(cls, text: str) -> "Letters":
        """The letters of a text."""
        known = "".join(sorted(set(text)))
        return cls(known, np.array([known.index(letter) for letter in text]))

    def encoded(self, text: str) -> Array:
        """A text's ids."""
        return np.array([self.known.index(letter) for letter in text])

    def decoded(self, ids: Array) -> str:
        """The text of ids."""
        return "".join(self.known[int(one)] for one in ids)


def windows(ids: Array, length: int) -> tuple[Array, Array]:
    """Every piece of so many letters (N, length), and the letters that come next in each."""
    pieces = np.lib.stride_tricks.sliding_window_view(ids, length + 1)
    return np.ascontiguousarray(pieces[:, :-1]), np.ascontiguousarray(pieces[:, 1:])


def continued(
    network: Network, params: Array, start: Array, count: int, *, positions: int, seed: int
) -> Array:
    """The ids of `start` and of `count` letters more, each drawn from the network's own
    probabilities."""
    generator = keyed_generator(seed, 0, "letters")
    ids = list(start)
    for _ in range(count):
        logits = network.predict(params, np.array([ids[-positions:]]))[0, -1].astype(np.float64)
        powers = np.exp(logits - logits.max())
        ids.append(int(generator.choice(len(powers), p=powers / powers.sum())))
    return np.array(ids)
