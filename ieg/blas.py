"""Number of BLAS threads: several for large matrix products, one for small ones."""

from contextlib import AbstractContextManager, nullcontext

from threadpoolctl import threadpool_limits

#: Multiplications that one core does in a few milliseconds, about a time slice of the scheduler.
_WORTH_SHARING = 10**8


def threads_for(multiplications: int) -> AbstractContextManager[object]:
    """Limit NumPy's products to one thread where several would gain nothing.

    The threads of a product wait for each other. On an idle machine that costs as much as they gain
    on a small product; on a busy one every product takes until the last thread gets a time slice.
    The limit holds for the whole process: two Python threads must not enter it at once.

    Args:
      multiplications: of one product, n · m · k for matrices [n, m] and [m, k].

    >>> import numpy as np
    >>> with threads_for(1_000 * 64 * 10):
    ...     product = np.ones([1_000, 64]) @ np.ones([64, 10])
    """
    if multiplications >= _WORTH_SHARING:
        return nullcontext()
    return threadpool_limits(1, user_api="blas")
