"""The limiter of failed sign-ins."""

from __future__ import annotations

from api.ratelimit import Allowance, FailureLimiter, SigninLimiter


class Clock:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


def test_failures_are_forgiven_evenly_over_the_window() -> None:
    clock = Clock()
    limiter = FailureLimiter(Allowance(5, 300.0), clock=clock)
    for _ in range(5):
        assert limiter.wait_s("key") == 0
        limiter.failed("key")
    assert limiter.wait_s("key") == 60
    clock.s += 60
    assert limiter.wait_s("key") == 0
    limiter.failed("key")
    assert limiter.wait_s("key") == 60


def test_success_clears_the_account() -> None:
    limiter = FailureLimiter(Allowance(2, 60.0), clock=Clock())
    limiter.failed("key")
    limiter.failed("key")
    limiter.succeeded("key")
    assert limiter.wait_s("key") == 0


def test_memory_is_bounded_and_the_oldest_is_forgotten_first() -> None:
    limiter = FailureLimiter(Allowance(1, 60.0), max_keys=3, clock=Clock())
    for key in "abcd":
        limiter.failed(key)
    assert len(limiter) == 3
    assert limiter.wait_s("a") == 0
    assert limiter.wait_s("d") > 0


def test_one_address_can_not_try_many_accounts() -> None:
    limiter = SigninLimiter(Clock())
    assert [limiter.admit(f"account-{number}", "192.0.2.1") for number in range(30)] == [0] * 30
    assert limiter.admit("untouched", "192.0.2.1") > 0
    assert limiter.admit("untouched", "192.0.2.2") == 0


def test_another_address_is_not_locked_out_by_an_attacker() -> None:
    limiter = SigninLimiter(Clock())
    waits = [limiter.admit("admin", "192.0.2.1") for _ in range(9)]
    assert waits[:5] == [0] * 5
    assert all(wait > 0 for wait in waits[5:])
    assert limiter.admit("admin", "192.0.2.2") == 0


def test_who_is_right_every_time_never_waits() -> None:
    limiter = SigninLimiter(Clock())
    for _ in range(100):
        assert limiter.admit("desk-1", "192.0.2.1") == 0
        limiter.succeeded("desk-1", "192.0.2.1")
