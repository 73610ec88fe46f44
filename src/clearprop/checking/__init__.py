"""Checking a backward pass against witnesses that know nothing of it.

`check` stands here with the types that it takes and returns; how it is done is loaded when it is
called.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clearprop.base.arrays import Array
from clearprop.checking.verdict import Verdict
from clearprop.engine.losses import Loss


def check(
    target: Any,
    /,
    *arrays: Any,
    backward: Callable[..., Any] | None = None,
    gradient: Callable[..., Any] | None = None,
    order: Sequence[str] | None = None,
    wrt: Sequence[str] | None = None,
    x: Any = None,
    t: Any = None,
    params: Array | None = None,
    loss: Loss | None = None,
    dy: Any = None,
    averaged: bool = False,
    training: bool = True,
    side_inputs: Mapping[str, Any] | None = None,
    against: Any = None,
    twins: Mapping[str, Callable[..., Any]] | None = None,
    witnesses: Sequence[str] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
) -> Verdict:
    """Check whether a backward pass belongs to its forward pass.

    What `target` may be, and what else it takes:

        a layer, or a layer class     x (N, features) and params (P,), both drawn unless given
        a loss, or a loss class       x the output and t the target, both drawn unless given
        a Network                     x; with `loss` also t; params, its start unless given
        forward, a NumPy function     backward and the arrays of the point, in forward's order:
                                      check(forward, backward, x, *params)
        an object or a class          what its forward takes; its gradients are returned or kept
        a loss with its gradients     the arrays that it takes; it returns (loss, gradients)
        a function of one number      gradient=…, with the same arguments: check(f, x, gradient=df)
        a torch.nn.Module or torch.autograd.Function     the arrays that its forward takes
        a jax.custom_vjp function     the arrays that it takes

    forward(x, *params) returns y, or (y, cache), or several outputs. backward takes dy, what
    forward took, returned or saved, as its arguments' names say; where they do not, what it
    computes says it, and `order` does for good: order=("x", "params", "dy"). Arrays may stand in
    lists, dictionaries and dataclasses. The gradients are one array, a tuple in forward's order, or
    a container by the arrays' names. `wrt` names the arrays that they are of.
    docs/check-forms.md has every form.

    dy         the upstream gradient, of y's shape; random unless given, 1 for a loss
    averaged   True where the gradients of the parameters are means over the samples, 1/m · Σ
    training   False checks a layer as it is used, not trained
    side_inputs  what a layer or network reads beside x: {"lengths": lengths}
    against    what the code should equal: a Network or a layer (the arrays are its x, its
               parameters and, with `loss`, t, in that order), or functions (forward, backward)
    twins      the same function in "torch" or "jax", differentiated there: {"torch": function}
    witnesses  the names of those to hear beside finite differences, of "complex-step", "torch",
               "jax" and "reference"; all that there are unless told otherwise
    rtol, atol the tolerance, in place of the derived one: atol + rtol·|expected|
    seed       of everything that is drawn

    Raises ContractError for a target that is none of these, that raises, or that returns something
    else than arrays; ConfigurationError, ShapeError and MissingDependencyError.
    """
    from clearprop.checking.request import Request, answer

    if arrays and callable(arrays[0]) and backward is None and gradient is None:
        backward, arrays = arrays[0], arrays[1:]
    return answer(
        Request(
            target,
            arrays,
            backward=backward,
            gradient=gradient,
            order=order,
            wrt=wrt,
            x=x,
            t=t,
            params=params,
            loss=loss,
            dy=dy,
            averaged=averaged,
            training=training,
            side_inputs=side_inputs or {},
            against=against,
            twins=twins or {},
            witnesses=witnesses,
            rtol=rtol,
            atol=atol,
            seed=seed,
        )
    )
