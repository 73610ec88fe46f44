"""The report's equations in LaTeX: in symbols, and some of them with their numbers.

A line may break at `BREAK`, where a screen is narrow.
"""

from collections.abc import Mapping, Sequence

from clearprop.base.arrays import Array
from clearprop.base.numbers import number
from clearprop.engine.losses import MSE
from clearprop.teaching.experiments.reproduction import Reproduction

BREAK = r"\qquad"

EQUATIONS: Mapping[str, str] = {
    "neuron": r"z = w_1 x_1 + w_2 x_2 + b \qquad a = f(z)",
    "matrix": (
        r"Z = X W + b \qquad "
        r"z_{nj} = \sum_i x_{ni} w_{ij} + b_j"
    ),
    "relu": r"f(z) = \max(0, z)",
    "relu_derivative": r"f'(z) = 1 \; (z > 0), \quad 0 \; (z \le 0)",
    "tanh": r"f(z) = \frac{e^{z} - e^{-z}}{e^{z} + e^{-z}}",
    "tanh_derivative": r"f'(z) = 1 - a^2",
    "sigmoid": r"f(z) = \frac{1}{1 + e^{-z}}",
    "sigmoid_derivative": r"f'(z) = a (1 - a)",
    "parameters": r"\theta = \{ w_1, w_2, \cdots, b_1, b_2, \cdots \}",
    "loss": r"L(\theta) = \frac{1}{N} \sum_{n=1}^{N} (y_n - t_n)^2",
    "gradient": (
        r"\nabla L(\theta) = \begin{bmatrix}"
        r" \partial L / \partial w_1 \\ \partial L / \partial w_2 \\ \vdots \\"
        r" \partial L / \partial b_1 \\ \partial L / \partial b_2 \\ \vdots \end{bmatrix}"
    ),
    "descent": (
        r"\theta^1 = \theta^0 - \eta \, \nabla L(\theta^0) \qquad "
        r"\theta^2 = \theta^1 - \eta \, \nabla L(\theta^1) \qquad \cdots"
    ),
    "sum": (
        r"L(\theta) = \sum_{n} C[n](\theta) \qquad \frac{\partial L}{\partial w}"
        r" = \sum_{n} \frac{\partial C[n]}{\partial w}"
    ),
    "factors": (
        r"\frac{\partial C}{\partial w}"
        r" = \frac{\partial z}{\partial w} \cdot \frac{\partial C}{\partial z}"
    ),
    "forward_factor": (
        r"\frac{\partial z}{\partial w_1}"
        r" = \frac{\partial (w_1 x_1 + w_2 x_2 + b)}{\partial w_1} = x_1 \qquad"
        r" \frac{\partial z}{\partial w_2} = x_2 \qquad \frac{\partial z}{\partial b} = 1"
    ),
    "through_activation": (
        r"\frac{\partial C}{\partial z}"
        r" = \frac{\partial a}{\partial z} \cdot \frac{\partial C}{\partial a}"
    ),
    "through_layer": (
        r"\frac{\partial C}{\partial a}"
        r" = \frac{\partial z'}{\partial a} \cdot \frac{\partial C}{\partial z'}"
        r" + \frac{\partial z''}{\partial a} \cdot \frac{\partial C}{\partial z''}"
        r" \qquad = w_3 \frac{\partial C}{\partial z'} + w_4 \frac{\partial C}{\partial z''}"
    ),
    "recursion": (
        r"\frac{\partial C}{\partial z} = a'(z) \left[ w_3 \frac{\partial C}{\partial z'}"
        r" + w_4 \frac{\partial C}{\partial z''} \right]"
    ),
    "output": (
        r"\frac{\partial C}{\partial z'}"
        r" = \frac{\partial y_1}{\partial z'} \cdot \frac{\partial C}{\partial y_1}"
    ),
    "half_squares": (
        r"C = \frac{1}{2} \sum_k (y_k - t_k)^2 \qquad"
        r" \frac{\partial C}{\partial y_k} = y_k - t_k"
    ),
    "mean_squares": (
        r"L = \frac{1}{N D} \sum_{n,k} (y_{nk} - t_{nk})^2 \qquad"
        r" \frac{\partial L}{\partial y_{nk}} = \frac{2 (y_{nk} - t_{nk})}{N D}"
    ),
    "weight_gradient": r"\frac{\partial C}{\partial W} = x^{\top} \, dz",
    "bias_gradient": r"\frac{\partial C}{\partial b} = \sum_n dz_n",
    "signal": r"\frac{\partial C}{\partial x} = dz \, W^{\top}",
}


