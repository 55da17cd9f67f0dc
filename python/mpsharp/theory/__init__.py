"""Formulas of the paper, one function each."""
