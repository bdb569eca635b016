"""Hashes, licences and the bill of materials, against constraints.txt."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from importlib.util import module_from_spec, spec_from_file_location

import pytest

from tests.conftest import ROOT
from tests.infra.files import INFRA

LINE = re.compile(r"([a-z0-9-]+)==(\S+) --hash=sha256:([0-9a-f]{64})")


def program():
    spec = spec_from_file_location("supply_chain", INFRA / "supply_chain.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hashed_lines():
    lines = (INFRA / "requirements-hashed.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith(("#", "--"))]


def test_every_file_is_pinned_by_hash_and_by_the_version_of_constraints():
    wanted, seen = program().pins(), {}
    for line in hashed_lines():
        name, version, _ = LINE.fullmatch(line).groups()
        seen[name] = version
        assert wanted[name] == version.split("+")[0], name
    assert {"ray", "torch", "mlflow", "boto3", "google-api-python-client"} <= set(seen)
    assert seen["torch"].endswith("+cpu")
    # Pinned, but asked for by nothing that is installed with the project.
    assert set(wanted) - set(seen) <= {"coverage", "netcdf4", "pytest-cov", "types-jsonschema"}


def report(version="1.2", name="Some.Package", sha256="0" * 64):
    info = {"archive_info": {"hashes": {"sha256": sha256} if sha256 else {}}}
    return {"install": [{"metadata": {"name": name, "version": version}, "download_info": info}]}


def test_hashes_of_what_is_not_pinned_are_refused(monkeypatch):
    module = program()
    monkeypatch.setattr(module, "pins", lambda: {"some-package": "1.2"})
    assert f"some-package==1.2 --hash=sha256:{'0' * 64}\n" in module.hashed(report())
    for wrong, message in (
        (report(version="1.3"), "some-package 1.3: constraints.txt pins 1.2"),
        (report(name="other"), "other 1.2: constraints.txt pins nothing"),
        (report(sha256=None), "some-package 1.2: pip reports no sha256"),
    ):
        with pytest.raises(SystemExit, match=message):
            module.hashed(wrong)


def wheel(folder):
    """The smallest package that pip installs."""
    path = folder / "tiny-1.0-py3-none-any.whl"
    record = "tiny-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr(f"{record}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{record}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{record}/RECORD", "")
    return path


@pytest.mark.slow
def test_pip_takes_lines_of_this_form_and_refuses_another_file(tmp_path):
    digest = hashlib.sha256(wheel(tmp_path).read_bytes()).hexdigest()
    pip = [sys.executable, "-m", "pip", "install", "--no-index", f"--find-links={tmp_path}"]
    for sha256, good in ((digest, True), ("0" * 64, False)):
        line = f"tiny==1.0 --hash=sha256:{sha256}"
        assert LINE.fullmatch(line)
        (tmp_path / "requirements.txt").write_text(line + "\n")
        done = subprocess.run(
            [*pip, "--require-hashes", "-r", "requirements.txt", "--target", tmp_path / "out"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) is good
        assert good or "DO NOT MATCH THE HASHES" in done.stderr


def test_licences_of_every_installed_pinned_package_are_listed():
    module = program()
    page = (INFRA / "licenses.md").read_text()
    listed = dict(re.findall(r"^\| ([a-z0-9-]+) \| (\d\S*) \|", page, re.MULTILINE))
    for name, version, licence in module.rows():
        assert f"| {name} | {version} | {licence} |" in page, f"make licenses: {name}"
    assert listed == {name: module.pins()[name] for name in listed}
    hashed = {LINE.fullmatch(line).group(1) for line in hashed_lines()}
    assert hashed <= set(listed)
    # Terms that would bind who runs a server with the package.
    assert not re.search(r"AGPL|Affero|SSPL|Commons Clause", page)
    assert len(re.findall(r"\| not stated \|", page)) <= 3


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ({"License-Expression": "MIT"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, "BSD License"),
        ({"License": "Apache 2.0"}, "Apache 2.0"),
        ({"License": "Copyright somebody\n" + "a long text " * 20}, "Copyright somebody"),
        ({"License": ""}, "not stated"),
    ],
)
def test_where_a_licence_is_read(metadata, licence):
    from email.message import Message

    class Package:
        pass

    package = Package()
    package.metadata = Message()
    for key, value in metadata.items():
        package.metadata[key] = value
    assert program().license_of(package) == licence


def test_make_targets_write_what_is_ignored_by_git():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("sbom", "hashes", "licenses"):
        assert re.search(rf"^{target}: install$", makefile, re.MULTILINE)
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"sbom.json", "build-report.json"} <= set(ignored)


@pytest.mark.slow
def test_the_bill_of_materials_names_every_package(tmp_path):
    pytest.importorskip("cyclonedx_py")
    line = re.search(r"cyclonedx-py (environment .+) -o", (ROOT / "Makefile").read_text()).group(1)
    words = line.replace("$(BIN)/python", sys.executable).split()
    out = tmp_path / "sbom.json"
    subprocess.run([sys.executable, "-m", "cyclonedx_py", *words, "-o", out], check=True, cwd=ROOT)
    bill = json.loads(out.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "stemdist-ray"
    found = {program().normal(c["name"]): c for c in bill["components"]}
    for name, version, _ in program().rows():
        assert found[name]["version"].split("+")[0] == version
    stated = [c for c in found.values() if c.get("licenses")]
    assert len(stated) > 0.9 * len(found)
