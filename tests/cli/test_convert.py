from tests.cli.conftest import SOURCE, check_refused, run


def test_what_is_written_can_be_read(tmp_path):
    result = run("convert", SOURCE, tmp_path / "x.parquet")
    assert result.exit_code == 0
    assert "wrote" in result.output
    assert "400 steps" in run("describe", tmp_path / "x.parquet").output


def test_unknown_endings(tmp_path):
    check_refused(run("convert", SOURCE, tmp_path / "x.doc"), "cannot write")
    assert list(tmp_path.iterdir()) == []
