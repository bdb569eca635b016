from stemdist_ray.cli.description import description_lines
from stemdist_ray.data.describe import SourceDescription


def test_description():
    about = SourceDescription(
        source="x.csv", format="csv", name="x", steps=10, locations=2, features=("v",),
        units=("",), first_time=None, last_time=None, sampling_seconds=900.0,
        missing_share=0.25, has_coordinates=False, hash="abc",
    )  # fmt: skip
    statistics = [{"mean": 1.0, "std": 1.0, "min": 0.0, "max": 2.0, "zero_share": 0.5}]
    season = {"unit": "none", "slots": 1, "proposed_period": 96, "autocorrelation": 0.8}
    text = "\n".join(description_lines(about, statistics, season))
    assert "step 15 min" in text
    assert "25.00 %" in text
    assert "--missing-value 0" in text
    assert "--season 96" in text
    known = {**season, "unit": "day", "slots": 96}
    line = next(x for x in description_lines(about, statistics, known) if x.startswith("season"))
    assert "96 steps a day; a period of 96 steps in the autocorrelation (0.80)" in line
    nothing = {**known, "proposed_period": None, "autocorrelation": None}
    line = next(x for x in description_lines(about, statistics, nothing) if x.startswith("season"))
    assert line.endswith("96 steps a day; none found in the autocorrelation")


def test_how_it_was_read_and_what_looks_wrong():
    reading = {
        "layout": "long",
        "time_column": "ds",
        "feature_columns": list("abcdefgh"),
        "selected": {"level": 850},
    }
    about = SourceDescription(
        source="x.csv", format="csv", name="x", steps=10, locations=2, features=("v",),
        units=("",), first_time=None, last_time=None, sampling_seconds=900.0,
        missing_share=0.25, has_coordinates=False, hash="abc", reading=reading,
    )  # fmt: skip
    season = {"unit": "none", "slots": 1, "proposed_period": None, "autocorrelation": None}
    numbers = [{"mean": 1.0, "std": 1.0, "min": 0.0, "max": 2.0, "zero_share": 0.0}]
    lines = description_lines(about, numbers, season, ["this is odd"])
    assert (
        "read as       long; time column ds, feature columns a, b, c, d, e, f, ... (8), "
        "selected level=850" in lines
    )
    assert lines[-1] == "warning       this is odd"
