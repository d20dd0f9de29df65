"""Threads of BLAS, which serve large matrix products and hinder small ones."""

from contextlib import AbstractContextManager, nullcontext

from threadpoolctl import threadpool_limits

#: Multiplications that one core does in a few milliseconds, about a time slice.
_WORTH_SHARING = 10**8


def threads_for(multiplications: int) -> AbstractContextManager[object]:
    """Limit NumPy's and SciPy's products to one thread where several would not pay.

    The threads of a product wait for each other: on an idle machine that costs what they gain on a
    small one, and on a busy machine every product lasts until the last of them gets its time slice.

    Args:
      multiplications: of one product, n · m · k for matrices [n, m] and [m, k].

    >>> import numpy as np
    >>> with threads_for(1_000 * 64 * 10):
    ...     product = np.ones([1_000, 64]) @ np.ones([64, 10])
    """
    if multiplications >= _WORTH_SHARING:
        return nullcontext()
    return threadpool_limits(1, user_api="blas")
