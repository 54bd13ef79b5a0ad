"""Turning the registry's TFLite embedder into ONNX; needs the `models` extra, nothing else does.

Rules
- The same bytes in give the same bytes out, whatever the hash seed: tflite2onnx writes the
  constants in the order of memory addresses, so they are put in the order of their names.
- The TFLite file has a fixed batch of two. The batch becomes free: of the input, of the output, and
  in the constant of the last Reshape. Shapes in between are dropped; a runtime infers them.
- Nothing is printed, and nothing is imported before a file is to be converted.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

from kiosk.errors import KioskError

_FIXED_BATCH = 2


class ConversionError(KioskError, RuntimeError):
    """A TFLite file cannot be turned into ONNX, or the converter is not installed."""

    exit_code = 6


def to_onnx(tflite: bytes) -> bytes:
    """The ONNX form of a TFLite network, with a free batch; raises `ConversionError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its parser uses what NumPy and protobuf deprecate
            import onnx  # noqa: PLC0415 - the `models` extra
            import tflite2onnx  # noqa: PLC0415 - the `models` extra
    except ImportError as error:
        raise ConversionError(
            f"the converter is not installed ({error.name}): pip install 'kiosk[models]'"
        ) from error
    logging.getLogger("tflite2onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "network.tflite"), Path(folder, "network.onnx")
        source.write_bytes(tflite)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tflite2onnx.convert(str(source), str(target))
            model = onnx.load(str(target))
            _free_batch(model, onnx.numpy_helper)
        except Exception as error:
            raise ConversionError(f"the TFLite file cannot be converted: {error!r}") from error
    graph = model.graph
    constants = sorted(graph.initializer, key=lambda constant: str(constant.name))
    del graph.initializer[:]
    graph.initializer.extend(constants)
    return bytes(model.SerializeToString(deterministic=True))


def _free_batch(model: Any, numpy_helper: Any) -> None:
    graph = model.graph
    for value in (*graph.input, *graph.output):
        batch = value.type.tensor_type.shape.dim[0]
        if batch.dim_value != _FIXED_BATCH:
            raise ValueError(f"{value.name} has a batch of {batch.dim_value}")
        batch.dim_param = "N"
    del graph.value_info[:]
    last = graph.node[-1]
    if last.op_type != "Reshape":
        raise ValueError(f"the last node is {last.op_type}, not Reshape")
    (shape,) = (constant for constant in graph.initializer if constant.name == last.input[1])
    sizes = numpy_helper.to_array(shape).copy()
    sizes[0] = -1
    shape.CopyFrom(numpy_helper.from_array(sizes, shape.name))
