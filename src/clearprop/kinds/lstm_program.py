"""An LSTM as lines of a program: one product for all times, a loop over the times, and the same
loop from the other end."""

from clearprop.kinds.program_lines import Line, Symbol, loop
from clearprop.kinds.program_pieces import Passes, Site, sum_of_samples
from clearprop.kinds.recurrent_programs import (
    TIME,
    arriving_line,
    ended_lines,
    given_line,
    hidden_lines,
    input_lines,
    inside_lines,
    nothing_later,
    order_of,
    put_out_lines,
    start_lines,
    states_line,
)


def lstm_passes(site: Site) -> Passes:
    """A cell that its gates keep, add to and let out, again at every time; with what a projection
    and gates that see the cell add to it."""
    order, u, size = order_of(site), site.params["weight_hh"], site.layer.hidden
    a, s, c = site.own("z", "z"), site.own("states", "H"), site.own("cells", "C")
    z, gates = Symbol("sums", "sums"), site.own("gates", "G")
    third = f"{2 * size}:{3 * size}"
    split = Line(
        f"i, f, g, o = np.split({gates}[:, {TIME}], 4, axis=1)", f"i, f, g, o = {gates:math}ₜ"
    )
    forward = (
        given_line(site, "bias_ih", "bias_hh"),
        states_line(site),
        *start_lines(site, "hidden", s),
        _cells_line(site, s, c),
        *start_lines(site, "cell", c),
        Line(f"{gates} = np.zeros_like({a})", f"{gates:math} = 0"),
        loop(
            order.forward,
            *inside_lines(site),
            Line(
                f"{z} = {a}[:, {TIME}] + {s}[:, {order.before}] @ {u}",
                f"{z:math} = {a:math}ₜ + {s:math}{order.past} · {u:math}",
            ),
            *_seeing_lines(site, z, f"{c}[:, {order.before}]", f"{c:math}{order.past}"),
            Line(f"{gates}[:, {TIME}] = sigmoid({z})", f"i, f, o = σ({z:math})"),
            Line(f"{gates}[:, {TIME}, {third}] = np.tanh({z}[:, {third}])", f"g = tanh({z:math})"),
            split,
            Line(
                f"{c}[:, {order.after}] = f * {c}[:, {order.before}] + i * g",
                f"{c:math}ₜ = f ⊙ {c:math}{order.past} + i ⊙ g",
            ),
            *ended_lines(site, f"{c}[:, {order.after}]", f"{c:math}ₜ", "cell"),
            *_output_lines(site, z),
            *_ended_state_lines(site, s),
        ),
        *put_out_lines(site),
    )
    backward = (
        Line(f"{a.d} = np.zeros_like({gates})", f"{a.d:math} = 0"),
        nothing_later(site, "h"),
        nothing_later(site, "c"),
        *_room_back(site),
        loop(
            order.backward,
            *inside_lines(site),
            split,
            Line(f"tanh_c = np.tanh({c}[:, {order.after}])", f"tanh_c = tanh({c:math}ₜ)"),
            arriving_line(site),
            *_arriving_at_cell(site),
            Line("da_i = dc * g * i * (1 - i)", "∂L/∂aᵢ = ∂L/∂cₜ ⊙ g ⊙ i ⊙ (1 − i)"),
            Line(
                f"da_f = dc * {c}[:, {order.before}] * f * (1 - f)",
                f"∂L/∂a_f = ∂L/∂cₜ ⊙ {c:math}{order.past} ⊙ f ⊙ (1 − f)",
            ),
            Line("da_g = dc * i * (1 - g**2)", "∂L/∂a_g = ∂L/∂cₜ ⊙ i ⊙ (1 − g²)"),
            Line(
                f"{a.d}[:, {TIME}] = np.concatenate([da_i, da_f, da_g, da_o], axis=1)",
                f"{a.d:math}ₜ = ∂L/∂aᵢ ‖ ∂L/∂a_f ‖ ∂L/∂a_g ‖ ∂L/∂aₒ",
            ),
            Line(f"later_h = {a.d}[:, {TIME}] @ {u}.T", f"later_h = {a.d:math}ₜ · {u:math}ᵀ"),
            _kept_line(site),
        ),
        *hidden_lines(site, a.d),
        *_more_lines(site),
        *input_lines(site),
    )
    return Passes(forward, backward)


def _cells_line(site: Site, s: Symbol, c: Symbol) -> Line:
    """Room for the cell before and after every time, which without a projection is as wide as the
    state."""
    code = f"np.zeros_like({s})"
    if site.layer.projection:
        x = site.x
        code = f"np.zeros((len({x}), {x}.shape[1] + 1, {site.layer.hidden}), {x}.dtype)"
    return Line(f"{c} = {code}", f"{c:math} = 0")


def _seeing_lines(site: Site, z: Symbol, before: str, past: str) -> list[Line]:
    """I and f see the cell before."""
    if not site.layer.peepholes:
        return []
    size, p = site.layer.hidden, site.params["peephole"]
    return [
        Line(f"{z}[:, :{size}] += {p}[:, :{size}] * {before}", f"aᵢ += {p:math}[i] ⊙ {past}"),
        Line(
            f"{z}[:, {size}:{2 * size}] += {p}[:, {size}:{2 * size}] * {before}",
            f"a_f += {p:math}[f] ⊙ {past}",
        ),
    ]


