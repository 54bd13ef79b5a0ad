"""The same network, written so that ONNX Runtime runs it faster. Needs the extra `models`.

Rules
- `relieved` replaces every PReLU, which ONNX Runtime computes number by number, by
  slope * x + (1 - slope) * max(x, 0), which it computes in vectors. The same holds for the five
  steps in which a network that came from TFLite spells a PReLU out:
  max(x, 0) + slope / 2 * (x - |x|).
- Nothing else of the arithmetic changes; `recognizer.derived.SAME` bounds what rounding may do,
  and whoever derives a network measures it.
- The operator set is brought to 17, the first in which all is said that int8 needs.

Measured on x86-64 by turns (docs/performance.md): the embedder takes 0.67 of its time, the PAD
networks 0.48. PReLU as one node made the embedder twice as slow as the five steps.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, version_converter
from onnx.helper import make_node

from recognizer.errors import ModelError

_OPSET = 17


def relieved(weights: bytes, what: str) -> bytes:
    """The network of the same numbers without PReLU; raises `ModelError`."""
    try:
        model = onnx.load_from_string(weights)
        if model.opset_import[0].version < _OPSET:
            model = version_converter.convert_version(model, _OPSET)
        _Rewriting(model.graph).run()
        onnx.checker.check_model(model)
    except Exception as error:
        raise ModelError(f"{what}: cannot be rewritten ({error})") from error
    return bytes(model.SerializeToString())


class _Rewriting:
    """One graph; nodes that nobody needs any more are left out at the end."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._maker = {name: node for node in graph.node for name in node.output}
        self._constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}

    def run(self) -> None:
        """Rewrite the graph in place."""
        nodes: list[onnx.NodeProto] = []
        for node in self._graph.node:
            found = self._prelu(node)
            nodes += [node] if found is None else self._blend(*found, node.output[0])
        needed = {output.name for output in self._graph.output}
        kept: list[onnx.NodeProto] = []
        for node in reversed(nodes):
            if needed.intersection(node.output):
                kept.append(node)
                needed.update(node.input)
        del self._graph.node[:]
        self._graph.node.extend(reversed(kept))
        constants = [c for c in self._graph.initializer if c.name in needed]
        del self._graph.initializer[:]
        self._graph.initializer.extend(constants)

    def _prelu(self, node: onnx.NodeProto) -> tuple[str, NDArray[np.float32]] | None:
        """What goes into a PReLU that ends with this node, and its slopes as (c, 1, 1) or alike."""
        if node.op_type == "PRelu":
            slope = self._constant(node.input[1])
            return None if slope is None else (node.input[0], slope)
        if node.op_type != "Add":
            return None
        for positive, negative in _both_ways(node):
            x = self._input_of(positive, "Relu")
            half = None if x is None else self._negative(negative, x)
            if x is not None and half is not None:
                return x, np.asarray(2 * half, dtype=np.float32)
        return None

    def _negative(self, name: str, x: str) -> NDArray[np.float32] | None:
        """The constant k where `name` is k * (x - |x|)."""
        product = self._maker.get(name)
        if product is None or product.op_type != "Mul":
            return None
        for factor, rest in _both_ways(product):
            constant, difference = self._constant(factor), self._maker.get(rest)
            if constant is None or difference is None or difference.op_type != "Sub":
                continue
            if difference.input[0] == x and self._input_of(difference.input[1], "Abs") == x:
                return constant
        return None

    def _input_of(self, name: str, kind: str) -> str | None:
        node = self._maker.get(name)
        return str(node.input[0]) if node is not None and node.op_type == kind else None

    def _constant(self, name: str) -> NDArray[np.float32] | None:
        """A constant without its leading 1 of the batch; also one that is only reshaped."""
        value = self._constants.get(name)
        node = self._maker.get(name)
        if value is None and node is not None and node.op_type == "Reshape":
            held, shape = (self._constants.get(i) for i in node.input)
            if held is not None and shape is not None:
                value = held.reshape(shape)
        if value is None:
            return None
        return np.asarray(value[0] if value.ndim == 4 and value.shape[0] == 1 else value)

    def _blend(self, x: str, slope: NDArray[np.float32], result: str) -> Iterator[onnx.NodeProto]:
        names = [f"{result}/{part}" for part in ("slope", "rest", "low", "positive", "high")]
        slope_name, rest_name, low, positive, high = names
        for name, value in ((slope_name, slope), (rest_name, 1 - slope)):
            exact = np.asarray(value, dtype=np.float32)
            self._graph.initializer.append(numpy_helper.from_array(exact, name))
        yield make_node("Mul", [x, slope_name], [low])
        yield make_node("Relu", [x], [positive])
        yield make_node("Mul", [positive, rest_name], [high])
        yield make_node("Add", [low, high], [result])


def _both_ways(node: onnx.NodeProto) -> tuple[tuple[str, str], tuple[str, str]]:
    one, other = node.input
    return (one, other), (other, one)
