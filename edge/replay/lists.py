"""The lists of a replay that are made of its truth: drawn people and vehicles, in memory, gone with the process.

Faces here are drawn and nobody's, so there is no consent to prove and no `Template` to make; the search is the plain
one over all of them, with the thresholds and the margin of an edge. Real people are found through `ListMirror` alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.contract.ids import CheckpointId, ModelId, PassId, SubjectKey, TemplateId, VehicleKey
from core.contract.plate_digest import PlateHasher
from core.contract.signed import ClaimError, QrPass, verify_pass
from core.contract.vocabulary import Reason
from edge.evidence import FaceMatch
from edge.replay.truth import ListedVehicle
from models.types import Float
from watchlists.faces.change import Likeness
from watchlists.plates.index import ExactPlate, PlateIndex
from watchlists.thresholds import Calibration

Heard = Callable[[float, float], None]
"""Told of each comparison: the best cosine, and the one it takes."""


class DrawnLists:
    """Gallery, ListView, CaseView and PassReader over what the truth says. Everybody on it may pass everywhere."""

    def __init__(
        self,
        model: ModelId,
        faces: Mapping[SubjectKey, Float],
        vehicles: Sequence[ListedVehicle],
        pass_key: bytes,
        calibration: Calibration,
        *,
        heard: Heard = lambda _best, _threshold: None,
    ) -> None:
        """faces: float32 (d,) of unit length each; pass_key: 32 bytes, or empty where no pass is genuine."""
        self.model = model
        self._subjects = tuple(faces)
        self._vectors = np.stack(list(faces.values())) if faces else None
        self._calibration = calibration
        self._threshold = calibration.identify_at(max(1, len(faces))).cosine
        hasher = PlateHasher(secrets.token_bytes(32))
        self._plates = PlateIndex(hasher)
        self._plates.update(put={one.vehicle: hasher.digest(one.plate) for one in vehicles})
        self._pass_key = Ed25519PublicKey.from_public_bytes(pass_key) if pass_key else None
        self._heard = heard

    @property
    def verify_threshold(self) -> float:
        return self._calibration.verify

    def identify(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:  # noqa: ARG002
        likeness = self._likeness(probes)
        if likeness is None:
            return None
        order = np.argsort(-likeness)
        best = float(likeness[order[0]])
        self._heard(best, self._threshold)
        if best < self._threshold:
            return None
        margin = best - float(likeness[order[1]]) if len(order) > 1 else 2.0
        subject = self._subjects[int(order[0])]
        return FaceMatch(subject, best, margin, self._threshold, TemplateId(subject))

    def compare(self, subject: SubjectKey, probes: Float) -> Likeness | None:
        likeness = self._likeness(probes)
        if likeness is None or subject not in self._subjects:
            return None
        found = float(likeness[self._subjects.index(subject)])
        self._heard(found, self.verify_threshold)
        return Likeness(found, TemplateId(subject))

    def enrolled(self, subject: SubjectKey) -> bool:
        return subject in self._subjects

    def subject_standing(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> Reason:  # noqa: ARG002
        return Reason.LISTED if subject in self._subjects else Reason.UNLISTED

    def vehicle_standing(
        self,
        plate: str,
        checkpoint: CheckpointId,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
        confidences: Sequence[float] = (),
    ) -> tuple[Reason, VehicleKey | None]:
        found = self._plates.find(plate, confidences or None)
        if found is None:
            return Reason.UNLISTED, None
        return (Reason.LISTED if isinstance(found, ExactPlate) else Reason.LOOKS_LIKE), found.vehicles[0]

    def pass_revoked(self, pass_id: PassId) -> bool:  # noqa: ARG002
        return False

    def recogniser_may_run(self, now: datetime) -> bool:  # noqa: ARG002
        return True

    def verify(self, text: str) -> QrPass | None:
        try:
            return None if self._pass_key is None else verify_pass(text, self._pass_key)
        except ClaimError:
            return None

    def sought(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:  # noqa: ARG002
        return None

    def controlled(self, plate: str, checkpoint: CheckpointId, now: datetime) -> VehicleKey | None:  # noqa: ARG002
        return None

    def _likeness(self, probes: Float) -> Float | None:
        """float32 (subjects,): of the best of ``probes`` (n, d) to each; None when nobody is enrolled."""
        return None if self._vectors is None else np.asarray((self._vectors @ probes.T).max(axis=1), np.float32)
