"""Non-maximum suppression: of boxes that lie over each other only the best one stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def suppress(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    most: float,
    *,
    by_smaller: bool = False,
) -> list[int]:
    """Indices of the boxes that stay, best first: none overlaps a better one by more than `most`.

    Boxes are rows of x1, y1, x2, y2 in pixels, counted inclusively. Overlap is intersection over
    union, or over the smaller box when `by_smaller`.
    """
    area = np.prod(boxes[:, 2:4] - boxes[:, :2] + 1, axis=1)
    order = np.argsort(-scores, kind="stable")
    picked: list[int] = []
    while order.size:
        best, order = order[0], order[1:]
        picked.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:4], boxes[order, 2:4])
        shared = np.prod(np.maximum(high - low + 1, 0), axis=1)
        smaller = np.minimum(area[best], area[order])
        whole = smaller if by_smaller else area[best] + area[order] - shared
        order = order[shared <= most * whole]
    return picked
