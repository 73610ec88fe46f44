"""The micro-GPT's training step as a careful script in NumPy alone: every array is made before the
first step and written in place; q, k and v of all heads are one product, and so is everything that
treats positions alike; sums over rows and columns are products with ones; the text's ids are looked
up by `take`, and their gradients are added by a product with their one-hot rows; one update for all
parameters, which lie in one array."""

from collections.abc import Callable
from typing import Any

import numpy as np

BETAS, TINY, EPSILON = (0.9, 0.999), 1e-8, 1e-5
# tanh form of GELU: z σ(2u), 2u = z (SLOPE + CUBE z²).
SLOPE = 2 * (2 / np.pi) ** 0.5
CUBE = 0.044715 * SLOPE


def numpy_step(
    start: Any, shapes: list[tuple[int, int]], ids: Any, target: Any, heads: int, rate: float
) -> Callable[[], float]:
    """A step of AdamW from the flat `start`, whose arrays have these shapes in order: letters,
    positions, of every block both norms' and products' as they are met, the last norm's."""
    texts, length = ids.shape
    (known, width), rows = shapes[0], ids.size
    each, wide = width // heads, 4 * width

    def array(*shape: int) -> Any:
        return np.empty(shape, np.float32)

    flat, gradient = start.copy(), np.zeros_like(start)
    first, second, room, more = (np.zeros_like(start) for _ in range(4))

    def cut(whole: Any) -> list[Any]:
        places = np.cumsum([0] + [a * b for a, b in shapes])
        ends = zip(places[:-1], places[1:], shapes, strict=True)
        return [whole[begin:end].reshape(shape) for begin, end, shape in ends]

    p, g = cut(flat), cut(gradient)
    one_row, one_column = np.ones((1, rows), np.float32), np.ones((width, 1), np.float32)
    keys = np.ones((length, 1), np.float32)
    one_hot = np.zeros((known, rows), np.float32)
    one_hot[ids.ravel(), np.arange(rows)] = 1
    later = np.triu(np.full((length, length), -np.inf, np.float32), 1)
    wanted = np.arange(rows) * known + target.ravel()
    scale = each**-0.5
    scratch, column = array(rows, width), array(rows, 1)

    def by_heads(merged: Any) -> Any:
        return merged.reshape(texts, length, heads, each).swapaxes(1, 2)

    class Norm:
        def __init__(self, at: int) -> None:
            self.scale, self.shift, self.dscale, self.dshift = p[at], p[at + 1], g[at], g[at + 1]
            self.hat, self.y, self.inverse = array(rows, width), array(rows, width), array(rows, 1)

        def forward(self, x: Any) -> Any:
            hat = self.hat
            np.matmul(x, one_column, out=column)
            np.multiply(column, 1 / width, out=column)
            np.subtract(x, column, out=hat)
            np.multiply(hat, hat, out=scratch)
            np.matmul(scratch, one_column, out=self.inverse)
            np.multiply(self.inverse, 1 / width, out=self.inverse)
            np.add(self.inverse, EPSILON, out=self.inverse)
            np.sqrt(self.inverse, out=self.inverse)
            np.reciprocal(self.inverse, out=self.inverse)
            np.multiply(hat, self.inverse, out=hat)
            np.multiply(hat, self.scale, out=self.y)
            np.add(self.y, self.shift, out=self.y)
            return self.y

        def backward(self, dy: Any, added_to: Any) -> None:
            """∂C/∂x, added to what comes back past the norm; edits dy."""
            np.multiply(dy, self.hat, out=scratch)
            np.matmul(one_row, scratch, out=self.dscale)
            np.matmul(one_row, dy, out=self.dshift)
            np.multiply(dy, self.scale, out=dy)
            np.matmul(dy, one_column, out=column)
            np.multiply(column, 1 / width, out=column)
            np.subtract(dy, column, out=dy)
            np.multiply(scratch, self.scale, out=scratch)
            np.matmul(scratch, one_column, out=column)
            np.multiply(column, 1 / width, out=column)
            np.multiply(self.hat, column, out=scratch)
            np.subtract(dy, scratch, out=dy)
            np.multiply(dy, self.inverse, out=dy)
            np.add(added_to, dy, out=added_to)

    weights_room, dweights = (array(texts, heads, length, length) for _ in range(2))
    dpacked, dmerged = array(rows, 3 * width), array(rows, width)

    class Attention:
        def __init__(self, at: int) -> None:
            self.p, self.g = p[at : at + 4], g[at : at + 4]
            self.packed, self.merged = array(rows, 3 * width), array(rows, width)
            self.weights, self.y = array(texts, heads, length, length), array(rows, width)
            self.sums = array(texts, heads, length, 1)

        def parts(self, packed: Any) -> list[Any]:
            return [by_heads(packed[:, i * width : (i + 1) * width]) for i in range(3)]

        def forward(self, x: Any) -> Any:
            into, bias, out, out_bias = self.p
            np.matmul(x, into, out=self.packed)
            np.add(self.packed, bias, out=self.packed)
            np.multiply(self.packed[:, :width], scale, out=self.packed[:, :width])
            q, k, v = self.parts(self.packed)
            weights = self.weights
            np.matmul(q, k.swapaxes(2, 3), out=weights)
            np.add(weights, later, out=weights)
            np.max(weights, axis=3, keepdims=True, out=self.sums)
            np.subtract(weights, self.sums, out=weights)
            np.exp(weights, out=weights)
            np.matmul(weights, keys, out=self.sums)
            np.divide(weights, self.sums, out=weights)
            np.matmul(weights, v, out=by_heads(self.merged))
            np.matmul(self.merged, out, out=self.y)
            np.add(self.y, out_bias, out=self.y)
            return self.y

        def backward(self, x: Any, dy: Any, dx: Any) -> None:
            into, _, out, _ = self.p
            dinto, dbias, dout, dout_bias = self.g
            np.matmul(self.merged.T, dy, out=dout)
            np.matmul(one_row, dy, out=dout_bias)
            np.matmul(dy, out.T, out=dmerged)
            q, k, v = self.parts(self.packed)
            dq, dk, dv = self.parts(dpacked)
            do = by_heads(dmerged)
            np.matmul(self.weights.swapaxes(2, 3), do, out=dv)
            np.matmul(do, v.swapaxes(2, 3), out=dweights)
            np.multiply(dweights, self.weights, out=weights_room)
            np.matmul(weights_room, keys, out=self.sums)
            np.subtract(dweights, self.sums, out=dweights)
            np.multiply(dweights, self.weights, out=dweights)
            np.matmul(dweights, k, out=dq)
            np.multiply(dpacked[:, :width], scale, out=dpacked[:, :width])
            # q is scaled already.
            np.matmul(dweights.swapaxes(2, 3), q, out=dk)
            np.matmul(x.T, dpacked, out=dinto)
            np.matmul(one_row, dpacked, out=dbias)
            np.matmul(dpacked, into.T, out=dx)

    da, bent_room = array(rows, wide), array(rows, wide)

    class Bent:
        def __init__(self, at: int) -> None:
            self.p, self.g = p[at : at + 4], g[at : at + 4]
            self.z, self.share, self.a = (array(rows, wide) for _ in range(3))
            self.y = array(rows, width)

        def forward(self, x: Any) -> Any:
            up, up_bias, down, down_bias = self.p
            z, share = self.z, self.share
            np.matmul(x, up, out=z)
            np.add(z, up_bias, out=z)
            np.multiply(z, z, out=share)
            np.multiply(share, -CUBE, out=share)
            np.subtract(share, SLOPE, out=share)
            np.multiply(share, z, out=share)
            np.exp(share, out=share)
            np.add(share, 1, out=share)
            np.reciprocal(share, out=share)
            np.multiply(z, share, out=self.a)
            np.matmul(self.a, down, out=self.y)
            np.add(self.y, down_bias, out=self.y)
            return self.y

        def backward(self, x: Any, dy: Any, dx: Any) -> None:
            up, _, down, _ = self.p
            dup, dup_bias, ddown, ddown_bias = self.g
            np.matmul(self.a.T, dy, out=ddown)
            np.matmul(one_row, dy, out=ddown_bias)
            np.matmul(dy, down.T, out=da)
            # share + a (1 − share) (SLOPE + 3 CUBE z²)
            slope = bent_room
            np.multiply(self.z, self.z, out=slope)
            np.multiply(slope, 3 * CUBE, out=slope)
            np.add(slope, SLOPE, out=slope)
            np.multiply(slope, self.a, out=slope)
            np.subtract(1, self.share, out=self.z)
            np.multiply(slope, self.z, out=slope)
            np.add(slope, self.share, out=slope)
            np.multiply(da, slope, out=da)
            np.matmul(x.T, da, out=dup)
            np.matmul(one_row, da, out=dup_bias)
            np.matmul(da, up.T, out=dx)

    blocks = [(Norm(2 + at), Attention(4 + at), Norm(8 + at), Bent(10 + at)) for at in (0, 12)]
    last, x, dx, part = Norm(26), array(rows, width), array(rows, width), array(rows, width)
    logits, sums, dletters = array(rows, known), array(rows, 1), array(known, width)
    count = 0

    def update() -> None:
        nonlocal count
        count += 1
        correction = 1 - BETAS[0] ** count, (1 - BETAS[1] ** count) ** 0.5
        np.multiply(flat, 1 - rate * 0.01, out=flat)
        np.multiply(first, BETAS[0], out=first)
        np.multiply(gradient, 1 - BETAS[0], out=room)
        np.add(first, room, out=first)
        np.multiply(gradient, gradient, out=room)
        np.multiply(room, 1 - BETAS[1], out=room)
        np.multiply(second, BETAS[1], out=second)
        np.add(second, room, out=second)
        np.sqrt(second, out=room)
        np.multiply(room, 1 / correction[1], out=room)
        np.add(room, TINY, out=room)
        np.multiply(first, rate / correction[0], out=more)
        np.divide(more, room, out=room)
        np.subtract(flat, room, out=flat)

    def step() -> float:
        np.take(p[0], ids.ravel(), axis=0, out=x, mode="clip")
        np.add(x.reshape(texts, length, width), p[1], out=x.reshape(texts, length, width))
        for norm, attention, other, bent in blocks:
            np.add(x, attention.forward(norm.forward(x)), out=x)
            np.add(x, bent.forward(other.forward(x)), out=x)
        read = last.forward(x)
        np.matmul(read, p[0].T, out=logits)
        np.max(logits, axis=1, keepdims=True, out=sums)
        np.subtract(logits, sums, out=logits)
        chosen = logits.ravel()[wanted]
        np.exp(logits, out=logits)
        np.sum(logits, axis=1, keepdims=True, out=sums)
        loss = float(np.mean(np.log(sums)) - np.mean(chosen))
        np.divide(logits, sums, out=logits)
        logits.ravel()[wanted] -= 1
        np.multiply(logits, 1 / rows, out=logits)
        np.matmul(logits.T, read, out=g[0])
        np.matmul(logits, p[0], out=part)
        dx[...] = 0
        last.backward(part, dx)
        for norm, attention, other, bent in reversed(blocks):
            bent.backward(other.y, dx, part)
            other.backward(part, dx)
            attention.backward(norm.y, dx, part)
            norm.backward(part, dx)
        np.sum(dx.reshape(texts, length, width), axis=0, out=g[1])
        np.matmul(one_hot, dx, out=dletters)
        np.add(g[0], dletters, out=g[0])
        update()
        return loss

    return step
