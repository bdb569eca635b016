from stemdist_ray.artifact.sweep_files import SETTINGS, is_sweep


def test_a_sweep_is_known_by_its_settings(tmp_path):
    assert not is_sweep(tmp_path)
    (tmp_path / SETTINGS).write_text("{}")
    assert is_sweep(tmp_path)