def _output_lines(site: Site, z: Symbol) -> list[Line]:
    """hₜ of the new cell; with peepholes o sees that one before."""
    order, s, c = order_of(site), site.own("states", "H"), site.own("cells", "C")
    size, after, lines = site.layer.hidden, f"{c}[:, {order.after}]", []
    if site.layer.peepholes:
        gates, p = site.own("gates", "G"), site.params["peephole"]
        last = f"{3 * size}:"
        lines = [
            Line(
                f"o = sigmoid({z}[:, {last}] + {p}[:, {2 * size}:] * {after})",
                f"o = σ(aₒ + {p:math}[o] ⊙ {c:math}ₜ)",
            ),
            Line(f"{gates}[:, {TIME}, {last}] = o", f"{gates:math}ₜ[o] = o"),
        ]
    code, equation = f"o * np.tanh({after})", f"o ⊙ tanh({c:math}ₜ)"
    if site.layer.projection:
        made, w = site.own("made", "M"), site.params["weight_hr"]
        lines.append(Line(f"{made} = {code}", f"{made:math} = {equation}"))
        code, equation = f"{made} @ {w}", f"{made:math} · {w:math}"
    return [*lines, Line(f"{s}[:, {order.after}] = {code}", f"{s:math}ₜ = {equation}")]


def _ended_state_lines(site: Site, s: Symbol) -> list[Line]:
    """The state behind a sample's end, which is 0 of itself where the cell is: without a start."""
    if not {"hidden", "cell"} & set(site.beside) or not site.layer.reverse:
        return []
    return ended_lines(site, f"{s}[:, {order_of(site).after}]", f"{s:math}ₜ", "hidden")


def _room_back(site: Site) -> list[Line]:
    """Room for ∂L/∂h of every time, of which ∂L/∂P is made."""
    if not site.layer.projection:
        return []
    s = site.own("states", "H")
    order = order_of(site)
    return [Line(f"{s.d} = np.zeros_like({s}[:, {order.put_out}])", f"{s.d:math} = 0")]


def _arriving_at_cell(site: Site) -> list[Line]:
    """∂L/∂aₒ and ∂L/∂cₜ."""
    lines, made, made_math = [], "dh", "∂L/∂hₜ"
    if site.layer.projection:
        s, w = site.own("states", "H"), site.params["weight_hr"]
        made, made_math = "dm", "∂L/∂mₜ"
        lines = [
            Line(f"{s.d}[:, {TIME}] = dh", f"{s.d:math}ₜ = ∂L/∂hₜ"),
            Line(f"dm = dh @ {w}.T", f"∂L/∂mₜ = ∂L/∂hₜ · {w:math}ᵀ"),
        ]
    dc, dc_math = (
        f"later_c + {made} * o * (1 - tanh_c**2)",
        f"later_c + {made_math} ⊙ o ⊙ (1 − tanh²(cₜ))",
    )
    if site.layer.peepholes:
        p = site.params["peephole"]
        dc += f" + da_o * {p}[:, {2 * site.layer.hidden}:]"
        dc_math += f" + ∂L/∂aₒ ⊙ {p:math}[o]"
    return [
        *lines,
        Line(
            f"da_o = {made} * tanh_c * o * (1 - o)",
            f"∂L/∂aₒ = {made_math} ⊙ tanh(cₜ) ⊙ o ⊙ (1 − o)",
        ),
        Line(f"dc = {dc}", f"∂L/∂cₜ = {dc_math}"),
        *ended_lines(site, "dc", "∂L/∂cₜ"),
    ]


def _kept_line(site: Site) -> Line:
    """What goes on to the cell before."""
    code, equation = "dc * f", "∂L/∂cₜ ⊙ f"
    if site.layer.peepholes:
        size, p = site.layer.hidden, site.params["peephole"]
        code += f" + da_i * {p}[:, :{size}] + da_f * {p}[:, {size}:{2 * size}]"
        equation += f" + ∂L/∂aᵢ ⊙ {p:math}[i] + ∂L/∂a_f ⊙ {p:math}[f]"
    return Line(f"later_c = {code}", f"later_c = {equation}")


def _more_lines(site: Site) -> list[Line]:
    """∂L/∂P and ∂L/∂p of all times."""
    order, size, g = order_of(site), site.layer.hidden, site.gradients
    s, c, gates = site.own("states", "H"), site.own("cells", "C"), site.own("gates", "G")
    da, lines = site.own("z", "z").d, []
    if site.layer.projection:
        made, width = site.own("made", "M"), site.layer.projection
        code = f"{gates}[:, :, {3 * size}:] * np.tanh({c}[:, {order.put_out}])"
        product = f"{made}.reshape(-1, {size}).T @ {s.d}.reshape(-1, {width})"
        lines += [
            Line(f"{made} = {code}", f"{made:math}ₜ = o ⊙ tanh({c:math}ₜ)"),
            Line(
                f"{g['weight_hr']} = {product}",
                f"{g['weight_hr']:math} = Σₜ {made:math}ₜᵀ · {s.d:math}ₜ",
            ),
        ]
    if site.layer.peepholes:
        p = g["peephole"]
        before, after = f"{c}[:, {order.met}]", f"{c}[:, {order.put_out}]"
        lines += [
            Line(
                f"{p}_all = {da}[:, :, [*range({2 * size}), *range({3 * size}, {4 * size})]]",
                f"{p:math}ₜ = ∂L/∂aᵢ ‖ ∂L/∂a_f ‖ ∂L/∂aₒ",
            ),
            Line(
                f"{p}_all *= np.concatenate([{before}, {before}, {after}], axis=2)",
                f"{p:math}ₜ ⊙= {c:math}{order.past} ‖ {c:math}{order.past} ‖ {c:math}ₜ",
            ),
            Line(
                f"{p} = {sum_of_samples(f'{p}_all', (1, 3 * size))}",
                f"{p:math} = Σₜ Σₙ {p:math}ₜ",
            ),
        ]
    return lines
