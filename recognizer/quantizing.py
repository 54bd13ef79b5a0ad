"""Networks in int8 and in fp16. Needs the extra `models`.

int8 is static, as quantize/dequantize pairs around every convolution (QDQ), weights per channel:
each machine's ONNX Runtime makes of it what its processor can. Ranges are what 99.999 % of the
numbers of real pictures lie in. Measured on the embedder's 55 faces, least cosine to the original:
0.933 so, 0.89 with the ranges of all numbers, 0.59 with sums and products in int8 too.
"""

from __future__ import annotations

from recognizer.session import Tensor  # before all: it switches ONNX Runtime's telemetry off

# isort: split
import io
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import onnx

from recognizer.errors import ModelError


@contextmanager
def _same_path() -> Iterator[None]:
    """onnxruntime.transformers puts its folder on the path, where its `models` hides ours.

    The quantiser imports it too.
    """
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = before


with _same_path():
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.calibrate import CalibrationMethod
    from onnxruntime.transformers.float16 import convert_float_to_float16

_PERCENTILE = 99.999


class _Feed(CalibrationDataReader):  # type: ignore[misc] # the library is untyped
    def __init__(self, name: str, tensors: Sequence[Tensor]) -> None:
        self._left = iter([{name: tensor} for tensor in tensors])

    def get_next(self) -> dict[str, Tensor] | None:
        """The next tensor to run the network on."""
        return next(self._left, None)


def to_int8(weights: bytes, fed: Sequence[Tensor], what: str) -> bytes:
    """The network in int8, calibrated on what it is fed of real pictures; raises `ModelError`."""
    name = onnx.load_from_string(weights).graph.input[0].name
    with tempfile.TemporaryDirectory() as folder, _silent():
        source, target = Path(folder, "network.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(weights)
        try:
            quantize_static(
                source,
                target,
                _Feed(name, fed),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
                extra_options={"CalibPercentile": _PERCENTILE},
            )
        except Exception as error:
            raise ModelError(f"{what}: cannot be brought to int8 ({error})") from error
        return target.read_bytes()


def to_fp16(weights: bytes, what: str) -> bytes:
    """The network in half precision, float32 going in and out; raises `ModelError`."""
    model = onnx.load_from_string(weights)
    try:
        half = convert_float_to_float16(model, keep_io_types=True)
    except Exception as error:
        raise ModelError(f"{what}: cannot be brought to fp16 ({error})") from error
    return bytes(half.SerializeToString())


@contextmanager
def _silent() -> Iterator[None]:
    """The quantiser says on the root logger and on stdout how to prepare a network; ours is."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
