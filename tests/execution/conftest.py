from tests.distillation.conftest import clustered, make_task

__all__ = ["clustered", "make_task"]
