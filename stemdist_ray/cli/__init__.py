"""The ``stemdist`` command and what the scripts in ``jobs/`` and ``tuning/`` share with it."""


def main() -> None:
    """Entry point of the ``stemdist`` command."""
    from stemdist_ray.cli.app import run

    run()
