"""Threads of our own over single-threaded BLAS."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _threads(count: int, process: int) -> ThreadPoolExecutor:
    # a forked process has none of its parent's threads
    return ThreadPoolExecutor(count)


@contextmanager
def single_threaded_blas() -> Iterator[int]:
    """Keep BLAS to one thread; gives the number it had.

    Its threads wait for each other inside every product, which takes a small one hundreds of times
    as long where other processes hold a core.
    """
    pools = _blas().info()
    with _blas().limit(limits=1, user_api="blas"):
        yield max((p["num_threads"] for p in pools if p["user_api"] == "blas"), default=1)


def run_all(function: Callable[[T], None], items: Iterable[T]) -> None:
    """Call a function with each item, on as many threads as BLAS has."""
    with single_threaded_blas() as count:
        if count < 2:
            for item in items:
                function(item)
        else:
            list(_threads(count, os.getpid()).map(function, items))
