"""Every command, Python block, file and link in the READMEs does what it says."""

import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from stemdist_ray import __version__
from stemdist_ray.cli.app import app
from stemdist_ray.cli.files import JobFile, RankFile, TrainFile, TuneFile
from stemdist_ray.config import flatten
from stemdist_ray.config.yaml_files import read_yaml
from tests.conftest import ROOT, TINY

README = "README.md"
FOLDERS = ("stemdist_ray", "stemdist_ray/data", "jobs", "tuning", "infra", "tests")
PAGES = {
    name: (ROOT / name).read_text()
    for name in (README, *(f"{folder}/README.md" for folder in FOLDERS), "CONTRIBUTING.md")
}
BIN = Path(sys.executable).parent
SOURCE = "sim:traffic?locations=24,steps=400,seed=3"


def blocks(page, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE)


def shell_lines():
    """(page, command) of every line in every shell block; the same command only once."""
    lines = {}
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.splitlines():
                command = line.split(" #")[0].strip()
                if command:
                    lines.setdefault(command, page)
    return [(page, command) for command, page in lines.items()]


SHELL = shell_lines()
STEMDIST = [(page, command) for page, command in SHELL if command.startswith("stemdist ")]
PYTHON = [(page, block) for page in PAGES for block in blocks(page, "python")]


def settings(*left_out):
    """Settings of a tiny run, but for some: the size of the work changes, not what is asked for."""
    kept = {k: v for k, v in flatten(TINY).items() if not any(part in k for part in left_out)}
    return [f"--set={name}={json.dumps(value)}" for name, value in kept.items()]


TINY_RUN = settings("ratio", "tracking")
TINY_EVALUATION = ["--set=evaluation.epochs=1", "--set=evaluation.repeats=1"]
SMALLER = {
    "distill": TINY_RUN,
    "evaluate": TINY_EVALUATION,
    "rank": ["--epochs=1", "--full-epochs=1", "--set=evaluation.full_data_batch=256"],
    "train": ["--epochs=1", "--workers=0"],
    "tune": [*TINY_RUN, *TINY_EVALUATION, "--set=rounds=1", "--set=tracking.enabled=false"],
}
FEWER = {"--trials": "1", "--rounds": "3"}


def environment(folder):
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(folder)}


def run(command, folder):
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=environment(folder)
    )


class Workplace:
    """A folder in which documented commands run, after those whose results they need.

    Args:
        folder: The folder.
    """

    def __init__(self, folder):
        self.folder = folder
        self.run = cache(self._run)

    def _run(self, command):
        self.make_ready(command)
        program, *arguments = tiny(command)
        if arguments[0] in ("distill", "tune"):  # as people type it, in a process of its own
            done = run([program, *arguments], self.folder)
            code, output = done.returncode, done.stdout + done.stderr
        else:
            with contextlib.chdir(self.folder):
                result = CliRunner().invoke(app, arguments)
            code, output = result.exit_code, result.output
        assert code == 0, f"{command}\n{output[-3000:]}"

    def make_ready(self, command):
        """Run what makes the folders that a command names."""
        for word in words(command):
            maker = self.maker(word)
            if maker not in (None, command):
                self.run(maker)

    @staticmethod
    def maker(folder):
        """The first documented command that writes a folder; of ``runs`` itself, any that does."""
        for _, command in STEMDIST:
            out = words(command)[words(command).index("--out") + 1] if "--out" in command else ""
            if out == folder or (folder == "runs" and out):
                return command
        return None


def words(command):
    return shlex.split(command)


def tiny(command):
    """The command on a small source, with little work."""
    arguments = [SOURCE if word == "SOURCE" else word for word in words(command)]
    for flag, number in FEWER.items():
        if flag in arguments:
            arguments[arguments.index(flag) + 1] = number
    smaller = SMALLER.get(arguments[1], [])
    if "--method" in arguments:  # rounds are those of the library's own method
        smaller = [word for word in smaller if "rounds" not in word]
    given = {word.removeprefix("--") for word in arguments}
    return [
        *arguments,
        *(s for s in smaller if s.removeprefix("--set=").split("=")[0] not in given),
    ]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return Workplace(tmp_path_factory.mktemp("workplace"))


