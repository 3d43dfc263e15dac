"""Drawn plates and an index of them."""

from __future__ import annotations

from hypothesis import strategies as st

from core.contract.ids import VehicleKey, new_id
from core.contract.plate_digest import PlateHasher
from core.contract.plates import PROVINCES
from watchlists.plates.index import PlateIndex

HASHER = PlateHasher(bytes(range(32)))
SERIAL = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
PLATES = st.builds(
    "{}{}{}".format,
    st.sampled_from(PROVINCES),
    st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ"),
    st.text(SERIAL, min_size=5, max_size=6),
)
CLOSE_PLATES = st.builds("{}A{}".format, st.sampled_from("京赣藏皖"), st.text("0DQ8B4", min_size=5, max_size=5))
"""So few that they are often equal or alike."""


def new_vehicle() -> VehicleKey:
    return VehicleKey(new_id())


def index_of(*texts: str) -> tuple[PlateIndex, list[VehicleKey]]:
    """An index of ``texts``, one vehicle each, and their keys."""
    keys = [new_vehicle() for _ in texts]
    index = PlateIndex(HASHER)
    index.update(put={key: HASHER.digest(text) for key, text in zip(keys, texts, strict=True)})
    return index, keys
