"""Turning the registry's TFLite file into ONNX; that it is the same network is tested beside the
recogniser, in test_networks."""

from __future__ import annotations

import sys

import pytest

from kiosk.tflite import ConversionError, to_onnx


def test_what_is_no_tflite_file_is_a_typed_error() -> None:
    with pytest.raises(ConversionError, match="cannot be converted"):
        to_onnx(b"nothing of the kind")


def test_a_missing_converter_is_named_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite2onnx", None)
    with pytest.raises(ConversionError, match=r"pip install 'kiosk\[models\]'"):
        to_onnx(b"")
