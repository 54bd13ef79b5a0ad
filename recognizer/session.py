"""The only door to ONNX Runtime; `recognizer.quantizing` alone uses its tools, on a workstation.

Rules
- One intra-op thread unless `kiosk tune` found more to be faster on this machine, and no spinning:
  spinning on two busy cores made a frame two to five times slower (measured on two x86-64 cores).
- A provider that the installed wheel lacks is an error: ONNX Runtime would take the CPU silently.
- No memory pattern: it kept 8 MB of 189 and saved no processor time (docs/performance.md).
- A network is loaded from bytes whose digest was checked, and only when it takes what it
  will be fed.
- Nothing but float32 goes in and comes out.
- ONNX Runtime sends nobody anything: its Linux wheels have a telemetry client, which at import
  makes a device id and a database under `$HOME/.cache/Microsoft`, unless told not to before that.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import ModelError

# Not setdefault: no environment switches it on. disable_telemetry_events() comes too late (tried on
# 1.32.0).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

Tensor = NDArray[np.float32]
# Those that compute on this machine's processor. Wheels also name AzureExecutionProvider, which
# would send pictures away. No stock wheel of 1.32.0 has XNNPACK (docs/tuning.md).
Provider = Literal["CPUExecutionProvider", "XnnpackExecutionProvider"]
_CPU: Provider = "CPUExecutionProvider"


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How networks run: intra-op `threads`, whether memory comes from an arena, on which provider.

    What the provider cannot do runs on the CPU's.
    """

    threads: int = 1
    arena: bool = True
    provider: Provider = _CPU


PLAIN = SessionSettings()


def providers() -> tuple[Provider, ...]:
    """Those of `Provider` that the installed wheel has."""
    there = onnxruntime.get_available_providers()
    return tuple(provider for provider in get_args(Provider) if provider in there)


def version() -> str:
    """ONNX Runtime's."""
    return str(onnxruntime.__version__)


def saved_graph(weights: bytes, what: str) -> bytes:
    """The network as ONNX Runtime's own optimiser leaves it, to be opened without that work.

    Only what holds on every processor ("extended"): memory layouts are chosen when it is opened.
    Raises `ModelError`.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "saved.onnx")
        options.optimized_model_filepath = str(target)
        try:
            onnxruntime.InferenceSession(weights, options, providers=[_CPU])
        except Exception as error:
            raise ModelError(f"{what}: not a network that can be loaded ({error})") from error
        return target.read_bytes()


@dataclass(frozen=True, slots=True)
class Signature:
    """What a network with one input must look like. A dimension of None may have any size.

    `name` is the input's name, or None where exports of the same network name it differently.
    `outputs` gives the size of the last dimension of each output, in order.
    """

    name: str | None
    shape: tuple[int | None, ...]
    outputs: tuple[int, ...]


class Session:
    """A loaded network with one input."""

    def __init__(
        self,
        weights: bytes,
        what: str,
        signature: Signature,
        settings: SessionSettings = PLAIN,
    ) -> None:
        if settings.provider not in providers():
            raise ModelError(
                f"{what}: this ONNX Runtime has no {settings.provider}; run `kiosk tune` again"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.threads
        options.enable_cpu_mem_arena = settings.arena
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors; they come as exceptions too
        try:
            self._session = onnxruntime.InferenceSession(
                weights, options, providers=list(dict.fromkeys((settings.provider, _CPU)))
            )
        except Exception as error:
            raise ModelError(f"{what}: not a network that can be loaded ({error})") from error
        self._what, self._signature = what, signature
        self._input = self._check()

    def _check(self) -> str:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        wanted = self._signature
        if len(inputs) != 1 or (wanted.name is not None and inputs[0].name != wanted.name):
            found = [i.name for i in inputs]
            raise ModelError(f"{self._what}: inputs are {found}, expected [{wanted.name!r}]")
        if not _fits(inputs[0].shape, wanted.shape):
            found = inputs[0].shape
            raise ModelError(f"{self._what}: input shape is {found}, expected {wanted.shape}")
        last = tuple(output.shape[-1] for output in outputs)
        if last != wanted.outputs:
            raise ModelError(f"{self._what}: outputs end in {last}, expected {wanted.outputs}")
        return str(inputs[0].name)

    def run(self, tensor: Tensor) -> list[Tensor]:
        """All outputs for one input; raises `ModelError` for another shape or type."""
        if tensor.dtype != np.float32 or not _fits(tensor.shape, self._signature.shape):
            raise ModelError(
                f"{self._what}: fed {tensor.dtype} {tensor.shape}, takes float32 "
                f"{self._signature.shape}"
            )
        try:
            outputs = self._session.run(None, {self._input: tensor})
        except Exception as error:
            raise ModelError(f"{self._what}: the network failed ({error})") from error
        return [np.asarray(output, dtype=np.float32) for output in outputs]


def _fits(found: Sequence[int | str | None], wanted: tuple[int | None, ...]) -> bool:
    """Whether a shape can be the wanted one; names and None in `found` are free dimensions."""
    return len(found) == len(wanted) and all(
        f == w for f, w in zip(found, wanted, strict=True) if w is not None and isinstance(f, int)
    )
