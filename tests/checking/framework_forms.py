"""Which mistakes can be planted in each of the forms of PyTorch and JAX."""

from collections.abc import Mapping

from tests.checking.form_parts import (
    OF_CELLS,
    OF_SCORES,
    STRANGER,
    Form,
)
from tests.checking.jax_forms import jax_attention, jax_gru, jax_head, jax_model
from tests.checking.torch_forms import torch_attention, torch_fused, torch_lstm, torch_rnn

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
