"""Images, versions and files that the deployment files name, against the project's own."""

import re

from stemdist_ray import __version__
from tests.conftest import ROOT
from tests.infra.files import INFRA


def texts():
    kinds = {".yaml", ".sh", ".md", ""}
    return {p: p.read_text() for p in INFRA.rglob("*") if p.is_file() and p.suffix in kinds}


def test_images_have_the_projects_version():
    text = "\n".join(texts().values())
    assert set(re.findall(r"stemdist-ray:([\d.]+)-", text)) == {__version__}
    own = re.findall(r"image: (stemdist-ray:\S+)", text)
    assert {i.rsplit("-", 1)[1] for i in own} == {"cpu", "cuda"}


def test_postgres_is_the_same_everywhere():
    assert len(set(re.findall(r"postgres:[\d.]+-\w+", "\n".join(texts().values())))) == 1


def test_dockerfile_has_both_targets_and_is_not_root():
    text = (INFRA / "Dockerfile").read_text()
    assert re.search(r"^FROM python:3\.11\.\d+-slim-bookworm AS base$", text, re.MULTILINE)
    for target in ("cpu", "cuda"):
        stage = text[text.index(f"AS {target}") :]
        stage = stage[: stage.find("\nFROM ")] if "\nFROM " in stage else stage
        assert "-c constraints.txt" in stage
        assert "USER stemdist" in stage
    for line in text.splitlines():
        if line.startswith("COPY "):
            for source in [w for w in line.split()[1:-1] if not w.startswith("--")]:
                assert (ROOT / source).exists(), source
    for line in ("infra/secrets", ".venv"):
        assert line in (INFRA / "Dockerfile.dockerignore").read_text()


def test_folders_that_are_mounted_belong_to_the_user_of_the_image():
    """A volume takes over the owner of the folder it is mounted at."""
    text = (INFRA / "Dockerfile").read_text()
    made = re.search(r"chown stemdist (.+)$", text, re.MULTILINE).group(1).split()
    compose = (INFRA / "compose.yaml").read_text()
    assert set(re.findall(r"- (?:runs|artifacts):(/\w+)", compose)) == set(made)
    assert "--uid 1000" in text
    assert "uid=1000,gid=1000" in compose


def test_readme_names_every_file_and_what_it_names_exists():
    text = (INFRA / "README.md").read_text()
    for path in INFRA.rglob("*"):
        if path.is_file() and "secrets" not in path.parts and path.suffix in (".yaml", ".sh"):
            assert path.name in text, path
    for name in re.findall(r"(?:infra|jobs|tuning)/[\w./-]+\.(?:yaml|sh|py|txt|md|json)", text):
        assert (ROOT / name).exists(), name


def test_scripts_are_executable_and_strict():
    for path in INFRA.glob("*.sh"):
        assert path.stat().st_mode & 0o111, path
        assert "\nset -eu\n" in path.read_text(), path
