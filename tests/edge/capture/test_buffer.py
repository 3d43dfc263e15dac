"""The frame buffer: what is dropped, when, and how it is counted."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from edge.capture.buffer import FrameBuffer


def test_the_oldest_frame_is_dropped_and_counted() -> None:
    buffer: FrameBuffer[int] = FrameBuffer(limit=2)
    for number in range(5):
        buffer.put(number)
    assert [buffer.take(0), buffer.take(0), buffer.take(0)] == [3, 4, None]
    assert buffer.losses() == (3, 0)


def test_during_a_pass_more_is_kept_and_a_loss_is_one_missed_pass() -> None:
    buffer: FrameBuffer[int] = FrameBuffer(limit=2, pass_limit=4)
    buffer.set_in_pass(True)
    for number in range(4):
        buffer.put(number)
    assert buffer.losses() == (0, 0)
    for number in range(4, 8):
        buffer.put(number)
    assert buffer.losses() == (4, 1)
    buffer.set_in_pass(False)
    buffer.set_in_pass(True)
    for number in range(5):
        buffer.put(number)
    assert buffer.losses()[1] == 2


def test_after_a_pass_the_buffer_shrinks_again() -> None:
    buffer: FrameBuffer[int] = FrameBuffer(limit=2, pass_limit=4)
    buffer.set_in_pass(True)
    for number in range(4):
        buffer.put(number)
    buffer.set_in_pass(False)
    buffer.put(4)
    assert len(buffer) == 2
    assert buffer.losses() == (3, 0)


def test_while_catching_up_the_decoder_waits_for_whoever_looks_and_nothing_is_lost() -> None:
    buffer: FrameBuffer[int] = FrameBuffer(limit=2, pass_limit=4, patience_s=30.0)

    def catch_up() -> None:
        buffer.set_catching_up(True)
        for number in range(40):
            buffer.put(number)

    catching_up = threading.Thread(target=catch_up)
    catching_up.start()
    assert [buffer.take(30) for _ in range(40)] == list(range(40))
    catching_up.join(10)
    assert buffer.losses() == (0, 0)


def test_what_was_caught_up_with_is_not_dropped_for_what_comes_next() -> None:
    buffer: FrameBuffer[int] = FrameBuffer(limit=2, pass_limit=6)
    buffer.set_catching_up(True)
    for number in range(5):
        buffer.put(number)
    buffer.set_catching_up(False)
    buffer.put(5)
    assert [buffer.take(0) for _ in range(5)] == [0, 1, 2, 3, 4]
    for number in range(6, 10):
        buffer.put(number)
    assert [buffer.take(0), buffer.take(0)] == [8, 9], "worked off, and as small as ever"
    assert buffer.losses()[1] == 0


def test_where_nobody_looks_catching_up_ends_all_the_same_and_is_one_missed_pass() -> None:
    buffer: FrameBuffer[int] = FrameBuffer(limit=2, pass_limit=4, patience_s=0.01)
    buffer.set_catching_up(True)
    for number in range(10):
        buffer.put(number)
        buffer.set_in_pass(False)
    buffer.set_catching_up(False)
    assert buffer.losses() == (6, 1)
    assert buffer.take(0) == 6


def test_closing_ends_the_wait_of_a_decoder_that_catches_up() -> None:
    buffer: FrameBuffer[int] = FrameBuffer(limit=1, pass_limit=1, patience_s=30.0)
    buffer.set_catching_up(True)
    buffer.put(0)
    waiting = threading.Thread(target=buffer.put, args=(1,))
    waiting.start()
    buffer.close()
    waiting.join(10)
    assert not waiting.is_alive()


def test_closing_wakes_whoever_waits() -> None:
    buffer: FrameBuffer[int] = FrameBuffer()
    got: list[int | None] = []
    waiting = threading.Thread(target=lambda: got.append(buffer.take(30)))
    waiting.start()
    buffer.close()
    waiting.join(10)
    buffer.put(1)
    assert got == [None]
    assert len(buffer) == 0


@given(st.lists(st.sampled_from(["put", "take", "in", "out"]), max_size=200))
def test_frames_come_out_in_order_and_none_is_unaccounted_for(moves: list[str]) -> None:
    buffer: FrameBuffer[int] = FrameBuffer(limit=3, pass_limit=5)
    given_in, taken = 0, []
    for move in moves:
        if move == "put":
            buffer.put(given_in)
            given_in += 1
        elif move == "take":
            taken.append(buffer.take(0))
        else:
            buffer.set_in_pass(move == "in")
        assert len(buffer) <= 5
    numbers = [number for number in taken if number is not None]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + buffer.losses()[0] + len(buffer) == given_in
