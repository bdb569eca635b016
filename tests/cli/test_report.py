from tests.cli.conftest import check_refused, run


def test_page_beside_the_data_or_elsewhere(folder, tmp_path):
    result = run("report", folder)
    assert result.exit_code == 0
    assert f"wrote {folder / 'report.html'}" in result.output
    assert (folder / "report.html").exists()
    assert run("report", folder, "--output", tmp_path / "page.html").exit_code == 0
    assert (tmp_path / "page.html").exists()


def test_a_folder_without_a_run(tmp_path):
    check_refused(run("report", tmp_path), "expected a folder written by stemdist distill")


def test_a_sweep_that_is_not_finished(tmp_path):
    (tmp_path / "sweep.json").write_text("{}")
    check_refused(run("report", tmp_path), "go on with stemdist tune and --resume")


def test_a_page_where_a_folder_is(folder, tmp_path):
    check_refused(run("report", folder, "--output", tmp_path), "output is")
