"""Ablations: supernets trained for the same seconds under different settings, each held against the same truth."""
