"""Network runs that need nothing of each other, at the same time.

ONNX Runtime lets go of Python's lock while it runs, so a second core takes half of the work. That
is not the second thread inside of one network, which gains these small networks nothing
(`recognizer.session`): here each thread runs a network of its own from end to end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


class Together:
    """Runs works at once where there is a second core and `wanted`; else one after the other.

    One thread beside the caller's: PAD has two networks, an embedding two mirrored crops.
    """

    def __init__(self, *, wanted: bool) -> None:
        several = wanted and len(os.sched_getaffinity(0)) > 1
        self._helper = ThreadPoolExecutor(1, "networks") if several else None

    def run(self, works: Sequence[Callable[[], T]]) -> list[T]:
        """What each work gives, in their order; raises what one raised, after all are done."""
        if self._helper is None or len(works) < 2:
            return [work() for work in works]
        half = -(-len(works) // 2)
        later = [self._helper.submit(work) for work in works[half:]]
        try:
            now = [work() for work in works[:half]]
        finally:
            wait(later)
        return [*now, *(each.result() for each in later)]
