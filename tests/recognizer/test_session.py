"""Sessions run as they are told."""

from __future__ import annotations

import numpy as np
import pytest

from recognizer.errors import ModelError
from recognizer.session import PLAIN, Session, SessionSettings, providers
from tests.recognizer.networks_made import SIDE, TINY, tiny


def test_threads_and_arena_are_the_sessions() -> None:
    for settings in (PLAIN, SessionSettings(threads=2, arena=False)):
        session = Session(tiny("node"), "tiny", TINY, settings)
        options = session._session.get_session_options()
        assert options.intra_op_num_threads == settings.threads
        assert options.enable_cpu_mem_arena == settings.arena
        assert session._session.get_providers() == ["CPUExecutionProvider"]


def test_threads_change_no_number() -> None:
    fed = np.random.default_rng(0).normal(size=(2, 3, SIDE, SIDE)).astype(np.float32)
    one, two = (
        Session(tiny("steps"), "tiny", TINY, SessionSettings(threads=n)).run(fed)[0] for n in (1, 2)
    )
    assert np.abs(one - two).max() <= 1e-5


def test_a_provider_that_the_wheel_lacks_is_an_error_and_no_silent_fallback() -> None:
    if "XnnpackExecutionProvider" in providers():
        pytest.skip("this wheel has XNNPACK")
    with pytest.raises(ModelError, match="has no XnnpackExecutionProvider; run `kiosk tune`"):
        Session(tiny("node"), "tiny", TINY, SessionSettings(provider="XnnpackExecutionProvider"))


def test_no_provider_that_would_send_pictures_away_is_offered() -> None:
    assert set(providers()) <= {"CPUExecutionProvider", "XnnpackExecutionProvider"}
