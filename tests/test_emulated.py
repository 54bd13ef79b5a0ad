"""The arm64 run (scripts/arm64-test) is by hand; what it takes for equal is tested here."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from emulated.comparing import compare
from emulated.root import Root

HERE: dict[str, Any] = {
    "machine": "x86_64",
    "verdict": "accept",
    "person": "1001",
    "template": [0.6, 0.8],
    "live": [0.9, None, 0.95],
    "embeddings": [[1.0, 0.0], None, [0.8, 0.6]],
}


def there(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(HERE), "machine": "aarch64", **changes}


def test_rounding_is_no_difference() -> None:
    found = compare(HERE, there(template=[0.6 + 1e-6, 0.8]))
    assert found.wrong == ()
    assert found.embedding == pytest.approx(1e-6)
    assert found.frames == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": "unknown"}, "verdict"),
        ({"person": "1002"}, "person"),
        ({"template": [0.6 + 2e-5, 0.8]}, "embeddings differ"),
        ({"embeddings": [[1.0, 0.0], None, [0.8, 0.60002]]}, "embeddings differ"),
        ({"template": [float("nan"), 0.8]}, "embeddings differ"),
        ({"live": [0.9, None, 0.9502]}, "PAD scores differ"),
        ({"embeddings": [[1.0, 0.0], [1.0, 0.0], None]}, "other frames"),
        ({"live": [0.9, 0.9, 0.95]}, "other frames"),
    ],
)
def test_what_differs_is_named(changes: dict[str, Any], said: str) -> None:
    (wrong,) = compare(HERE, there(**changes)).wrong
    assert said in wrong


def test_the_folder_is_gone_from_the_root_afterwards(tmp_path: Path) -> None:
    folder, tree = tmp_path / "stage", tmp_path / "tree"
    folder.mkdir()
    tree.mkdir()
    with Root(tree, folder) as inside:
        seen = tree / folder.relative_to("/")
        assert seen.is_dir()
        assert inside.command("true")[-3:] == [str(tree), str(folder), "true"]
    assert not seen.exists()