def is_slow(page, command):
    """What takes minutes, and other ways to call what the first page calls already."""
    on_first_page = {words(c)[1] for p, c in STEMDIST if p == README}
    name = words(command)[1]
    return name in ("tune", "rank") or (page != README and name in on_first_page)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=[pytest.mark.slow] if is_slow(page, command) else [])
        for page, command in STEMDIST
        if words(command)[1] != "ui"
    ],
)
def test_stemdist_commands(workplace, command):
    workplace.run(command)
    arguments = words(command)
    for flag in ("--json", "--csv", "--out"):
        if flag in arguments:
            assert (workplace.folder / arguments[arguments.index(flag) + 1]).exists()
    if arguments[1] == "report":
        assert (workplace.folder / arguments[2] / "report.html").exists()


def test_what_the_commands_are():
    """Each command of the command line is shown where people look for it first, or further on."""
    shown = {words(command)[1] for page, command in STEMDIST if page == README}
    assert shown == {"describe", "distill", "evaluate", "report", "train", "ui", "tune", "rank"}
    assert {"forecasters"} <= {words(command)[1] for _, command in STEMDIST}
    assert {"make demo", "make test"} <= {command for page, command in SHELL if page == README}


@pytest.mark.slow
def test_sweep(workplace):
    (command,) = [c for page, c in STEMDIST if page == README and c.startswith("stemdist tune")]
    workplace.run(command)
    folder = workplace.folder / "runs" / "ratios"
    assert len((folder / "trials.csv").read_text().splitlines()) == 2
    assert (folder / "report.html").exists()
    assert (folder / "best" / "synthetic.parquet").exists()


