"""`python -m exporter` is `modelarts-exporter`."""

from .cli import main


if __name__ == "__main__":
    main()
