"""Alerts: what somebody must answer."""

from __future__ import annotations

from core.alerts.desk import (
    AlertNotFoundError,
    AlertState,
    AlreadyAcknowledgedError,
    alert,
    check_acknowledge,
    do_acknowledge,
    list_alerts,
)

__all__ = [
    "AlertNotFoundError",
    "AlertState",
    "AlreadyAcknowledgedError",
    "alert",
    "check_acknowledge",
    "do_acknowledge",
    "list_alerts",
]