@pytest.mark.slow
def test_cross_architecture_table(workplace):
    (command,) = [c for _, c in STEMDIST if "--forecaster all" in c]
    workplace.run(command)
    assert "stid,distilled," in (workplace.folder / "runs" / "mine.csv").read_text()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_user_interface(workplace):
    command = next(c for _, c in STEMDIST if words(c)[1] == "ui")
    workplace.make_ready(command)
    port = free_port()
    process = subprocess.Popen(
        [*words(command), "--port", str(port)], cwd=workplace.folder,
        env=environment(workplace.folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        answer = None
        while answer is None:
            assert process.poll() is None
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as page:
                    answer = page.read()
            except OSError:
                time.sleep(0.5)
        assert answer == b"OK"
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def python_block(text):
    """The one block with that text, on a small source."""
    (found,) = [block for _, block in PYTHON if text in block]
    return found.replace('read_series("demo")', f"read_series({SOURCE!r})")


def test_every_python_block_is_run_below():
    used = (
        "residual=True",
        "from_python",
        "demo-stid",
        "register_forecaster",
        "register_reader",
        "register_row",
        "mean_of_recent",
    )
    assert len({python_block(text) for text in used}) == len(PYTHON)


def test_python_interface(workplace):
    done = run([sys.executable, "-c", python_block("from_python")], workplace.folder)
    assert done.returncode == 0, done.stderr
    errors = dict(line.split() for line in done.stdout.splitlines())
    assert {"distilled", "random_subset", "ridge"} <= set(errors)
    assert all(0.1 < float(error) < 2 for error in errors.values())


def test_own_zero_shot_forecaster():
    names: dict = {}
    exec(python_block("mean_of_recent"), names)
    recent = np.ones((2, 5, 3), np.float32)
    recent[0, 1:3, 0] = np.nan
    np.testing.assert_array_equal(names["mean_of_recent"](recent, 4), np.ones((2, 4, 3)))


def test_any_model_in_any_loop(workplace):
    if not (workplace.folder / "runs" / "mine").exists():  # run by itself
        (command,) = [c for page, c in STEMDIST if page == README and " distill " in c]
        workplace.run(command)
    program = python_block("residual=True").replace("[-12:]", "[-6:]")  # a small run's windows
    program += "print(base.shape, float(loss))"
    done = run([sys.executable, "-c", program], workplace.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(4, 24)")


def test_train_and_load_back(workplace):
    done = run([sys.executable, "-c", python_block("demo-stid")], workplace.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "(12, 24)"


def test_own_reader_forecaster_and_row(tmp_path):
    """All three in one run: a file of a new format, distilled and compared by new code."""
    use = f"""
from stemdist_ray import build_config, distill, evaluate, read_series

values = read_series({SOURCE!r}).values[:, :, 0]
Path("readings.ssv").write_text("\\n".join(";".join(map(str, row)) for row in values.tolist()))
config = build_config("demo", {{**{TINY!r}, "forecaster": {{"name": "mine"}}}})
result = distill("readings.ssv", "run", config)
Path("damaged.ssv").write_text("1;2\\n3;x\\n")
try:
    read_semicolons(Path("damaged.ssv"), ReadConfig(), MemoryBudget())
except DataError as error:
    print(error)
table = evaluate(result.path, "readings.ssv")
print(result.dataset.manifest.source.format, table.forecaster, *table.rows)
"""
    extensions = ("register_forecaster", "register_reader", "register_row")
    program = "\n".join([*map(python_block, extensions), use])
    done = run([sys.executable, "-c", program], tmp_path)
    assert done.returncode == 0, done.stderr
    error, names = done.stdout.splitlines()
    assert error.startswith("damaged.ssv: expected numbers with semicolons between")
    rows = ("distilled", "random_subset", "random_teacher", "latest", "centroid", "node_sampled")
    assert names.split() == ["semicolons", "mine", *rows]


def cluster_commands():
    return [(page, command) for page, command in SHELL if command.startswith("ray job submit")]


@pytest.mark.parametrize(("page", "command"), cluster_commands())
def test_cluster_commands_are_those_of_the_integration_test(page, command):
    script = (ROOT / "tests" / "integration" / "test_ray_job.py").read_text()
    before, job = words(command.split(" -- ")[0]), words(command.split(" -- ")[1])
    assert before[:3] == ["ray", "job", "submit"]
    assert before[-2:] == ["--working-dir", "."]
    assert job[0] == "python"
    assert job[1] in script
    options = dict(zip(job[2::2], job[3::2], strict=True))
    assert (ROOT / options.pop("--config")).exists()
    # What is relative is lost with the job.
    assert options.pop("--out").startswith(("$PWD/", "/runs/"))
    distilled = options.pop("--set", "distilled=$PWD/")
    assert distilled.startswith("distilled=$PWD/")
    assert options == {}


def test_scripts_that_are_submitted():
    scripts = {words(command.split(" -- ")[1])[1] for _, command in cluster_commands()}
    wanted = {"jobs/distill.py", "jobs/evaluate.py", "jobs/train.py", "tuning/search.py"}
    assert scripts == wanted


@pytest.mark.parametrize(
    ("folder", "model"), [("jobs", (JobFile, RankFile, TrainFile)), ("tuning", (TuneFile,))]
)
def test_tables_of_job_files_name_every_key(folder, model):
    text = PAGES[f"{folder}/README.md"]
    for kind in model:
        for key in kind.model_fields:
            assert f"`{key}`" in text, key
    if folder == "tuning":
        for key in TuneFile.model_fields["search"].annotation.model_fields:
            assert f"`{key}`" in text, key


def test_shipped_job_files_are_named():
    for folder in ("jobs", "tuning"):
        for path in (ROOT / folder / "configs").glob("*.yaml"):
            # Benchmarks are no jobs: their folder is given by --out.
            assert path.name.startswith("benchmark-") or read_yaml(path)["out"]
            assert f"{folder}/configs/{path.name}" in PAGES[f"{folder}/README.md"]


KNOWN = (
    "stemdist ", "make ", "ray ", "python jobs/benchmark.py ", "python -m pytest ",
    "python tuning/search.py --config tuning/configs/models.yaml",  # by tests/sweeps/test_models.py
    "jobs/benchmarks/gpu_check.sh",  # by tests/jobs/benchmarks/test_gpu_check.py
    "export RAY_AUTH_MODE=token && ray ", "infra/make-secrets.sh ", "docker compose ", "kubectl ",
    # Run by tests/infra.
    "export RAY_AUTH_MODE=token && (umask 077; ray ", "export RAY_AUTH_MODE=token RAY_AUTH_TOKEN=",
    "python -m pip install --require-hashes -r infra/requirements-hashed.txt",
)  # fmt: skip


def test_every_shell_line_is_of_a_kind_that_is_checked():
    assert [(page, c) for page, c in SHELL if not c.startswith(KNOWN)] == []


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = {command.split()[1] for _, command in SHELL if command.startswith("make ")}
    for text in PAGES.values():
        targets |= set(re.findall(r"`make ([a-z-]+)", text))
    assert {"demo", "test", "test-all", "lint", "install"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page):
    names = re.findall(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./-]+", PAGES[page])
    names += re.findall(r"\b[A-Z]+\.(?:md|cff)\b", PAGES[page])
    for name in names:
        secret = name.startswith("infra/secrets/")  # infra/make-secrets.sh writes them
        places = (ROOT, ROOT / "infra")
        assert secret or any((place / name.rstrip(".")).exists() for place in places), name


def anchors(path):
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_relative_links_resolve(page):
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text())
    for link in links:
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_folder_has_a_page_and_the_first_page_links_to_it():
    found = {p.parent.relative_to(ROOT).as_posix() for p in ROOT.glob("[a-z]*/README.md")}
    assert found <= set(FOLDERS)
    for folder in FOLDERS:
        assert f"({folder}/README.md)" in PAGES[README]
    assert "(CONTRIBUTING.md)" in PAGES[README]


def test_packages_are_named_in_the_order_of_imports():
    table = PAGES["stemdist_ray/README.md"].split("## Where things live")[1].split("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    package = ROOT / "stemdist_ray"
    folders = {p.parent.name for p in package.glob("*/__init__.py")}
    files = {p.stem for p in package.glob("*.py")} - {"__init__"}
    assert sorted(named) == sorted(folders | files)
    place = {name: index for index, name in enumerate(named)}
    for name in named:
        for path in package.glob(f"{name}/**/*.py" if name in folders else f"{name}.py"):
            for other in re.findall(r"(?:from|import) stemdist_ray\.(\w+)", path.read_text()):
                assert place[other] <= place[name], f"{path} imports {other}"


def test_every_forecaster_and_search_setting_is_named():
    from stemdist_ray.forecasters import FORECASTERS

    text = PAGES["stemdist_ray/README.md"].lower().replace(" ", "").replace("-", "")
    for name in FORECASTERS:
        assert name.replace("_", "") in text, name


def test_extras_exist():
    tree = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = tree["project"]["optional-dependencies"]
    listed = " ".join(PAGES[README].split()).split("Extras add the rest:")[1].split(". ")[0]
    clouds = {"aws", "gcp"}  # for those who start machines there
    rare = {"pretrained"}
    assert set(re.findall(r"`(\w+)`", listed)) == set(extras) - {"dev"}
    assert all(f"extra `{name}`" in PAGES["stemdist_ray/README.md"] for name in rare)
    assert all(cloud in PAGES["infra/README.md"] for cloud in clouds & set(extras))


def test_the_first_page_is_short():
    assert len(PAGES[README].split()) <= 1250


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    entry = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == __version__
    assert entry is not None
    assert entry[1] == __version__
    assert "version" in project["dynamic"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_make_demo(tmp_path):
    done = run(["make", "-C", str(ROOT), "demo", f"RUNS={tmp_path}/runs"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for text in ("distilled", "seasonal linear", "look further:"):
        assert text in done.stdout
    assert (tmp_path / "runs" / "demo" / "report.html").exists()


# Those that need no data from outside.
BENCHMARKS = [c for _, c in SHELL if "jobs/benchmark.py" in c and "--json" in c]
SMALLER_BENCHMARKS = {
    "kernels": ["--only", "42x40 training", "--repeats", "1"],
    "round": ["--source", "sim:traffic?locations=60,steps=300", "--repeats", "1"],
    "step": ["--locations", "24", "--repeats", "1"],
    "clustering": [],
    "base": ["--source", "sim:traffic?locations=60,steps=400"],
    "driver": ["--source", "sim:traffic?locations=40,steps=400", "--rounds", "0"],
    "scale": [
        *("--locations", "24", "--steps", "400", "--workers", "2", "--machines", "--no-whole"),
    ],
    "stream": ["--locations", "40", "--steps", "1500", "--set", "teacher.epochs=2"],
    "tracking": ["--source", "sim:traffic?locations=24,steps=400", "--rounds=1", "--repeats=2"],
}


def test_benchmarks_are_shown():
    assert [words(command)[2] for command in BENCHMARKS] == list(SMALLER_BENCHMARKS)


@pytest.mark.slow
@pytest.mark.parametrize("command", BENCHMARKS)
def test_benchmarks(tmp_path, command):
    script, *arguments = [word for word in words(command)[1:] if word != "--year"]
    arguments += SMALLER_BENCHMARKS[arguments[0]]
    done = run([sys.executable, str(ROOT / script), *arguments], tmp_path)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / words(command)[-1]).read_text())
    assert all(ratio > 0 for ratio in written.get("ratios", {}).values())
    assert written["command"].startswith("python jobs/benchmark.py")
