"""scikit-learn's MLP: a fitted one as a network, and a network's arrays as its `coefs_` and
`intercepts_`. What is read are attributes; scikit-learn is not needed for it.

scikit-learn's networks end in an activation that makes probabilities; here that is the loss's
(`CrossEntropy`, `BinaryCrossEntropy`), and the network's output is logits.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.activations import Identity, ReLU, Sigmoid, Tanh
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.softmax import Softmax
from clearprop.engine.losses import MSE, BinaryCrossEntropy, CrossEntropy, Loss, PoissonNLL
from clearprop.engine.network import Network
from clearprop.engine.nodes import is_linear, layer_name
from clearprop.formats.network_contents import SavedNetwork

ACTIVATIONS: Mapping[str, type[Layer]] = {
    "identity": Identity,
    "logistic": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
}
PROBABILITIES = (Softmax, Sigmoid)
# What the last layer's output goes into there, and the loss of that here: logits, numbers, or the
# logarithm of counts.
LOSSES: Mapping[str, Loss] = {
    "softmax": CrossEntropy(),
    "logistic": BinaryCrossEntropy(),
    "identity": MSE(),
    "exp": PoissonNLL(),
}


class SklearnArrays(NamedTuple):
    """What an MLP of scikit-learn's has by these names.

    coefs_       the weights (in, out) of every layer
    intercepts_  the biases (out,)
    activation   of the hidden layers: identity, logistic, tanh or relu
    """

    coefs_: list[Array]
    intercepts_: list[Array]
    activation: str


def from_sklearn(model: Any) -> SavedNetwork:
    """The network of a fitted MLPClassifier or MLPRegressor, or of a pipeline's last step, with the
    loss that it was trained with and its classes' names. Its output is logits, or the numbers.

    What a pipeline does before is not in it: `estimators.from_sklearn` has both.

    Raises ContractError for what is no fitted MLP.
    """
    mlp = model.steps[-1][1] if hasattr(model, "steps") else model
    for name in ("coefs_", "intercepts_", "activation", "out_activation_"):
        if not hasattr(mlp, name):
            raise ContractError("sklearn_not_mlp", came=type(mlp).__name__, name=name)
    if mlp.activation not in ACTIVATIONS or mlp.out_activation_ not in LOSSES:
        came = mlp.activation if mlp.activation not in ACTIVATIONS else mlp.out_activation_
        raise ContractError("sklearn_activation", came=came, known=", ".join(ACTIVATIONS))
    layers: list[Layer] = []
    for weight in mlp.coefs_:
        layers += [Linear(*weight.shape), ACTIVATIONS[mlp.activation]()]
    layers.pop()
    arrays = [
        part.reshape(-1) for pair in zip(mlp.coefs_, mlp.intercepts_, strict=True) for part in pair
    ]
    classes = getattr(mlp, "classes_", ())
    named = () if len(np.shape(classes)) != 1 or mlp.n_outputs_ > max(len(classes), 2) else classes
    return SavedNetwork(
        network=Network(Sequential(*layers)),
        params=np.concatenate(arrays),
        loss=LOSSES[mlp.out_activation_],
        classes=tuple(map(str, named)),
    )


def to_sklearn(network: Network, params: Array) -> SklearnArrays:
    """A network's arrays as an MLP of scikit-learn's has them; copies.

    Raises ContractError unless the network is Linear layers with biases and between them one and
    the same of scikit-learn's four activations, with what is in the way.
    """
    params = np.asarray(params)
    if params.ndim != 1:
        raise ContractError("export_stacked", networks=len(params))
    # In use dropout does nothing, and an activation behind the last Linear makes probabilities.
    nodes = [node for node in network.graph.nodes.values() if type(node.layer) is not Dropout]
    if len(nodes) % 2 == 0 and type(nodes[-1].layer) in PROBABILITIES:
        nodes.pop()
    names = {kind: name for name, kind in ACTIVATIONS.items()}
    linear, between = nodes[::2], nodes[1::2]
    activation = type(between[0].layer) if between else Identity
    strange = [node for node in linear if not (is_linear(node.layer) and node.layer.bias)]
    strange += [n for n in between if type(n.layer) is not activation or activation not in names]
    if strange or len(linear) == len(between) or network.graph.joins:
        node = (strange or nodes)[-1]
        raise ContractError("to_sklearn", path=layer_name(node), layer=repr(node.layer))
    views = network.named(params)
    return SklearnArrays(
        [views[node.parameters["weight"].path].copy() for node in linear],
        [views[node.parameters["bias"].path][0].copy() for node in linear],
        names[activation],
    )
