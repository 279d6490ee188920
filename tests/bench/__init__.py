"""Benchmarks: one file a subject, each with ``run()``, which yields one JSON object a figure.

Figures belong to the machine they were taken on. What is claimed are ratios beside a baseline that was
measured in the same run. Nothing here is a test, and no test looks at a clock.
"""
