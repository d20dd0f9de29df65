"""One thread for small products, and the number of before afterwards."""

import numpy as np  # noqa: F401  its BLAS has threads
import pytest
from threadpoolctl import threadpool_info

from ieg import blas


def threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_small_products_get_one_thread_also_when_they_fail() -> None:
    before = threads()
    assert before
    with pytest.raises(ZeroDivisionError), blas.threads_for(1000):
        assert set(threads()) == {1}
        _ = 1 / 0
    assert threads() == before


def test_large_products_keep_their_threads() -> None:
    before = threads()
    with blas.threads_for(10**9):
        assert threads() == before
