"""All processes of one edge's cameras."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Sequence

from core.contract.config import EdgeConfig
from core.contract.config_file import LoadedConfig
from core.contract.events_cameras import CameraHealth
from core.contract.ids import CameraId
from edge.aside import Aside
from edge.assembly import lookers
from edge.checkpoint.post import CheckpointPost
from edge.health import Counters
from edge.living import LivingThread
from edge.settings import own_cameras
from edge.shards.ears import Desk, Ears
from edge.shards.excerpt import excerpt
from edge.shards.host import ShardHost
from edge.shards.limits import Limits
from edge.shards.messages import Begin
from edge.shards.readable import ports, readable
from edge.shards.told_scenes import MAX_UNWRITTEN, ToldScenes


class Shards:
    """None of them where the configuration wants everything in one process."""

    def __init__(
        self,
        loaded: LoadedConfig,
        edge: EdgeConfig,
        *,
        plan: Sequence[Sequence[CameraId]],
        posts: Iterable[CheckpointPost],
        desk: Desk,
        counters: Counters,
    ) -> None:
        """plan: see `edge.shards.plan.spread`."""
        posts = list(posts)
        self._clips = desk.video.aside
        self._telling = Aside("far-scenes", MAX_UNWRITTEN, counters)
        self.hosts: list[ShardHost] = []
        for number, cameras in enumerate(plan):
            own = {post.checkpoint.id: post for post in posts if post.checkpoint.camera in cameras}
            begin = Begin(
                edge=edge.id,
                path=str(loaded.path),
                state_dir=str(loaded.state_dir),
                cameras=tuple(cameras),
                lookers=max(1, lookers(edge) // len(plan)),
            )
            limits = Limits((*cameras, *own), len(cameras), counters)
            config = excerpt(loaded.config, edge, cameras)
            scenes = ToldScenes(cameras, config.scenes, desk.scene, self._telling, counters)
            ears = functools.partial(Ears, tuple(cameras), own, desk, limits, scenes=scenes)
            seen = [one for one in own_cameras(loaded, edge.id) if one.id in cameras]
            files = readable(loaded, edge, seen)
            self.hosts.append(
                ShardHost(
                    number,
                    begin,
                    config.model_dump_json().encode(),
                    readable=files,
                    ports=ports(seen),
                    ears=ears,
                    counters=counters,
                )
            )

    @property
    def threads(self) -> tuple[LivingThread, ...]:
        return tuple(host.thread for host in self.hosts)

    @property
    def storing(self) -> tuple[LivingThread, ...]:
        """Where their clips are kept and their scenes written down."""
        return (self._clips.thread, self._telling.thread) if self.hosts else ()

    def start(self) -> None:
        if self.hosts:
            self._clips.start()
            self._telling.start()
        for host in self.hosts:
            host.thread.start()

    def stop(self, timeout_s: float) -> None:
        """End every process within ``timeout_s`` or a little more."""
        deadline_s = time.monotonic() + timeout_s
        for host in self.hosts:
            host.stop()
        for host in self.hosts:
            host.join(max(0.1, deadline_s - time.monotonic()))
        self._telling.stop(max(0.5, deadline_s - time.monotonic()))
        self._clips.stop(max(0.5, deadline_s - time.monotonic()))

    def health(self) -> list[CameraHealth]:
        return [health for host in self.hosts for health in host.health()]

    def scene_counts(self) -> dict[str, int]:
        return {name: count for host in self.hosts for name, count in host.scene_counts().items()}
