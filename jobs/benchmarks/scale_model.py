"""A run as a simulation of discrete events: one driver, workers on machines, a network between.

The driver does one thing at a time. It hands tasks to free workers, takes results and copies what
travels; between two waves of tasks it works alone. Workers of a machine share its cores. Shared
data travel to a machine once, when its first task needs them. Task times scatter about their mean,
and workers are lost now and then. What is not modelled: memory, disks, and traffic of others.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from jobs.benchmarks.scale_resources import Cores, Network


@dataclass(frozen=True)
class Machines:
    """What runs the tasks.

    Args:
        workers: Processes, dealt out to the machines in turn.
        machines: Besides that of the driver.
        cores: Of each machine, for its workers; a worker uses one.
        send_seconds: Of the driver, to hand out a task.
        receive_seconds: Of the driver, to take a result.
        wait_seconds: From handing out a task until it begins, with nothing in the way.
        copy_bytes_per_second: At which the driver writes and reads messages and shared data.
        network_bytes_per_second: Of each machine, in either direction.
        contention: Times longer that a task takes where another one runs on its machine.
        sigma: Standard deviation of the logarithm of a task's time.
        losses_per_hour: Of one worker; its task is run again.
        restart_seconds: Until a lost worker is replaced.
        one_host: Whether the machines are processes of one host, which share ``cores``.
        spread: Whether machines that have the shared data pass them on; else all come from the
            driver's machine.
    """

    workers: int
    machines: int = 1
    cores: float = 1e9
    send_seconds: float = 0.0
    receive_seconds: float = 0.0
    wait_seconds: float = 0.0
    copy_bytes_per_second: float = float("inf")
    network_bytes_per_second: float = float("inf")
    contention: float = 1.0
    sigma: float = 0.0
    losses_per_hour: float = 0.0
    restart_seconds: float = 0.0
    one_host: bool = False
    spread: bool = False


@dataclass(frozen=True)
class Work:
    """Tasks of one size.

    Args:
        count: How many.
        seconds: Of each, alone on a core.
        argument_bytes: That the driver sends with each.
        result_bytes: That each sends back.
    """

    count: int
    seconds: float
    argument_bytes: float = 0.0
    result_bytes: float = 0.0


@dataclass(frozen=True)
class Phase:
    """What the driver does next: first alone, then put shared data, then a wave of tasks.

    Args:
        name: For tables.
        driver_seconds: Alone.
        shared_bytes: Put into the object store, in place of what was there.
        wave: Tasks that run beside each other; the phase ends with the last of them.
    """

    name: str
    driver_seconds: float = 0.0
    shared_bytes: float = 0.0
    wave: tuple[Work, ...] = ()


@dataclass(frozen=True)
class PhaseOutcome:
    """What a phase took.

    Args:
        name: Of the phase.
        seconds: Wall time.
        driver_seconds: In which the driver was busy.
        work_seconds: Summed over the tasks, as far as they were of use.
        message_bytes: Arguments and results, all through the driver.
        shared_bytes: Shared data, counted once for every machine that fetched them.
        lost: Tasks that were run again.
    """

    name: str
    seconds: float
    driver_seconds: float
    work_seconds: float
    message_bytes: float
    shared_bytes: float
    lost: int


def simulate(machines: Machines, phases: Sequence[Phase], seed: int = 0) -> list[PhaseOutcome]:
    """Let a run happen.

    Args:
        machines: What runs the tasks.
        phases: What there is to do, in order.
        seed: Of stragglers and losses.

    Returns:
        What each phase took.
    """
    return _Run(machines, np.random.default_rng(seed)).through(phases)


class _Run:
    """The state of a simulation."""

    def __init__(self, machines: Machines, rng: np.random.Generator) -> None:
        self.machines, self.rng = machines, rng
        self.now = self.driver_free = self.driver_busy = 0.0
        self.network = Network(machines.network_bytes_per_second, machines.spread)
        hosts = 1 if machines.one_host else machines.machines
        self.hosts = [Cores(machines.cores, machines.contention) for _ in range(hosts)]
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.order = count()
        self.idle = deque(range(machines.workers))
        self.running: dict[int, Work] = {}  # by worker, from handing out until the result is taken
        self.begun: dict[int, float] = {}
        self.pending: deque[Work] = deque()
        self.lost = self.done = 0
        self.useful = self.messages = 0.0

    def through(self, phases: Sequence[Phase]) -> list[PhaseOutcome]:
        outcomes = []
        for phase in phases:
            begun, busy, fetched = self.now, self.driver_busy, self.network.fetched
            useful, messages, lost = self.useful, self.messages, self.lost
            self._drive(phase.driver_seconds)
            if phase.shared_bytes:
                self._drive(phase.shared_bytes / self.machines.copy_bytes_per_second)
                self.network.share(phase.shared_bytes)
            self.now = max(self.now, self.driver_free)
            self._wave(phase.wave)
            outcomes.append(
                PhaseOutcome(
                    name=phase.name,
                    seconds=self.now - begun,
                    driver_seconds=self.driver_busy - busy,
                    work_seconds=self.useful - useful,
                    message_bytes=self.messages - messages,
                    shared_bytes=self.network.fetched - fetched,
                    lost=self.lost - lost,
                )
            )
        return outcomes

    def _drive(self, seconds: float) -> float:
        """The driver works for a while, after what it has begun; returns when it has done so."""
        self.driver_free = max(self.driver_free, self.now) + seconds
        self.driver_busy += seconds
        return self.driver_free

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self.events, (time, next(self.order), event))

    def _wave(self, wave: Sequence[Work]) -> None:
        self.pending = deque(task for work in wave for task in [work] * work.count)
        wanted = self.done + len(self.pending)
        self._hand_out()
        while self.done < wanted:
            time, _, event = heapq.heappop(self.events)
            self.now = max(self.now, time)
            event()

    def _hand_out(self) -> None:
        while self.pending and self.idle:
            worker, work = self.idle.popleft(), self.pending.popleft()
            self.running[worker] = work
            self.messages += work.argument_bytes
            copying = work.argument_bytes / self.machines.copy_bytes_per_second
            sent = self._drive(self.machines.send_seconds + copying)
            there = self.network.send(sent, work.argument_bytes) + self.machines.wait_seconds
            self._at(there, lambda worker=worker: self._arrive(worker))  # type: ignore[misc]

    def _arrive(self, worker: int) -> None:
        ready = self.network.fetch(self.now, worker % self.machines.machines)
        self._at(ready, lambda: self._begin(worker))

    def _begin(self, worker: int) -> None:
        sigma, rate = self.machines.sigma, self.machines.losses_per_hour / 3600.0
        scatter = self.rng.lognormal(-(sigma**2) / 2, sigma) if sigma else 1.0
        host = self._host(worker)
        host.pass_to(self.now)
        host.left[worker] = self.running[worker].seconds * scatter
        if rate:
            begun, loss = self.now, self.now + self.rng.exponential(1 / rate)
            self._at(loss, lambda: self._lose(worker, begun))
        self.begun[worker] = self.now
        self._expect(host)

    def _host(self, worker: int) -> Cores:
        return self.hosts[worker % self.machines.machines % len(self.hosts)]

    def _expect(self, host: Cores) -> None:
        """Look again when the next task of a host ends."""
        host.version += 1
        if host.left:
            version = host.version
            self._at(host.next_end(), lambda: self._look(host, version))

    def _look(self, host: Cores, version: int) -> None:
        if version != host.version:
            return
        host.pass_to(self.now)
        first = min(host.left, key=host.left.__getitem__)
        ended = [w for w, rest in host.left.items() if w == first or rest <= 1e-9]
        for worker in ended:
            del host.left[worker]
            num_bytes = self.running[worker].result_bytes
            there = self.network.receive(self.now, num_bytes)
            self._at(there, lambda worker=worker: self._take(worker))  # type: ignore[misc]
        self._expect(host)

    def _take(self, worker: int) -> None:
        copying = self.running[worker].result_bytes / self.machines.copy_bytes_per_second
        taken = self._drive(self.machines.receive_seconds + copying)
        self._at(taken, lambda: self._taken(worker))

    def _taken(self, worker: int) -> None:
        work = self.running.pop(worker)
        self.done += 1
        self.useful += work.seconds
        self.messages += work.result_bytes
        self.idle.append(worker)
        self._hand_out()

    def _lose(self, worker: int, begun: float) -> None:
        """A worker dies; nothing happens where it has done its task meanwhile."""
        host = self._host(worker)
        if worker not in host.left or self.begun[worker] != begun:
            return
        host.pass_to(self.now)
        del host.left[worker]
        self.pending.appendleft(self.running.pop(worker))
        self.lost += 1
        back = self.now + self.machines.restart_seconds
        self._at(back, lambda: self._back(worker))
        self._hand_out()
        self._expect(host)

    def _back(self, worker: int) -> None:
        self.idle.append(worker)
        self._hand_out()
