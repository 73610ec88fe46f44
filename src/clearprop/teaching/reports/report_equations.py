"""The report's equations in LaTeX."""

from collections.abc import Mapping

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
    "descent": (
        r"L = \frac{1}{N} \sum_{n} (y_n - t_n)^2 \qquad "
        r"\theta \leftarrow \theta - \eta \, \nabla L(\theta)"
    ),
    "sum": (
        r"L = \sum_{n=1}^{N} C^n \qquad \frac{\partial L}{\partial w}"
        r" = \sum_{n=1}^{N} \frac{\partial C^n}{\partial w}"
    ),
    "factors": (
        r"\frac{\partial C}{\partial w}"
        r" = \frac{\partial z}{\partial w} \cdot \frac{\partial C}{\partial z}"
    ),
    "recursion": (
        r"\frac{\partial C}{\partial z}"
        r" = a'(z) \sum_k w_k \frac{\partial C}{\partial z_k}"
    ),
    "output": (
        r"\frac{\partial C}{\partial z}"
        r" = \frac{\partial y}{\partial z} \cdot \frac{\partial C}{\partial y}"
    ),
    "weight_gradient": r"\frac{\partial C}{\partial W} = x^{\top} \, dz",
    "bias_gradient": r"\frac{\partial C}{\partial b} = \sum_n dz_n",
    "signal": r"\frac{\partial C}{\partial x} = dz \, W^{\top}",
}


def neuron_with_numbers(
    weights: tuple[float, float], inputs: tuple[float, float], bias: float, z: float, a: float
) -> str:
    """Z = w₁x₁ + w₂x₂ + b with the numbers of one neuron, as LaTeX."""
    (w1, w2), (x1, x2) = weights, inputs
    return (
        rf"z = {w1:g} \cdot {x1:g} + {w2:g} \cdot {x2:g} + {bias:g} = {z:.4f}"
        rf" \qquad a = f(z) = {a:.4f}"
    )


def product_with_numbers(forward_factor: float, backward_factor: float) -> str:
    """∂C/∂w = ∂z/∂w · ∂C/∂z with the numbers of one weight, as LaTeX."""
    product = forward_factor * backward_factor
    return (
        r"\frac{\partial C}{\partial w}"
        r" = \underbrace{" + f"{forward_factor:g}" + r"}_{\partial z / \partial w}"
        r" \cdot \underbrace{" + f"{backward_factor:.6f}" + r"}_{\partial C / \partial z}"
        rf" = {product:.6f}"
    )
