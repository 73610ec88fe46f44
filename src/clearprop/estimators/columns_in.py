"""What is handed over as X, as a table: frames, arrays, lists."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from clearprop.base.arrays import Array
from clearprop.base.errors import DataError
from clearprop.data.frames import (
    has_numbers_alone,
    is_frame,
    objects_of,
    table_of_array,
    table_of_frame,
    table_of_objects,
)
from clearprop.data.preparation import Preparation
from clearprop.data.table import Table


class ColumnsIn:
    """The part of an estimator that knows its columns: their names, and what was measured of
    them."""

    missing: str
    preparation_: Preparation

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = self.missing in ("median", "indicator")
        tags.input_tags.categorical = True
        tags.target_tags.multi_output = True
        return tags

    def _table(self, X: Any, *, reset: bool) -> Table:
        """X as a table; its names and number of columns are kept, or held against the fit's.

        A frame may hold words and dates, an array numbers alone. Of a Table of `clearprop.data`
        columns are taken by their names, and there may be more of them.
        """
        if isinstance(X, Table):
            if reset:
                self.feature_names_in_ = np.array(X.names, object)
                self.n_features_in_ = len(X.names)
            return X
        words = () if reset else self.preparation_.words
        if np.ma.isMaskedArray(X):
            # scikit-learn reads what stands under a mask; here it is missing.
            X = np.ma.filled(X.astype(np.float64), np.nan)
        if is_frame(X) and not has_numbers_alone(X, "X"):
            validate_data(self, X, skip_check_array=True, reset=reset)
            table = table_of_frame(X, "X", words=words)
            if not table.rows:
                raise DataError("rows_none", source="X")
            return table
        objects = objects_of(X, words=words)
        if objects is not None:
            array = validate_data(self, objects, reset=reset, dtype=None, ensure_all_finite=False)
        else:
            finite = "allow-nan" if self.missing in ("median", "indicator") else True
            array = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite=finite)
        names = getattr(self, "feature_names_in_", None)
        named = None if names is None else tuple(map(str, names))
        if objects is not None:
            return table_of_objects(array, named, words=words)
        return table_of_array(array, named)

    def _features(self, X: Any) -> Array:
        check_is_fitted(self)
        return self.preparation_.matrix(self._table(X, reset=False))
