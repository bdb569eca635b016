from tests.artifact.conftest import artifact

__all__ = ["artifact"]
