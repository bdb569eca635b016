import json

import numpy as np
import pytest

from stemdist_ray.data.describe import SourceDescription, describe_blocks, describe_series


def test_what_is_said_of_a_series(traffic):
    about = describe_series(traffic, "here", "memory")
    assert (about.steps, about.locations, about.features) == (400, 24, ("speed",))
    assert about.sampling_seconds == 300
    assert about.missing_share == pytest.approx(traffic.missing_share)
    assert about.first_time.startswith("2024-01-01")
    assert about.has_coordinates
    assert about.hash == traffic.content_hash()


def test_blocks_are_described_like_the_whole(traffic):
    whole = describe_series(traffic, "here", "memory")
    blocks = [slice(0, 8), slice(8, 200), slice(200, 400)]
    again = describe_blocks(
        traffic,
        "here",
        "memory",
        400,
        int(np.count_nonzero(~traffic.mask)),
        (traffic.values[rows] for rows in blocks),
        (traffic.mask[rows] for rows in blocks),
    )
    assert again == whole


def test_round_trip(traffic):
    about = describe_series(traffic.with_changes(times=None), "here", "memory")
    assert about.sampling_seconds is None
    assert SourceDescription.from_json(json.loads(json.dumps(about.to_json()))) == about
