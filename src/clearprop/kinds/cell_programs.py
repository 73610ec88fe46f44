"""The cells of RNN, GRU and LSTM as lines of a program: one step, from the state that stands beside
x, or from 0."""

from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site, sum_of_samples


def rnn_cell_passes(site: Site) -> Passes:
    """One activation."""
    z, h, y, dy = site.own("z", "z"), _state(site, "hidden"), site.y, site.dy
    value, slope = f"np.tanh({z})", f"(1 - {y}**2)"
    value_math, slope_math = f"tanh({z:math})", f"(1 − {y:math}²)"
    if site.layer.nonlinearity == "relu":
        value, slope = f"np.maximum(0, {z})", f"({y} > 0)"
        value_math, slope_math = f"max(0, {z:math})", f"[{y:math} > 0]"
    forward = (
        *_start(site, "hidden"),
        _sum_line(site, z, "ih", "hh"),
        Line(f"{y} = {value}", f"{y:math} = {value_math}"),
    )
    backward = (
        Line(f"{z.d} = {dy} * {slope}", f"{z.d:math} = {dy:math} ⊙ {slope_math}"),
        *_hidden_lines(site, h, z.d),
        *_input_lines(site, z.d),
    )
    return Passes(forward, backward)


def gru_cell_passes(site: Site) -> Passes:
    """A state that is partly kept and partly made anew."""
    after = site.layer.reset_after
    return (_reset_after if after else _reset_before)(site)


def lstm_cell_passes(site: Site) -> Passes:
    """A cell that its gates keep, add to and let out."""
    z, y, dy, size = site.own("z", "z"), site.y, site.dy, site.layer.hidden
    h, before, c = _state(site, "hidden"), _state(site, "cell"), site.own("c", "c")
    i, f, g, o = (site.own(name, name) for name in "ifgo")
    squashed = site.own("tanh_c", "tanh_c")
    made = f"{o} * {squashed}", f"{o:math} ⊙ {squashed:math}"
    if site.layer.cell_output:
        made = f"np.concatenate([{made[0]}, {c}], axis=1)", f"({made[1]}) ‖ {c:math}"
    gates = f"sigmoid({i}), sigmoid({f}), np.tanh({g}), sigmoid({o})"
    forward = (
        *_start(site, "hidden"),
        *_start(site, "cell"),
        _sum_line(site, z, "ih", "hh"),
        Line(f"{i}, {f}, {g}, {o} = np.split({z}, 4, axis=1)", f"aᵢ ‖ a_f ‖ a_g ‖ aₒ = {z:math}"),
        Line(
            f"{i}, {f}, {g}, {o} = {gates}",
            f"{i:math}, {f:math}, {o:math} = σ(a),  {g:math} = tanh(a_g)",
        ),
        Line(
            f"{c} = {f} * {before} + {i} * {g}",
            f"{c:math} = {f:math} ⊙ {before:math} + {i:math} ⊙ {g:math}",
        ),
        Line(f"{squashed} = np.tanh({c})", f"{squashed:math} = tanh({c:math})"),
        Line(f"{y} = {made[0]}", f"{y:math} = {made[1]}"),
    )
    dh = Symbol(f"{dy}[:, :{size}]", f"{dy:math}[h]") if site.layer.cell_output else dy
    slope = f"{o} * (1 - {squashed}**2)", f"{o:math} ⊙ (1 − {squashed:math}²)"
    dc = f"{dh} * {slope[0]}", f"{dh:math} ⊙ {slope[1]}"
    if site.layer.cell_output:
        dc = f"{dy}[:, {size}:] + {dc[0]}", f"{dy:math}[c] + {dc[1]}"
    signals = (
        (i, c.d, g, f"{i} * (1 - {i})", f"{i:math} ⊙ (1 − {i:math})"),
        (f, c.d, before, f"{f} * (1 - {f})", f"{f:math} ⊙ (1 − {f:math})"),
        (g, c.d, i, f"(1 - {g}**2)", f"(1 − {g:math}²)"),
        (o, dh, squashed, f"{o} * (1 - {o})", f"{o:math} ⊙ (1 − {o:math})"),
    )
    of_gates = [f"da_{gate}" for gate in "ifgo"]
    backward = (
        Line(f"{c.d} = {dc[0]}", f"{c.d:math} = {dc[1]}"),
        *(
            Line(
                f"{name} = {signal} * {met} * {slope}",
                f"∂L/∂a_{name[-1]} = {signal:math} ⊙ {met:math} ⊙ {slope_math}",
            )
            for name, (_, signal, met, slope, slope_math) in zip(of_gates, signals, strict=True)
        ),
        Line(
            f"{z.d} = np.concatenate([{', '.join(of_gates)}], axis=1)",
            f"{z.d:math} = ∂L/∂aᵢ ‖ ∂L/∂a_f ‖ ∂L/∂a_g ‖ ∂L/∂aₒ",
        ),
        *_hidden_lines(site, h, z.d),
        *_input_lines(site, z.d),
    )
    return Passes(forward, backward)


