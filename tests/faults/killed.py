"""Kill a run at a named point, run it again, compare: `python killed.py FOLDER [JOB POINT NTH]...`.

A process of its own, as each run is a fork of it: torch is imported once, and no thread runs then.
"""

import importlib
import json
import os
import shutil
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from stemdist_ray import (
    SyntheticDataset,
    TrainConfig,
    TrainedForecaster,
    build_config,
    distill,
    evaluate,
    train_forecaster,
)
from stemdist_ray.artifact.generation import generation
from stemdist_ray.artifact.judged import judged_evaluation
from stemdist_ray.data.simulate import TrafficParameters, simulate_traffic
from stemdist_ray.system import points
from tests.conftest import TINY

SOURCE = simulate_traffic(TrafficParameters(locations=24, steps=400, seed=3))
ONE = {
    "rounds": 1,
    "num_shards": 2,
    "matching": {"steps": 1, "oldest": 0, "unroll_steps": 2},
    "refine": {"steps": 0},
    "evaluation": {"repeats": 1, "tracks": ["with_base"]},
}
TRAIN = {
    "data": {"lookback": 6, "horizon": 4},
    "forecaster": {"name": "dlinear", "options": {"kernel_size": 3}},
    "training": {"epochs": 2, "check_every": 1},
    "worker": {"num_workers": 0},
    "tracking": {"enabled": False},
}
# What says when, how long and where a run ran.
TIMES = ("manifest.json", "README.md", "tracking.json", "training.json", "evaluation.json")


def run_distill(out):
    distill(SOURCE, out, build_config("demo", TINY, ONE), resume=True)


def run_longer(out):
    distill(SOURCE, out, build_config("demo", TINY, ONE, {"rounds": 2}), resume=True)


def run_evaluate(out):
    evaluate(out, SOURCE)


def run_train(out):
    train_forecaster(SOURCE, out, TrainConfig.model_validate(TRAIN), resume=True)


JOBS = {
    "distill": run_distill,
    "longer": run_longer,
    "evaluate": run_evaluate,
    "train": run_train,
}


def in_fork(work):
    """The exit code of a fork that does the work; what goes wrong is printed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except Exception:  # noqa: BLE001 - the code says it
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def note_modules(path):
    path.write_text("\n".join(sorted(sys.modules)))


def import_noted(path):
    """What a run imports as it goes, so that not every fork imports it anew."""
    for name in path.read_text().split():
        with suppress(ImportError, AttributeError):
            importlib.import_module(name)


def killed_at(point, nth):
    hits = []

    def listener(now):
        hits.append(now)
        if hits.count(point) == nth and now == point:
            os._exit(137)

    points.listen(listener)


def data(folder):
    """Bytes of all files that must be the same, whatever happened on the way."""
    inside = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    kept = [p for p in inside if not {"checkpoint", "checkpoints"} & set(p.parts)]
    names = {p.relative_to(folder).as_posix(): p for p in kept if p.name not in TIMES}
    return {name: path.read_bytes() for name, path in names.items() if name != "model/model.json"}


def leftovers(folder):
    found = [p.name for p in folder.rglob(".*")]
    numbers = [p.name for p in (folder / "checkpoint").glob("*")]
    return found + (numbers if len(numbers) not in (0, 2) else [])


def check_readers(job, folder):
    """A reader sees one data set or the other whole, and no table of the one beside the other."""
    if job == "train":
        if (folder / "model").exists():
            TrainedForecaster.load(folder / "model")
    elif generation(folder) is not None:
        dataset = SyntheticDataset.load(folder)
        table = judged_evaluation(folder, modern=True)
        known = {"distill": (1,), "evaluate": (1,), "longer": (1, 2)}[job]
        assert dataset.manifest.result.rounds in known
        assert table is None or dataset.manifest.result.rounds == 1


def attempt(root, job, point, nth):
    """What went wrong, or None."""
    folder = root / f"{job} {point} {nth}".replace(" ", "_")
    print(folder.name, file=sys.stderr, flush=True)
    if job in ("longer", "evaluate"):
        shutil.copytree(root / "evaluated", folder)

    def dying():
        killed_at(point, nth)
        JOBS[job](folder)

    code = in_fork(dying)
    if code != 137:
        return f"ended with {code} and never came to {point} ({nth})"
    if in_fork(lambda: check_readers(job, folder)):
        return "what it left cannot be read"
    if in_fork(lambda: JOBS[job](folder)):
        return "cannot be run again"
    wrong = {"distill": "distilled", "evaluate": "evaluated"}.get(job, job)
    calm, rough = data(root / wrong), data(folder)
    different = [name for name in {*calm, *rough} if calm.get(name) != rough.get(name)]
    different += leftovers(folder)
    if in_fork(lambda: check_readers(job, folder)):
        return "the end cannot be read"
    shutil.rmtree(folder)
    return f"different: {sorted(different)}" if different else None


def main():
    root = Path(sys.argv[1])
    wanted = [tuple(sys.argv[i : i + 3]) for i in range(2, len(sys.argv), 3)]
    jobs = {job for job, _, _ in wanted}
    in_fork(lambda: (run_distill(root / "distilled"), note_modules(root / "modules")))
    import_noted(root / "modules")
    if jobs & {"longer", "evaluate"}:
        shutil.copytree(root / "distilled", root / "evaluated")
        in_fork(lambda: run_evaluate(root / "evaluated"))
    if "longer" in jobs:
        shutil.copytree(root / "evaluated", root / "longer")
        in_fork(lambda: run_longer(root / "longer"))
    if "train" in jobs:
        in_fork(lambda: run_train(root / "train"))
    outcome = {" / ".join(a): attempt(root, a[0], a[1], int(a[2])) for a in wanted}
    (root / "outcome.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()
