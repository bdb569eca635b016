"""What tasks of a simulated run compete for: links of a network, and the cores of a machine."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Network:
    """The links of the driver's machine, and who holds the shared data.

    Args:
        rate: Bytes per second of a link.
        spread: Whether machines that have the shared data pass them on.
    """

    rate: float
    spread: bool
    shared: float = 0.0
    fetched: float = 0.0
    inbound: float = 0.0  # when the driver's link is free again
    outbound: list[float] = field(default_factory=lambda: [0.0])  # the driver's first
    ready: dict[int, float] = field(default_factory=dict)  # machines with the shared data

    def send(self, at: float, num_bytes: float) -> float:
        """When a message of the driver has left."""
        self.outbound[0] = max(self.outbound[0], at) + num_bytes / self.rate
        return self.outbound[0]

    def receive(self, at: float, num_bytes: float) -> float:
        """When a message to the driver is there."""
        self.inbound = max(self.inbound, at) + num_bytes / self.rate
        return self.inbound

    def share(self, num_bytes: float) -> None:
        """Only the driver's machine has the new data."""
        self.shared, self.ready, self.outbound = num_bytes, {}, self.outbound[:1]

    def fetch(self, at: float, machine: int) -> float:
        """When a machine has the shared data."""
        if machine not in self.ready:
            source = int(np.argmin(self.outbound)) if self.spread else 0
            done = max(self.outbound[source], at) + self.shared / self.rate
            self.outbound[source] = self.ready[machine] = done
            self.outbound.append(done)
            self.fetched += self.shared
        return max(at, self.ready[machine])


@dataclass
class Cores:
    """Tasks that share some cores, each with the seconds it would still need alone."""

    cores: float
    contention: float
    left: dict[int, float] = field(default_factory=dict)
    at: float = 0.0
    version: int = 0  # grows with every change, so that older forecasts of an end do not count

    @property
    def speed(self) -> float:
        """Of each task, 1 = alone."""
        running = len(self.left)
        return min(1.0, self.cores / max(running, 1)) / (self.contention if running > 1 else 1.0)

    def pass_to(self, now: float) -> None:
        """Let the time pass."""
        done = (now - self.at) * self.speed
        self.left = {worker: rest - done for worker, rest in self.left.items()}
        self.at = now

    def next_end(self) -> float:
        """When the next task ends, if nothing changes."""
        return self.at + max(min(self.left.values()), 0.0) / self.speed
