"""Text for terminals that know no mathematical signs: they are spelled with ASCII characters."""

import sys

_SPELLED = {
    "∂": "d", "·": "*", "×": "*", "⊙": "*", "−": "-", "–": "-", "Σ": "sum ", "η": "eta",
    "γ": "gamma", "β": "beta", "μ": "mu", "ε": "eps", "λ": "lambda", "α": "alpha", "δ": "delta",
    "σ": "sigma", "Φ": "Phi", "φ": "phi", "θ": "theta", "√": "sqrt", "²": "^2", "½": "1/2",
    "‖": "||", "ᵀ": "^T", "ᶻ": "^z", "ₙ": "_n", "ᵢ": "_i", "ⱼ": "_j", "₁": "_1", "₂": "_2",
    "←": "<-", "→": "->", "∞": "inf", "ℓ": "l", "\u0302": "^", "ŷ": "y^", "v̂": "v^", "…": "...",
    "—": "-", "█": "#", "▏": "#", "▎": "#", "▍": "#", "▌": "#", "▋": "#", "▊": "#", "▉": "#",
    "≤": "<=", "≥": ">=", "≈": "~", "±": "+/-",
}  # fmt: skip
_POWERS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def spelled(text: str, encoding: str | None) -> str:
    """`text` as it is where `encoding` has all of its characters; otherwise with its mathematical
    signs spelled out."""
    try:
        text.encode(encoding or "ascii")
    except UnicodeEncodeError:
        for sign, spelling in _SPELLED.items():
            text = text.replace(sign, spelling)
        # 10⁻¹⁶ is 10^-16.
        for start in ("⁻", *"¹²³⁴⁵⁶⁷⁸⁹"):
            text = text.replace(f"10{start}", f"10^{start}")
        text = text.translate(_POWERS)
    return text


def write(text: str) -> None:
    """Print `text` and a line break as standard output can show it."""
    sys.stdout.write(spelled(f"{text}\n", getattr(sys.stdout, "encoding", None)))
