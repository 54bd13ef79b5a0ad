"""A rewritten network gives the same numbers, and has no PReLU left."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest

from recognizer.errors import ModelError
from recognizer.rewriting import relieved
from recognizer.session import Session, Tensor, saved_graph
from tests.recognizer.networks_made import SIDE, TINY, tiny


def kinds(weights: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(weights).graph.node)


def answer(weights: bytes, fed: Tensor) -> Tensor:
    return Session(weights, "tiny", TINY).run(fed)[0]


@pytest.fixture
def fed() -> Tensor:
    return np.random.default_rng(0).normal(size=(5, 3, SIDE, SIDE)).astype(np.float32)


@pytest.mark.parametrize("spelling", ["node", "steps", "near", "none"])
def test_rewriting_and_saving_change_no_number(spelling: str, fed: Tensor) -> None:
    weights = tiny(spelling)
    for other in (relieved(weights, "tiny"), saved_graph(relieved(weights, "tiny"), "tiny")):
        assert np.abs(answer(other, fed) - answer(weights, fed)).max() <= 1e-5


def test_a_prelu_is_blended_however_it_is_spelled() -> None:
    for spelling in ("node", "steps"):
        found = kinds(relieved(tiny(spelling), "tiny"))
        assert not found.keys() & {"PRelu", "Abs", "Sub", "Reshape"}, spelling
        assert (found["Mul"], found["Relu"], found["Add"]) == (2, 1, 1)


def test_what_only_looks_like_a_prelu_stays() -> None:
    assert kinds(relieved(tiny("near"), "tiny")) == kinds(tiny("near"))


def test_the_operator_set_is_one_that_int8_can_be_said_in() -> None:
    assert onnx.load_from_string(relieved(tiny("node"), "tiny")).opset_import[0].version == 17


def test_what_is_no_network_is_a_typed_error() -> None:
    for refuse in (relieved, saved_graph):
        with pytest.raises(ModelError, match="tiny"):
            refuse(b"not a network", "tiny")