def _reset_after(site: Site) -> Passes:
    """Here r meets what the state's weights made of the state."""
    a, q, h, size = (
        site.own("z", "z"),
        site.own("q", "q"),
        _state(site, "hidden"),
        site.layer.hidden,
    )
    r, z, n = (site.own(name, name) for name in ("r", "u", "n"))
    last = f"{2 * size}:"
    product = f"{h} @ {site.params['weight_hh']}", f"{h:math} · {site.params['weight_hh']:math}"
    inner = f"{a}[:, {last}] + {r} * {q}[:, {last}]", f"{a:math}[n] + {r:math} ⊙ {q:math}[n]"
    forward = (
        *_start(site, "hidden"),
        _sum_line(site, a, "ih"),
        _with_bias(site, q, product, "bias_hh"),
        *_gates_lines(site, a, q, (r, z)),
        Line(f"{n} = np.tanh({inner[0]})", f"{n:math} = tanh({inner[1]})"),
        _new_state(site, h, z, n),
    )
    backward = (
        *_kept_and_made(site, h, z, n),
        Line(
            f"da_r = da_n * {q}[:, {last}] * {r} * (1 - {r})",
            f"∂L/∂aᵣ = ∂L/∂aₙ ⊙ {q:math}[n] ⊙ {r:math} ⊙ (1 − {r:math})",
        ),
        _side_by_side(a.d),
        Line(
            f"{q.d} = np.concatenate([da_r, da_u, da_n * {r}], axis=1)",
            f"{q.d:math} = ∂L/∂aᵣ ‖ ∂L/∂aᵤ ‖ ∂L/∂aₙ ⊙ {r:math}",
        ),
        *_hidden_lines(site, h, q.d),
        *_input_lines(site, a.d),
    )
    return Passes(forward, backward)


def _reset_before(site: Site) -> Passes:
    """Here r meets the state itself, before its weights do."""
    a, q, h, size = (
        site.own("z", "z"),
        site.own("q", "q"),
        _state(site, "hidden"),
        site.layer.hidden,
    )
    r, z, n, s = (site.own(name, name) for name in ("r", "u", "n", "s"))
    first, last, u = f":{2 * size}", f"{2 * size}:", site.params["weight_hh"]
    inner = f"{a}[:, {last}] + {s} @ {u}[:, {last}]", f"{a:math}[n] + {s:math} · {u:math}[n]"
    forward = (
        *_start(site, "hidden"),
        _sum_line(site, a, "ih", biases=("bias_ih", "bias_hh")),
        Line(f"{q} = {h} @ {u}[:, {first}]", f"{q:math} = {h:math} · {u:math}[r, u]"),
        *_gates_lines(site, a, q, (r, z)),
        Line(f"{s} = {r} * {h}", f"{s:math} = {r:math} ⊙ {h:math}"),
        Line(f"{n} = np.tanh({inner[0]})", f"{n:math} = tanh({inner[1]})"),
        _new_state(site, h, z, n),
    )
    g = site.gradients["weight_hh"]
    of_gates, of_candidate = f"{h}.T @ {a.d}[:, {first}]", f"{s}.T @ da_n"
    backward = [
        *_kept_and_made(site, h, z, n),
        Line(f"{s.d} = da_n @ {u}[:, {last}].T", f"{s.d:math} = ∂L/∂aₙ · {u:math}[n]ᵀ"),
        Line(
            f"da_r = {s.d} * {h} * {r} * (1 - {r})",
            f"∂L/∂aᵣ = {s.d:math} ⊙ {h:math} ⊙ {r:math} ⊙ (1 − {r:math})",
        ),
        _side_by_side(a.d),
        Line(
            f"{g} = np.concatenate([{of_gates}, {of_candidate}], axis=1)",
            f"{g:math} = {h:math}ᵀ · {a.d:math}[r, u] ‖ {s:math}ᵀ · ∂L/∂aₙ",
        ),
    ]
    if "bias_hh" in site.gradients:
        backward.append(_bias_line(site, "bias_hh", a.d))
    return Passes(forward, (*backward, *_input_lines(site, a.d)))


def _state(site: Site, name: str) -> Symbol:
    """What a state before the step is called."""
    if name in site.beside:
        return site.beside[name].symbol
    return site.own(f"{name}_before", "h₀" if name == "hidden" else "c₀")


