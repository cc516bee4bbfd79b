"""The pictures of README and docs, made anew by one command: `python -m tests.screenshots RUN`."""
