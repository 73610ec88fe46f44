"""Attention and loops over time as people write them for JAX, with their mistakes: a
`jax.custom_vjp`, a `jax.custom_jvp`, and a jitted function made of them."""

from typing import Any

from clearprop.base.arrays import Array
from tests.checking.form_parts import STRANGER, normal, of_scores, squashed


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
        ds = of_scores(jnp, w, dw, whole, scale, mistake)
        other = v if mistake == "attention_operands" else k
        to_k = "bhkq,bkhd->bqhd" if mistake != "attention_rows" else "bhqk,bkhd->bqhd"
        return (
            jnp.einsum("bhqk,bkhd->bqhd", ds, other),
            jnp.einsum(to_k, ds, q),
            jnp.einsum("bhqk,bqhd->bkhd", w, dy),
        )

    attention.defvjp(run, backward)
    return attention, normal(*[(2, 3, 2, 3)] * 3)


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
    return head, normal((4, 3), *[(3, 2)] * 3)


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
        return tuple(squashed(jnp, one) for one in found) if mistake == STRANGER else found

    gru.defvjp(run, backward)
    return gru, normal((4, 2, 2), (2, 9), (3, 9), (9,))


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

    return model, normal((2, 3, 4), *[(4, 4)] * 4)