def _start(site: Site, name: str) -> tuple[Line, ...]:
    """Where no state stands beside x, it is 0."""
    state = _state(site, name)
    if name in site.beside:
        return ()
    room = f"np.zeros((len({site.x}), {site.layer.hidden}), {site.x}.dtype)"
    return (Line(f"{state} = {room}", f"{state:math} = 0"),)


def _sum_line(site: Site, z: Symbol, *parts: str, biases: tuple[str, ...] | None = None) -> Line:
    """What x gives, z = x W + b, and what the state does where it is in the same sum."""
    x, w, u = site.x, site.params["weight_ih"], site.params["weight_hh"]
    sum_ = f"{x} @ {w}", f"{x:math} · {w:math}"
    if "hh" in parts:
        h = _state(site, "hidden")
        sum_ = f"{sum_[0]} + {h} @ {u}", f"{sum_[1]} + {h:math} · {u:math}"
    return _with_bias(site, z, sum_, *(biases or tuple(f"bias_{part}" for part in parts)))


def _with_bias(site: Site, z: Symbol, sum_: tuple[str, str], *biases: str) -> Line:
    code, equation = sum_
    for bias in (site.params[name] for name in biases if name in site.params):
        code, equation = f"{code} + {bias}", f"{equation} + {bias:math}"
    return Line(f"{z} = {code}", f"{z:math} = {equation}")


def _gates_lines(site: Site, a: Symbol, q: Symbol, gates: tuple[Symbol, Symbol]) -> list[Line]:
    """The gates r and u."""
    size = site.layer.hidden
    return [
        Line(
            f"{gate} = sigmoid({a}[:, {columns}] + {q}[:, {columns}])",
            f"{gate:math} = σ({a:math} + {q:math})",
        )
        for gate, columns in zip(gates, (f":{size}", f"{size}:{2 * size}"), strict=True)
    ]


def _new_state(site: Site, h: Symbol, z: Symbol, n: Symbol) -> Line:
    return Line(
        f"{site.y} = (1 - {z}) * {n} + {z} * {h}",
        f"{site.y:math} = (1 − {z:math}) ⊙ {n:math} + {z:math} ⊙ {h:math}",
    )


def _kept_and_made(site: Site, h: Symbol, z: Symbol, n: Symbol) -> list[Line]:
    """∂L/∂aₙ and ∂L/∂aᵤ."""
    dy = site.dy
    return [
        Line(
            f"da_n = {dy} * (1 - {z}) * (1 - {n}**2)",
            f"∂L/∂aₙ = {dy:math} ⊙ (1 − {z:math}) ⊙ (1 − {n:math}²)",
        ),
        Line(
            f"da_u = {dy} * ({h} - {n}) * {z} * (1 - {z})",
            f"∂L/∂aᵤ = {dy:math} ⊙ ({h:math} − {n:math}) ⊙ {z:math} ⊙ (1 − {z:math})",
        ),
    ]


def _side_by_side(da: Symbol) -> Line:
    return Line(
        f"{da} = np.concatenate([da_r, da_u, da_n], axis=1)",
        f"{da:math} = ∂L/∂aᵣ ‖ ∂L/∂aᵤ ‖ ∂L/∂aₙ",
    )


def _hidden_lines(site: Site, h: Symbol, by: Symbol) -> list[Line]:
    """∂L/∂U and ∂L/∂b′."""
    g = site.gradients["weight_hh"]
    lines = [Line(f"{g} = {h}.T @ {by}", f"{g:math} = {h:math}ᵀ · {by:math}")]
    if "bias_hh" in site.gradients:
        lines.append(_bias_line(site, "bias_hh", by))
    return lines


def _input_lines(site: Site, da: Symbol) -> list[Line]:
    """∂L/∂W, ∂L/∂b and ∂L/∂x."""
    x, w, g = site.x, site.params["weight_ih"], site.gradients
    lines = [
        Line(f"{g['weight_ih']} = {x}.T @ {da}", f"{g['weight_ih']:math} = {x:math}ᵀ · {da:math}")
    ]
    if "bias_ih" in g:
        lines.append(_bias_line(site, "bias_ih", da))
    if site.dx is not None:
        lines.append(Line(f"{site.dx} = {da} @ {w}.T", f"{site.dx:math} = {da:math} · {w:math}ᵀ"))
    return lines


def _bias_line(site: Site, name: str, signals: Symbol) -> Line:
    gradient = site.gradients[name]
    code = sum_of_samples(str(signals), (1,))
    return Line(f"{gradient} = {code}", f"{gradient:math} = Σₙ {signals:math}")
