from stemdist_ray.system.environment import command_line, git_commit, hardware, package_versions


def test_versions_name_python_and_torch():
    versions = package_versions()
    assert versions["python"].startswith("3.")
    assert versions["torch"][0].isdigit()


def test_hardware_counts_cores():
    assert hardware()["cpu_count"] >= 1
    assert hardware()["memory_gib"] > 0


def test_a_command_can_be_given_to_a_shell_again(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/stemdist", "rank", "my data", "a.csv"])
    assert command_line() == "stemdist rank 'my data' a.csv"


def test_no_commit_outside_a_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert git_commit() is None
