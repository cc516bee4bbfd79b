"""Fidelity: does the supernet rank networks as training each by itself would?"""
