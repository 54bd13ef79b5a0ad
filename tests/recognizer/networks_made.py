"""Tiny networks, made by the test that needs them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from recognizer.session import Signature

CHANNELS, SIDE = 4, 8
TINY = Signature("x", (None, 3, SIDE, SIDE), (3,))


def tiny(spelling: str, opset: int = 11) -> bytes:
    """Convolution, PReLU, mean, three numbers out; the PReLU is "node", "steps", "near" or "none".

    "steps" is max(x, 0) + k * (x - |x|), as a network from TFLite has it; "near" has |w| of another
    number there, so that it is none.
    """
    rng = np.random.default_rng(3)
    slope = rng.uniform(-0.5, 1.5, (CHANNELS, 1, 1)).astype(np.float32)
    held: dict[str, NDArray[Any]] = {
        "w": rng.normal(size=(CHANNELS, 3, 3, 3)).astype(np.float32),
        "slope": slope,
        "half": (slope / 2).reshape(CHANNELS),
        "shape": np.array([1, CHANNELS, 1, 1], dtype=np.int64),
        "last": rng.normal(size=(CHANNELS, 3)).astype(np.float32),
    }
    steps = [
        make_node("Relu", ["c"], ["positive"]),
        make_node("Sigmoid", ["c"], ["other"]),
        make_node("Abs", ["other" if spelling == "near" else "c"], ["size"]),
        make_node("Sub", ["c", "size"], ["twice"]),
        make_node("Reshape", ["half", "shape"], ["k"]),
        make_node("Mul", ["k", "twice"], ["negative"]),
        make_node("Add", ["positive", "negative"], ["p"]),
    ]
    middle = {
        "node": [make_node("PRelu", ["c", "slope"], ["p"])],
        "steps": steps,
        "near": steps,
        "none": [make_node("Relu", ["c"], ["p"])],
    }[spelling]
    nodes = [
        make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        *middle,
        make_node("GlobalAveragePool", ["p"], ["mean"]),
        make_node("Flatten", ["mean"], ["flat"]),
        make_node("MatMul", ["flat", "last"], ["y"]),
    ]
    graph = make_graph(
        nodes,
        "tiny",
        [make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(value, name) for name, value in held.items()],
    )
    model = make_model(graph, opset_imports=[make_opsetid("", opset)], ir_version=7)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
