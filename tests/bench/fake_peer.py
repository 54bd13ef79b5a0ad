"""A peer whose faces are colours: the embedding is the picture's mean colour, black is nobody.

`fake_peer.py '{"one_thread": false, "breaks": "never" | "loading" | "working"}'`
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.peers.serving import Cosines, run


class Colours(Cosines):
    """Chatters on stdout as real libraries do; "working" dies at the first frame."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__(0.99)
        self._breaks = given["breaks"] == "working"
        sys.stdout.write("loading weights\n")
        if given["breaks"] == "loading":
            raise FileNotFoundError("weights are not to be had")

    def photo(self, image: Any) -> Any:
        """The mean colour."""
        mean = image.reshape(-1, 3).mean(axis=0)
        return mean if mean.any() else None

    def frame(self, image: Any, at_s: float) -> Any:
        """The same, if it works."""
        if self._breaks:
            raise RuntimeError("out of luck")
        return self.photo(image)


if __name__ == "__main__":
    run(Colours)
