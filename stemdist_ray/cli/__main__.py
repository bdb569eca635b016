"""``python -m stemdist_ray.cli`` is the ``stemdist`` command."""

from stemdist_ray.cli import main

if __name__ == "__main__":
    main()
