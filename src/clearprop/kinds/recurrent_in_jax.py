"""RNN, GRU, LSTM and their cells in JAX, written from their formulas alone: a loop over the times,
or one step."""

from collections.abc import Callable
from typing import Any, TypeAlias

from clearprop.kinds.row import InJax

# From x of one time and the state before, a pair of an LSTM, to the state after.
Cell: TypeAlias = Callable[[Any, Any], Any]


def rnn(at: InJax, x: Any) -> Any:
    """RNN over time."""
    return _through_time(at, x, _rnn_cell(at), x[:, 0, :1] * 0)


def gru(at: InJax, x: Any) -> Any:
    """GRU over time."""
    return _through_time(at, x, _gru_cell(at), x[:, 0, :1] * 0)


def lstm(at: InJax, x: Any) -> Any:
    """LSTM over time."""
    zero = x[:, 0, :1] * 0
    return _through_time(at, x, _lstm_cell(at), (zero, zero))


def rnn_cell(at: InJax, x: Any) -> Any:
    """One step of an RNN."""
    return _rnn_cell(_of_loop(at))(x, _before(at, x, "hidden"))


def gru_cell(at: InJax, x: Any) -> Any:
    """One step of a GRU."""
    return _gru_cell(_of_loop(at))(x, _before(at, x, "hidden"))


def lstm_cell(at: InJax, x: Any) -> Any:
    """One step of an LSTM."""
    states = _before(at, x, "hidden"), _before(at, x, "cell")
    h, c = _lstm_cell(_of_loop(at))(x, states)
    return at.jax.numpy.concatenate([h, c], axis=1) if at.layer.cell_output else h


def _of_loop(at: InJax) -> InJax:
    return at._replace(layer=at.layer.over_time)


def _before(at: InJax, x: Any, state: str) -> Any:
    zeros = at.jax.numpy.zeros((len(x), at.layer.hidden), x.dtype)
    return at.beside.get(state, zeros)


def _rnn_cell(at: InJax) -> Cell:
    """H = φ(x W + h U + b)."""
    nn, jnp = at.jax.nn, at.jax.numpy
    function = jnp.tanh if at.layer.nonlinearity == "tanh" else nn.relu

    def cell(x_t: Any, h: Any) -> Any:
        return function(_given(at, x_t) + _recurring(at, h))

    return cell


def _gru_cell(at: InJax) -> Cell:
    """H = (1 − z) n + z h."""
    nn, jnp, size = at.jax.nn, at.jax.numpy, at.layer.hidden
    recurrent = at.params["weight_hh"]

    def cell(x_t: Any, h: Any) -> Any:
        a, q = _given(at, x_t), _recurring(at, h)
        r, z = (
            nn.sigmoid(a[:, k * size : (k + 1) * size] + q[:, k * size : (k + 1) * size])
            for k in (0, 1)
        )
        last = q[:, 2 * size :]
        if at.layer.reset_after:
            inner = r * last
        else:
            inner = (r * h) @ recurrent[:, 2 * size :]
            inner += at.params["bias_hh"][:, 2 * size :] if at.layer.bias else 0.0
        n = jnp.tanh(a[:, 2 * size :] + inner)
        return (1 - z) * n + z * h

    return cell


def _lstm_cell(at: InJax) -> Cell:
    """C = f c + i g, h = o tanh(c)."""
    nn, jnp = at.jax.nn, at.jax.numpy

    zeros = jnp.zeros((1, at.layer.hidden))
    peepholes = [zeros, zeros, zeros]
    if at.layer.peepholes:
        peepholes = jnp.split(at.params["peephole"], 3, axis=1)

    def cell(x_t: Any, states: Any) -> Any:
        h, c = states
        i, f, g, o = jnp.split(_given(at, x_t) + _recurring(at, h), 4, axis=1)
        i, f = i + peepholes[0] * c, f + peepholes[1] * c
        c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
        made = nn.sigmoid(o + peepholes[2] * c) * jnp.tanh(c)
        return made @ at.params["weight_hr"] if at.layer.projection else made, c

    return cell


def _given(at: InJax, x: Any) -> Any:
    return x @ at.params["weight_ih"] + at.params.get("bias_ih", 0.0)


def _recurring(at: InJax, h: Any) -> Any:
    return h @ at.params["weight_hh"] + at.params.get("bias_hh", 0.0)


def _through_time(at: InJax, x: Any, cell: Cell, zero: Any) -> Any:
    """The states of every time, (N, T, H); `zero` is the start, one column of every state."""
    jnp = at.jax.numpy
    is_pair = isinstance(zero, tuple)
    widths = map(at.layer.width, at.layer.states)
    ones = zip(zero if is_pair else (zero,), widths, strict=True)
    rows = [jnp.repeat(one, width, axis=1) for one, width in ones]
    state = tuple(rows) if is_pair else rows[0]
    times = range(x.shape[1])
    found = {}
    for time in reversed(times) if at.layer.reverse else times:
        state = cell(x[:, time], state)
        found[time] = state[0] if is_pair else state
    return jnp.stack([found[time] for time in times], axis=1)
