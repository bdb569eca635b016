import sys

import numpy as np
import pytest

from stemdist_ray.system.memory import PeakMemory, peak_rss_mib


def test_peak_is_positive():
    assert peak_rss_mib() > 10


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can reset the peak")
def test_nested_blocks_see_their_own_peak_and_the_outer_one_all():
    with PeakMemory() as outer:
        assert outer.so_far() > 10
        block = np.ones(60 * 2**17)  # 60 MiB
        high = peak_rss_mib()
        del block
        with PeakMemory() as inner:
            np.ones(2**17)
    assert outer.peak_mib >= high - 1
    assert inner.peak_mib < outer.peak_mib
