import json
import os
import subprocess
import sys
import threading
import time

import pytest

from stemdist_ray.errors import FolderInUseError
from stemdist_ray.system import lease
from stemdist_ray.system.lease import Lease, Owner

HOLDER = """
import sys, time
from pathlib import Path
from stemdist_ray.system.lease import Lease
with Lease(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def start_holder(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def leave(folder, age=0.0, **changes):
    """A lease as another process would have left it."""
    owner = {**vars(Owner.myself()), **changes}
    (folder / ".lease").write_text(json.dumps(owner))
    then = time.time() - age
    os.utime(folder / ".lease", (then, then))


def test_given_back(tmp_path):
    with Lease(tmp_path):
        assert [p.name for p in tmp_path.iterdir()] == [".lease"]
    assert list(tmp_path.iterdir()) == []


def test_twice_in_one_process(tmp_path):
    with Lease(tmp_path):
        with (
            pytest.raises(FolderInUseError, match="by another run of this process"),
            Lease(tmp_path),
        ):
            pass
        assert (tmp_path / ".lease").exists()


def test_held_by_a_living_process_and_taken_over_when_it_is_killed(tmp_path):
    with start_holder(tmp_path) as process:
        try:
            words = rf"in use by process {process.pid} \(-c .*\) on .* since 20.*; wait for it"
            with pytest.raises(FolderInUseError, match=words), Lease(tmp_path):
                pass
        finally:
            process.kill()
            process.wait()
    with Lease(tmp_path):
        assert json.loads((tmp_path / ".lease").read_text())["pid"] == os.getpid()


def test_a_number_that_is_another_process_by_now(tmp_path):
    leave(tmp_path, pid=os.getppid(), started=1.0)
    with Lease(tmp_path):
        pass


def test_other_machines_live_as_long_as_they_give_signs(tmp_path):
    leave(tmp_path, host="elsewhere 1", age=30)
    with pytest.raises(FolderInUseError, match="on elsewhere since"), Lease(tmp_path):
        pass
    leave(tmp_path, host="elsewhere 1", age=90)
    with Lease(tmp_path):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": 3}'])
def test_half_a_lease_counts_for_a_minute(tmp_path, text):
    (tmp_path / ".lease").write_text(text)
    with pytest.raises(FolderInUseError, match="by another process"), Lease(tmp_path):
        pass
    os.utime(tmp_path / ".lease", (1, 1))
    with Lease(tmp_path):
        pass


def test_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.01)
    with Lease(tmp_path):
        os.utime(tmp_path / ".lease", (1, 1))
        for _ in range(500):
            if (tmp_path / ".lease").stat().st_mtime > 1:
                break
            time.sleep(0.01)
        assert (tmp_path / ".lease").stat().st_mtime > 1


def test_of_many_who_try_at_once_one_succeeds(tmp_path, monkeypatch):
    leave(tmp_path, host="elsewhere 1", age=90)
    monkeypatch.setattr(lease, "_mine", {})
    taken, refused, ready = [], [], threading.Barrier(8)

    def attempt():
        ready.wait()
        try:
            taken.append(Lease(tmp_path).__enter__())
        except FolderInUseError:
            refused.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (1, 7)
    taken[0].__exit__(None, None, None)


def test_somebody_elses_lease_is_not_given_back(tmp_path):
    with Lease(tmp_path):
        leave(tmp_path, host="elsewhere 1")
    assert (tmp_path / ".lease").exists()
