"""What the machine of the driver is busy with, under the names that MLflow shows as system metrics.

MLflow's own monitor sends each sample to the server itself, and knows only runs that the server
has. These samples go the way of all records: an outage holds nothing up and loses none.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

import psutil
import torch

EVERY = 30.0  # seconds between samples; the first comes after as many


class SystemSampler:
    """Samples the machine in a thread of its own.

    Args:
        log: Takes a sample and its number, from 0.
        every: Seconds between two.
    """

    def __init__(
        self, log: Callable[[Mapping[str, float], int], None], every: float = EVERY
    ) -> None:
        self._log, self._every = log, every
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Sample from now on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="system metrics", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Sample no more; returns when the last one was logged."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        psutil.cpu_percent()  # counts from one call to the next
        received, sent = _network()
        number = 0
        while not self._over.wait(self._every):
            now = _network()
            network = {
                "system/network_receive_megabytes": now[0] - received,
                "system/network_transmit_megabytes": now[1] - sent,
            }
            self._log({**sample(), **network}, number)
            number += 1


def sample() -> dict[str, float]:
    """CPU, memory and disk of this machine, and its GPU where this process computes on it.

    Returns:
        Percentages, and megabytes of 10^6 bytes, by MLflow's names.
    """
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(os.sep)
    numbers = {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": memory.used / 1e6,
        "system_memory_usage_percentage": 100 * memory.used / memory.total,
        "disk_usage_percentage": disk.percent,
        "disk_usage_megabytes": disk.used / 1e6,
        "disk_available_megabytes": disk.free / 1e6,
        **_gpu(),
    }
    return {f"system/{name}": round(value, 1) for name, value in numbers.items()}


def _gpu() -> dict[str, float]:
    # A process that does not compute there should not take memory there to find out.
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return {}
    index, (free, total) = torch.cuda.current_device(), torch.cuda.mem_get_info()
    return {
        f"gpu_{index}_memory_usage_megabytes": (total - free) / 1e6,
        f"gpu_{index}_memory_usage_percentage": 100 * (total - free) / total,
    }


def _network() -> tuple[float, float]:
    """Megabytes received and sent since the machine started."""
    counters = psutil.net_io_counters()
    if counters is None:  # a container without a network
        return 0.0, 0.0
    return counters.bytes_recv / 1e6, counters.bytes_sent / 1e6
