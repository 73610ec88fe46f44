"""Attention and loops over time as people write them for PyTorch and JAX, with their mistakes: a
`torch.autograd.Function`, a module made of several, a `jax.custom_vjp`, a `jax.custom_jvp`, and a
jitted function made of them. `FORMS` says which can be planted in each."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array

# (framework, mistake) → what is checked, and the arrays
Form = Callable[[Any, str], tuple[Any, list[Array]]]
STRANGER = "(stranger)"

OF_SCORES = (
    "attention_scale_missing", "attention_scale_twice", "softmax_diagonal", "softmax_sum",
    "attention_columns", "attention_mask", "attention_rows", "path_forgotten", STRANGER,
)  # fmt: skip
OF_CELLS = ("time_stops", "time_cut", "one_time", "state_after", "gate_slope_missing", STRANGER)


def _normal(*shapes: tuple[int, ...], scale: float = 0.7, seed: int = 3) -> list[Array]:
    random = np.random.default_rng(seed)
    return [scale * random.normal(size=shape) for shape in shapes]


def _squashed(xp: Any, one: Any) -> Any:
    return xp.tanh(2 * one)


# The backward of a softmax's scores, which is written alike in both


def _of_scores(xp: Any, w: Any, dw: Any, whole: Any, scale: float, mistake: str) -> Any:
    taken = (w * dw).sum(-1, keepdims=True)
    if mistake == "softmax_diagonal":
        taken = w * dw
    if mistake == "softmax_sum":
        taken = 0.0
    if mistake == "attention_columns":
        taken = (w * dw).sum(-2, keepdims=True)
    if mistake == STRANGER:
        taken = taken**2
    if mistake == "attention_mask":
        ds = whole * (dw - (whole * dw).sum(-1, keepdims=True)) * (w > 0)
    else:
        ds = w * (dw - taken)
    power = {"attention_scale_missing": 0, "attention_scale_twice": 2}.get(mistake, 1)
    return ds * scale**power


def torch_attention(torch: Any, mistake: str) -> tuple[Any, list[Array]]:
    """Two causal heads with the usual views and transpositions."""
    heads, size = 2, 2

    def cut(x: Any) -> Any:
        return x.view(*x.shape[:2], heads, size).transpose(1, 2)

    class CausalAttention(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any, w_q: Any, w_k: Any, w_v: Any, w_o: Any) -> Any:
            q, k, v = cut(x @ w_q), cut(x @ w_k), cut(x @ w_v)
            scores = q @ k.transpose(-2, -1) / size**0.5
            mask = torch.tril(torch.ones(x.shape[1], x.shape[1])) == 0
            w = torch.softmax(scores.masked_fill(mask, float("-inf")), dim=-1)
            merged = (w @ v).transpose(1, 2).contiguous().view(*x.shape)
            ctx.save_for_backward(x, w_q, w_k, w_v, w_o, q, k, v, w, merged, scores)
            return merged @ w_o

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            x, w_q, w_k, w_v, w_o, q, k, v, w, merged, scores = ctx.saved_tensors
            d = dy @ w_o.t()
            d = d.view(*v.shape) if mistake == "heads_order" else cut(d)
            dw = d @ v.transpose(-2, -1)
            whole = torch.softmax(scores, dim=-1)
            ds = _of_scores(torch, w, dw, whole, size**-0.5, mistake)
            turned = ds if mistake == "attention_rows" else ds.transpose(-2, -1)
            ways = (ds @ k, turned @ q, w.transpose(-2, -1) @ d)
            dq, dk, dv = (one.transpose(1, 2).reshape(x.shape) for one in ways)
            dx = dq @ w_q.t() + dv @ w_v.t()
            if mistake != "path_forgotten":
                dx = dx + dk @ w_k.t()
            flat = x.flatten(0, 1).t()
            found = [flat @ one.flatten(0, 1) for one in (dq, dk, dv)]
            return dx, *found, merged.flatten(0, 1).t() @ dy.flatten(0, 1)

    return CausalAttention, _normal((2, 4, 4), *[(4, 4)] * 4)


def torch_fused(torch: Any, mistake: str) -> tuple[Any, list[Array]]:
    """A module of two functions: one layer makes q, k and v, another one attends to them."""

    class Attend(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, q: Any, k: Any, v: Any) -> Any:
            scores = torch.einsum("bqd,bkd->bqk", q, k) * q.size(-1) ** -0.5
            above = torch.ones_like(scores[0], dtype=torch.bool).triu(1)
            w = scores.masked_fill(above, -1e9).softmax(-1)
            ctx.save_for_backward(q, k, v, w, scores)
            return torch.einsum("bqk,bkd->bqd", w, v)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            q, k, v, w, scores = ctx.saved_tensors
            dw = torch.einsum("bqd,bkd->bqk", dy, v)
            scale, whole = q.size(-1) ** -0.5, scores.softmax(-1)
            ds = _of_scores(torch, w, dw, whole, scale, mistake)
            to_k = "bkq,bkd->bqd" if mistake != "attention_rows" else "bqk,bkd->bqd"
            return (
                torch.einsum("bqk,bkd->bqd", ds, k),
                torch.einsum(to_k, ds, q),
                torch.einsum("bqk,bqd->bkd", w, dy),
            )

    class Project(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, bias: Any) -> Any:
            ctx.save_for_backward(x, weight)
            return torch.nn.functional.linear(x, weight, bias)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            x, weight = ctx.saved_tensors
            summed = dy.sum((0, 1))
            if mistake == "bias_axes":
                summed = dy.sum((0, 2))[:1].expand(dy.shape[-1])
            return dy @ weight, torch.einsum("btc,btd->cd", dy, x), summed

    class Block(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            shapes = {"w_qkv": (9, 3), "b_qkv": (9,), "w_out": (3, 3), "b_out": (3,)}
            for name, array in zip(shapes, _normal(*shapes.values(), seed=5), strict=True):
                setattr(self, name, torch.nn.Parameter(torch.from_numpy(array)))

        def forward(self, x: Any) -> Any:
            q, k, v = Project.apply(x, self.w_qkv, self.b_qkv).chunk(3, dim=-1)
            return x + Project.apply(Attend.apply(q, k, v), self.w_out, self.b_out)

    return Block(), _normal((2, 4, 3))


def _lstm_step_back(
    xp: Any, mistake: str, dh: Any, dc: Any, gates: Any, c: Any, before: Any
) -> Any:
    """∂C/∂a of the four gates side by side, and ∂C/∂c of the time before."""
    i, f, g, o = gates
    squashed = xp.tanh(c)
    slope = 1.0 if mistake == "cell_slope_missing" else 1 - squashed**2
    dc = dc + dh * o * slope
    met = c if mistake == "cell_after" else before
    da = [dc * g * i * (1 - i), dc * met * f * (1 - f), dc * i * (1 - g**2),
          dh * squashed * (1.0 if mistake == "gate_slope_missing" else o * (1 - o))]  # fmt: skip
    if mistake == "gates_swapped":
        da[0], da[1] = da[1], da[0]
    following = dc if mistake == "cell_gate_missing" else dc * f
    return da, following * (0 if mistake == "cell_forgotten" else 1)


def torch_lstm(torch: Any, mistake: str) -> tuple[Any, list[Array]]:
    """One function for a whole LSTM, its loop in Python."""

    class Lstm(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
            size = u.shape[0]
            h = c = x.new_zeros(x.shape[0], size)
            ctx.hs, ctx.cs, ctx.gates = [h], [c], []
            for t in range(x.shape[1]):
                i, f, g, o = (x[:, t] @ w + h @ u + b).chunk(4, dim=1)
                i, f, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)
                g = torch.tanh(g)
                c = f * c + i * g
                h = o * torch.tanh(c)
                ctx.hs.append(h)
                ctx.cs.append(c)
                ctx.gates.append((i, f, g, o))
            ctx.save_for_backward(x, w, u)
            return torch.stack(ctx.hs[1:], dim=1)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            x, w, u = ctx.saved_tensors
            dx, dw, du = torch.zeros_like(x), torch.zeros_like(w), torch.zeros_like(u)
            db = dw.new_zeros(w.shape[1])
            dh = dc = torch.zeros_like(ctx.hs[0])
            for t in range(x.shape[1] - 1, 0 if mistake == "time_cut" else -1, -1):
                dh = dy[:, t] + dh
                da, dc = _lstm_step_back(
                    torch, mistake, dh, dc, ctx.gates[t], ctx.cs[t + 1], ctx.cs[t]
                )
                d = torch.cat(da, dim=1)
                met = ctx.hs[t + 1] if mistake == "state_after" else ctx.hs[t]
                if mistake == "one_time":
                    dw, du, db = torch.zeros_like(w), torch.zeros_like(u), torch.zeros_like(db)
                dw += x[:, t].t() @ d
                du += met.t() @ d
                db += d.sum(0)
                dx[:, t] = d @ w.t()
                dh = torch.zeros_like(dh) if mistake == "time_stops" else d @ u.t()
            found = (dx, dw, du, db)
            return tuple(_squashed(torch, one) for one in found) if mistake == STRANGER else found

    return Lstm, _normal((2, 4, 2), (2, 12), (3, 12), (12,))


def torch_rnn(torch: Any, mistake: str) -> tuple[Any, list[Array]]:
    """An Elman network that fills its output, with a head behind it."""

    class Elman(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any, w_xh: Any, w_hh: Any, b_h: Any, w_hy: Any) -> Any:
            times, count = x.shape[:2]
            hs = torch.zeros(times + 1, count, w_hh.shape[0], dtype=x.dtype)
            for t in range(times):
                hs[t + 1] = torch.tanh(x[t] @ w_xh.t() + hs[t] @ w_hh.t() + b_h)
            ctx.save_for_backward(x, w_xh, w_hh, w_hy, hs)
            return hs[1:] @ w_hy.t()

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            x, w_xh, w_hh, w_hy, hs = ctx.saved_tensors
            dw_hy = torch.einsum("tno,tnh->oh", dy, hs[1:])
            dx, dw_xh, dw_hh = torch.zeros_like(x), torch.zeros_like(w_xh), torch.zeros_like(w_hh)
            db, later = x.new_zeros(w_hh.shape[0]), torch.zeros_like(hs[0])
            for t in reversed(range(1 if mistake == "time_cut" else 0, len(x))):
                dh = dy[t] @ w_hy + later
                met = hs[t] if mistake == "wrong_cache" else hs[t + 1]
                da = dh * (1.0 if mistake == "derivative_missing" else 1 - met**2)
                if mistake == "one_time":
                    dw_xh, dw_hh, db = dw_xh * 0, dw_hh * 0, db * 0
                dw_xh += da.t() @ x[t]
                dw_hh += da.t() @ (hs[t + 1] if mistake == "state_after" else hs[t])
                db += da.sum(0)
                dx[t] = da @ w_xh
                later = da @ w_hh
                if mistake == "time_stops":
                    later = torch.zeros_like(later)
                if mistake == "weight_not_transposed":
                    later = da @ w_hh.t()
            found = (dx, dw_xh, dw_hh, db, dw_hy)
            return tuple(_squashed(torch, one) for one in found) if mistake == STRANGER else found

    return Elman, _normal((4, 3, 2), (3, 2), (3, 3), (3,), (2, 3))


# JAX


def jax_attention(jax: Any, mistake: str) -> tuple[Any, list[Array]]:
    """Heads in einsum, a mask by where, of q, k and v."""
    jnp = jax.numpy

    def run(q: Any, k: Any, v: Any) -> Any:
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / jnp.sqrt(q.shape[-1])
        there = jnp.tril(jnp.ones(scores.shape[-2:], bool))
        w = jax.nn.softmax(jnp.where(there, scores, -jnp.inf), axis=-1)
        return jnp.einsum("bhqk,bkhd->bqhd", w, v), (q, k, v, w, scores)

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def attention(q: Any, k: Any, v: Any) -> Any:
        return run(q, k, v)[0]

    def backward(kept: Any, dy: Any) -> Any:
        q, k, v, w, scores = kept
        dw = jnp.einsum("bqhd,bkhd->bhqk", dy, v)
        whole, scale = jax.nn.softmax(scores, axis=-1), q.shape[-1] ** -0.5
        ds = _of_scores(jnp, w, dw, whole, scale, mistake)
        other = v if mistake == "attention_operands" else k
        to_k = "bhkq,bkhd->bqhd" if mistake != "attention_rows" else "bhqk,bkhd->bqhd"
        return (
            jnp.einsum("bhqk,bkhd->bqhd", ds, other),
            jnp.einsum(to_k, ds, q),
            jnp.einsum("bhqk,bqhd->bkhd", w, dy),
        )

    attention.defvjp(run, backward)
    return attention, _normal(*[(2, 3, 2, 3)] * 3)


def jax_head(jax: Any, mistake: str) -> tuple[Any, list[Array]]:
    """One head with its projections by a `custom_jvp`: the directions' rule, not the gradients'."""

    @jax.custom_jvp  # type: ignore[untyped-decorator]
    def head(x: Any, w_q: Any, w_k: Any, w_v: Any) -> Any:
        q, k, v = x @ w_q, x @ w_k, x @ w_v
        return jax.nn.softmax(q @ k.T / q.shape[-1] ** 0.5) @ v

    def rule(primals: Any, tangents: Any) -> Any:
        x, *weights = primals
        dx, *directions = tangents
        (q, dq), (k, dk), (v, dv) = (
            (x @ w, dx @ w + x @ dw) for w, dw in zip(weights, directions, strict=True)
        )
        if mistake == "path_forgotten":
            dk = x @ directions[1]
        power = {"attention_scale_missing": 0.0, "attention_scale_twice": 1.0}.get(mistake, 0.5)
        w = jax.nn.softmax(q @ k.T / q.shape[-1] ** 0.5)
        ds = (dq @ k.T + q @ dk.T) / q.shape[-1] ** power
        taken = (w * ds).sum(-1, keepdims=True)
        if mistake == "softmax_sum":
            taken = 0.0
        if mistake == "softmax_diagonal":
            taken = w * ds
        if mistake == STRANGER:
            taken = 0.3 * taken
        return w @ v, (w * (ds - taken)) @ v + w @ dv

    head.defjvp(rule)
    return head, _normal((4, 3), *[(3, 2)] * 3)


def jax_gru(jax: Any, mistake: str) -> tuple[Any, list[Array]]:
    """A GRU by `lax.scan` in both directions of time."""
    jnp = jax.numpy

    def cell(h: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
        a, size = x @ w + b, h.shape[-1]
        r = jax.nn.sigmoid(a[:, :size] + h @ u[:, :size])
        z = jax.nn.sigmoid(a[:, size : 2 * size] + h @ u[:, size : 2 * size])
        inside = h @ u[:, 2 * size :]
        n = jnp.tanh(a[:, 2 * size :] + r * inside)
        return (1 - z) * n + z * h, (r, z, n, inside)

    def run(x: Any, w: Any, u: Any, b: Any) -> Any:
        def step(h: Any, xt: Any) -> Any:
            after, gates = cell(h, xt, w, u, b)
            return after, (after, (h, gates))

        start = jnp.zeros((x.shape[1], u.shape[0]))
        _, (hs, kept) = jax.lax.scan(step, start, x)
        return hs, (x, w, u, hs, kept)

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def gru(x: Any, w: Any, u: Any, b: Any) -> Any:
        return run(x, w, u, b)[0]

    def backward(saved: Any, dy: Any) -> Any:
        x, w, u, hs, (before, gates) = saved

        def step(later: Any, here: Any) -> Any:
            d, xt, h, after, (r, z, n, inside) = here
            dh = d + later
            slope = 1.0 if mistake == "gate_slope_missing" else 1 - n**2
            da = dh * (1 - z) * slope
            dz = dh * (h - n) * z * (1 - z)
            dr = da * inside * r * (1 - r)
            if mistake == "gates_swapped":
                dr, dz = dz, dr
            by_x = jnp.concatenate([dr, dz, da], axis=1)
            reset = 1.0 if mistake == "reset_missing" else r
            by_h = jnp.concatenate([dr, dz, da * reset], axis=1)
            direct = 0 if mistake == "state_kept_missing" else dh * z
            back = by_h @ u.T + direct
            if mistake == "time_stops":
                back = jnp.zeros_like(back)
            met = after if mistake == "state_after" else h
            return back, (by_x @ w.T, xt.T @ by_x, met.T @ by_h, by_x.sum(0))

        start = jnp.zeros_like(dy[0])
        _, (dx, dw, du, db) = jax.lax.scan(step, start, (dy, x, before, hs, gates), reverse=True)
        if mistake == "one_time":
            return dx, dw[0], du[0], db[0]
        if mistake == "time_cut":
            return dx.at[0].set(0), dw[1:].sum(0), du[1:].sum(0), db[1:].sum(0)
        found = (dx, dw.sum(0), du.sum(0), db.sum(0))
        return tuple(_squashed(jnp, one) for one in found) if mistake == STRANGER else found

    gru.defvjp(run, backward)
    return gru, _normal((4, 2, 2), (2, 9), (3, 9), (9,))


def jax_model(jax: Any, mistake: str) -> tuple[Any, list[Array]]:
    """A jitted loss made of two functions with derivatives of their own."""
    jnp = jax.numpy
    attend, _ = jax_attention(jax, mistake)

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def project(x: Any, w: Any) -> Any:
        return x @ w

    def back(saved: Any, dy: Any) -> Any:
        x, w = saved
        return dy @ (w if mistake == "weight_not_transposed" else w.T), jnp.einsum(
            "btc,btd->cd", x, dy
        )

    project.defvjp(lambda x, w: (x @ w, (x, w)), back)

    @jax.jit  # type: ignore[untyped-decorator]
    def model(x: Any, w_q: Any, w_k: Any, w_v: Any, w_o: Any) -> Any:
        q, k, v = (project(x, w).reshape(*x.shape[:2], 2, 2) for w in (w_q, w_k, w_v))
        return x + project(attend(q, k, v).reshape(x.shape), w_o)

    return model, _normal((2, 3, 4), *[(4, 4)] * 4)


FORMS: Mapping[str, tuple[str, Form, tuple[str, ...]]] = {
    "torch attention": ("torch", torch_attention, (*OF_SCORES, "heads_order")),
    "torch module of functions": (
        "torch",
        torch_fused,
        tuple(one for one in OF_SCORES if one != "path_forgotten"),
    ),
    "torch LSTM": (
        "torch",
        torch_lstm,
        (*OF_CELLS, "cell_forgotten", "cell_gate_missing", "cell_slope_missing", "cell_after",
         "gates_swapped"),
    ),
    "torch RNN": (
        "torch",
        torch_rnn,
        ("time_stops", "time_cut", "one_time", "state_after", "wrong_cache", "derivative_missing",
         "weight_not_transposed", STRANGER),
    ),
    "jax attention": (
        "jax",
        jax_attention,
        (*(one for one in OF_SCORES if one != "path_forgotten"), "attention_operands"),
    ),
    "jax head by custom_jvp": (
        "jax",
        jax_head,
        ("attention_scale_missing", "attention_scale_twice", "softmax_diagonal", "softmax_sum",
         "path_forgotten", STRANGER),
    ),
    "jax GRU": (
        "jax",
        jax_gru,
        (*OF_CELLS, "gates_swapped", "reset_missing", "state_kept_missing"),
    ),
    "jitted model": (
        "jax",
        jax_model,
        ("attention_scale_missing", "softmax_sum", "attention_rows", "weight_not_transposed"),
    ),
}  # fmt: skip
