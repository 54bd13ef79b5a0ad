"""ONNX Runtime's telemetry client is off, whatever the environment says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from recognizer.manifest import load_manifest


def test_loading_a_network_writes_nothing_into_the_home(weights_dir: Path, tmp_path: Path) -> None:
    network = load_manifest().pack("open").embedder.file
    load = (
        "import sys, recognizer.session as s; "
        "s.onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])"
    )
    subprocess.run(
        [sys.executable, "-c", load, str(weights_dir / network)],
        env={"HOME": str(tmp_path), "ORT_DISABLE_TELEMETRY": "0"},
        check=True,
    )
    assert list(tmp_path.iterdir()) == []
