from tests.comparison.conftest import material
from tests.evaluation.conftest import prepared

__all__ = ["material", "prepared"]
