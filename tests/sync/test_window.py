"""The window: how much may be on its way, and when it is sent again."""

from __future__ import annotations

from random import Random

from sync.window import Window


def a_window(most: int = 4) -> Window:
    return Window(10, Random(1), most=most, resend_after_s=4.0, resend_most_s=40.0)


def test_it_opens_with_one_batch_and_grows_with_receipts() -> None:
    window = a_window()
    rounds = []
    for _ in range(4):
        count = 0
        while window.has_room:
            window.left(window.sent + 100, 0.0)
            count += 1
        rounds.append(count)
        window.covered(window.sent, 0.0)
    assert rounds == [1, 2, 4, 4]


def test_a_partial_receipt_makes_room_for_what_it_covers() -> None:
    window = a_window()
    window.left(110, 0.0)
    window.covered(110, 0.0)
    window.left(210, 0.0)
    window.left(310, 0.0)
    assert not window.has_room
    window.covered(210, 0.0)
    assert window.has_room
    assert window.sent == 310


def test_patience_doubles_with_each_loss_up_to_its_most() -> None:
    window = a_window()
    for low, high in [(3.0, 5.0), (6.0, 10.0), (12.0, 20.0), (24.0, 40.0), (30.0, 50.0)]:
        window.left(window.sent + 1, 0.0)
        assert not window.overdue(low - 0.01)
        assert window.overdue(high + 0.01)
        window.start_over(10)


def test_a_receipt_brings_the_first_patience_back() -> None:
    window = a_window()
    window.left(11, 0.0)
    assert window.overdue(100.0)
    window.start_over(10)
    window.left(11, 100.0)
    window.covered(11, 101.0)
    window.left(12, 200.0)
    assert window.overdue(205.1)


def test_nothing_on_its_way_is_never_overdue() -> None:
    window = a_window()
    assert not window.overdue(1e9)
    window.left(11, 0.0)
    window.covered(11, 0.0)
    assert not window.overdue(1e9)


def test_starting_over_closes_it_to_one_batch() -> None:
    window = a_window()
    for _ in range(3):
        window.left(window.sent + 100, 0.0)
        window.covered(window.sent, 0.0)
    window.start_over(10)
    window.left(110, 0.0)
    assert (window.sent, window.has_room) == (110, False)


def test_a_diverged_ledger_gets_one_batch_and_the_longest_patience() -> None:
    window = a_window()
    window.left(110, 0.0)
    window.covered(110, 0.0)
    window.diverged = True
    window.left(210, 0.0)
    assert not window.has_room
    assert not window.overdue(29.0)
