"""All parts on the machine at hand as one table, and what machine that is.

The title says whether it is a Raspberry Pi and which, or something else: a table of a development
machine is never taken for a Pi's. A Pi that throttles says so before and after.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

from benchmarks.timing import Report, machine

_LIBRARIES = ("kiosk", "onnxruntime", "opencv-python-headless", "numpy", "sqlcipher3")
_GOVERNOR = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
_TEMPERATURE = "sys/class/thermal/thermal_zone0/temp"  # thousandths of a degree Celsius


def measure(parts: Mapping[str, Callable[[], Report]]) -> Report:
    """Run the parts one after the other; their names stand before what they measured."""
    before = state()
    whole = Report(title(model()))
    for part, run in parts.items():
        sys.stderr.write(f"{part}\n")
        report = run()
        whole.timings |= {f"{part}: {name}": timing for name, timing in report.timings.items()}
        whole.numbers |= {f"{part}: {name}": value for name, value in report.numbers.items()}
    whole.conditions = {
        "model": model() or "unknown to the device tree",
        "system": f"{platform.system()} {platform.release()}",
        **machine(),
        **{name: _version(name) for name in _LIBRARIES},
        **{f"{name}, before": value for name, value in before.items()},
        **{f"{name}, after": value for name, value in state().items()},
    }
    return whole


def title(named: str | None) -> str:
    """Which is which."""
    if named is not None and named.startswith("Raspberry Pi"):
        return f"{named}: measured on the device"
    return f"{platform.machine()} development machine, not a Pi"


def model(root: Path = Path("/")) -> str | None:
    """What the device tree says that this machine is; None where there is none, as on a PC."""
    text = _text(root / "proc/device-tree/model")
    return None if text is None else text.rstrip("\0")


def state(root: Path = Path("/")) -> dict[str, str]:
    """What makes the same machine slower at times; "unknown" where it cannot be told."""
    millidegrees = _text(root / _TEMPERATURE)
    return {
        "throttling flags": _throttled(),
        "temperature, °C": "unknown" if millidegrees is None else f"{int(millidegrees) / 1000:.1f}",
        "governor": _text(root / _GOVERNOR) or "unknown",
    }


def _throttled() -> str:
    """As `vcgencmd get_throttled` prints it; 0x0 is none since the start."""
    if shutil.which("vcgencmd") is None:
        return "unknown"
    done = subprocess.run(
        ["vcgencmd", "get_throttled"], capture_output=True, text=True, check=False
    )
    said = done.stdout.strip() or done.stderr.strip()
    return said.removeprefix("throttled=") or "unknown"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "not installed"
