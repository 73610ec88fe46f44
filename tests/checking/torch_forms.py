"""Attention and loops over time as people write them for PyTorch, with their mistakes: a
`torch.autograd.Function`, and a module made of several."""

from typing import Any

from clearprop.base.arrays import Array
from tests.checking.form_parts import STRANGER, normal, of_scores, squashed


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
            ds = of_scores(torch, w, dw, whole, size**-0.5, mistake)
            turned = ds if mistake == "attention_rows" else ds.transpose(-2, -1)
            ways = (ds @ k, turned @ q, w.transpose(-2, -1) @ d)
            dq, dk, dv = (one.transpose(1, 2).reshape(x.shape) for one in ways)
            dx = dq @ w_q.t() + dv @ w_v.t()
            if mistake != "path_forgotten":
                dx = dx + dk @ w_k.t()
            flat = x.flatten(0, 1).t()
            found = [flat @ one.flatten(0, 1) for one in (dq, dk, dv)]
            return dx, *found, merged.flatten(0, 1).t() @ dy.flatten(0, 1)

    return CausalAttention, normal((2, 4, 4), *[(4, 4)] * 4)


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
            ds = of_scores(torch, w, dw, whole, scale, mistake)
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
            for name, array in zip(shapes, normal(*shapes.values(), seed=5), strict=True):
                setattr(self, name, torch.nn.Parameter(torch.from_numpy(array)))

        def forward(self, x: Any) -> Any:
            q, k, v = Project.apply(x, self.w_qkv, self.b_qkv).chunk(3, dim=-1)
            return x + Project.apply(Attend.apply(q, k, v), self.w_out, self.b_out)

    return Block(), normal((2, 4, 3))


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
            return tuple(squashed(torch, one) for one in found) if mistake == STRANGER else found

    return Lstm, normal((2, 4, 2), (2, 12), (3, 12), (12,))


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
            return tuple(squashed(torch, one) for one in found) if mistake == STRANGER else found

    return Elman, normal((4, 3, 2), (3, 2), (3, 3), (3,), (2, 3))
