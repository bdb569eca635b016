from tests.distill.conftest import clustered, make_task

__all__ = ["clustered", "make_task"]
