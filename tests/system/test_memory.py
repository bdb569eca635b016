import multiprocessing
import sys

import numpy as np
import pytest

from stemdist_ray.system.memory import PeakMemory, peak_rss_mib


def test_peak_is_positive():
    assert peak_rss_mib() > 10


def nested_peaks():
    """Peaks of an outer block, after 60 MiB inside it, and of an inner block after those."""
    with PeakMemory() as outer:
        before = outer.so_far()
        block = np.ones(60 * 2**17)
        high = peak_rss_mib()
        del block
        with PeakMemory() as inner:
            np.ones(2**17)
    return before, high, outer.peak_mib, inner.peak_mib


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can reset the peak")
def test_nested_blocks_see_their_own_peak_and_the_outer_one_all():
    # In a process of its own: what other tests freed may be given out again without a new peak.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before, high, outer, inner = pool.apply(nested_peaks)
    assert before > 10
    assert outer >= high - 1
    assert inner < outer - 30
