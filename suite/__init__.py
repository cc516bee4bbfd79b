"""Find a small, fast CNN for a picture data set, and show how far the result can be believed."""

__version__ = "0.1.0"
