from stemdist_ray.forecasters.closed_form.runner import InProcess


def test_tasks_read_what_was_shared_last():
    runner = InProcess()
    runner.share(1)
    runner.share(10)
    assert runner.run(lambda shared, task: shared + task, [1, 2], None) == [11, 12]