def equations_with_numbers(result: Reproduction) -> Mapping[str, str]:
    """The equations of the worked example, and of the line's first step, with their numbers.

    neuron, matrix  the first hidden neuron, and its whole layer
    gradient        ∇L of the line's two parameters, and the step that it leads to
    recursion       ∂C/∂z of the first hidden neuron from both neurons behind it
    output          ∂C/∂z of the first output from ∂C/∂y
    product         ∂C/∂w of the first weight from its two factors
    """
    worked = result.worked
    backward, forward = worked.backward, worked.backward.forward
    named = forward.network.named(forward.params)
    first, bias = named["layers[0].weight"], named["layers[0].bias"]
    x = forward.input
    z, a = forward["layers[0]"].output, forward["layers[1]"].output
    w3, w4 = named["layers[2].weight"][0]
    after = backward["layers[2]"].output_gradient[0]
    dz = float(backward["layers[0]"].output_gradient[0, 0])
    slope = float(a[0, 0] * (1 - a[0, 0]))
    y = float(forward.output[0, 0])
    target = float(worked.target[0, 0])
    dy = float(backward["layers[3]"].output_gradient[0, 0])
    slope_of_output = y * (1 - y)
    return {
        "neuron": (
            rf"z = {first[0, 0]:g} \cdot {x[0, 0]:g} + {first[1, 0]:g} \cdot {x[0, 1]:g}"
            rf" + {bias[0, 0]:g} = {z[0, 0]:.4f} \qquad a = f(z) = {a[0, 0]:.4f}"
        ),
        "matrix": (
            f"{_matrix(z, '.4f')} {BREAK} = {_matrix(x)} {_matrix(first)} {BREAK} + {_matrix(bias)}"
        ),
        "gradient": _first_step(result),
        "recursion": (
            rf"\frac{{\partial C}}{{\partial z}} = {slope:.4f} \cdot [{w3:g} \cdot"
            rf" {_factor(after[0])} + {w4:g} \cdot {_factor(after[1])}]"
            rf" \qquad = {dz:.6f}"
        ),
        "output": (
            rf"\frac{{\partial C}}{{\partial z'}} = y_1 (1 - y_1) \cdot (y_1 - t_1)"
            rf" \qquad = {slope_of_output:.4f} \cdot ({y:.4f} - {target:g}) \qquad"
            rf" = {slope_of_output:.4f} \cdot {dy:.4f} = {after[0]:.4f}"
        ),
        "product": (
            r"\frac{\partial C}{\partial w}"
            rf" = \underbrace{{{x[0, 0]:g}}}_{{\partial z / \partial w}}"
            rf" \cdot \underbrace{{{dz:.6f}}}_{{\partial C / \partial z}}"
            rf" = {x[0, 0] * dz:.6f}"
        ),
    }


def _first_step(result: Reproduction) -> str:
    network, data = result.straight.network, result.data
    start, reached = result.descent.path[0], result.descent.path[1]
    forward = network.forward(start, data.x)
    loss = MSE().evaluate(forward.output, data.target)
    gradient = network.backward(forward, loss.gradient).gradient
    rate = result.settings.learning_rate
    return (
        rf"\nabla L(\theta^0) = {_column(gradient)} \qquad \theta^1 = {_column(start)}"
        rf" - {rate:g} {_column(gradient)} \qquad = {_column(reached)}"
    )


def _column(values: Array) -> str:
    return _bracketed([number(float(value)) for value in values], r" \\ ")


def _matrix(values: Array, form: str = "g") -> str:
    rows = (" & ".join(f"{float(value):{form}}" for value in row) for row in values)
    return _bracketed(list(rows), r" \\ ")


def _bracketed(rows: Sequence[str], between: str) -> str:
    return rf"\begin{{bmatrix}} {between.join(rows)} \end{{bmatrix}}"


def _factor(value: float) -> str:
    return f"{value:.4f}" if value >= 0 else f"({value:.4f})"
