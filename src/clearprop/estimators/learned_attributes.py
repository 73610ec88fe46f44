"""What an estimator learned, under the names that scikit-learn gives such things."""

from typing import Any

from sklearn.utils.validation import check_is_fitted

from clearprop.base.arrays import Array
from clearprop.estimators.learning import Learned
from clearprop.estimators.table_targets import ClassTarget, NumberTarget


class LearnedAttributes:
    """The networks and their parameters, read from what `fit` or `load` left.

    All of them raise NotFittedError before.
    """

    learned_: Learned

    @property
    def network_(self) -> Any:
        """The whole network: what the columns go through first, and the layers behind."""
        check_is_fitted(self)
        return self.learned_.network.whole

    @property
    def params_(self) -> Array:
        """The networks' parameters (K, P)."""
        check_is_fitted(self)
        return self.learned_.params

    @property
    def coefs_(self) -> list[Array]:
        """The weights (in, out) of every Linear layer of the first network."""
        return self._arrays("weight")

    @property
    def intercepts_(self) -> list[Array]:
        """The biases (out,) of every Linear layer of the first network."""
        return [array[0] for array in self._arrays("bias")]

    @property
    def out_activation_(self) -> str:
        """What the last layer's outputs go through: "identity", "softmax" or "logistic"."""
        check_is_fitted(self)
        target = self.learned_.target
        if isinstance(target, NumberTarget):
            return "identity"
        return "softmax" if isinstance(target, ClassTarget) and not target.single else "logistic"

    def _arrays(self, name: str) -> list[Array]:
        check_is_fitted(self)
        learned = self.learned_
        views = learned.network.rest.named(learned.params[0])
        return [
            views[f"{node.path}.{name}"]
            for node in learned.network.rest.graph.nodes.values()
            if "bias" in node.parameters and name in node.parameters
        ]
