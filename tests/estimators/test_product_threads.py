"""Small products take one thread of BLAS while a table is learned from, and none is lost by it."""

from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from clearprop.base.product_threads import WORTH_THREADS, one_product_thread
from clearprop.estimators import NetworkRegressor


def threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads() -> Any:
    with threadpool_limits(limits=2, user_api="blas"):
        if threads() != {2}:
            pytest.skip("this BLAS takes no two threads")
        yield


def test_one_thread_for_small_products_and_two_again_behind() -> None:
    with one_product_thread():
        assert threads() == {1}
        with one_product_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {2}
    with one_product_thread(WORTH_THREADS):
        assert threads() == {2}
    with pytest.raises(ValueError, match="broken"), one_product_thread():
        raise ValueError("broken")
    assert threads() == {2}


@pytest.mark.parametrize("settings", [{}, {"alpha": 0.1}, {"engine": "numpy"}])
def test_a_fit_takes_one_and_gives_back_two(settings: dict[str, Any]) -> None:
    told = []
    x = np.linspace(-1, 1, 100)[:, None]
    model = NetworkRegressor(
        max_iter=1, min_steps=0, n_networks=2, random_state=0, **settings,
        callbacks=[lambda epoch: told.append(threads())],
    )  # fmt: skip
    model.fit(x, np.sin(3 * x[:, 0]))
    assert told == [{1}]
    assert threads() == {2}
    model.predict(x)
    assert threads() == {2}


def test_large_networks_keep_theirs() -> None:
    told = []
    x = np.linspace(-1, 1, 100)[:, None]
    model = NetworkRegressor(
        (800, 800), max_iter=1, min_steps=0, n_networks=1, random_state=0,
        callbacks=[lambda epoch: told.append(threads())],
    )  # fmt: skip
    model.fit(x, np.sin(3 * x[:, 0]))
    assert told == [{2}]
