from stemdist_ray.system.stages import StageClock


def test_stages_are_kept_in_order():
    clock = StageClock()
    with clock.stage("read"):
        pass
    with clock.stage("cluster"):
        sum(range(1000))
    tree = clock.to_json()
    assert list(tree) == ["read", "cluster"]
    assert tree["cluster"]["seconds"] >= 0
    assert tree["cluster"]["peak_rss_mib"] > 10
