"""What of the estate's file a process of cameras needs: no others' cameras, nor where the core and its data are."""

from __future__ import annotations

from collections.abc import Sequence

from core.contract.config import CoreConfig, EdgeConfig, EstateConfig
from core.contract.config_scenes import Scenes
from core.contract.ids import CameraId


def excerpt(config: EstateConfig, edge: EdgeConfig, cameras: Sequence[CameraId]) -> EstateConfig:
    """``edge``, those of its ``cameras``, and what is watched with them; all else as if nobody had set it."""
    return EstateConfig(
        estate=config.estate,
        state_dir=config.state_dir,
        core=CoreConfig(broker_login=edge.broker_login),
        edges=(edge,),
        cameras=tuple(one for one in config.cameras if one.id in cameras),
        checkpoints=tuple(one for one in config.checkpoints if one.camera in cameras),
        scenes=scenes_of(config.scenes, cameras),
    )


def scenes_of(scenes: Scenes, cameras: Sequence[CameraId]) -> Scenes:
    """What is watched with ``cameras``."""
    return scenes.model_copy(
        update={
            "counting_lines": tuple(one for one in scenes.counting_lines if one.camera in cameras),
            "one_way_lines": tuple(one for one in scenes.one_way_lines if one.camera in cameras),
            "fire_lanes": tuple(one for one in scenes.fire_lanes if one.camera in cameras),
            "zones": tuple(one for one in scenes.zones if one.camera in cameras),
        }
    )
