"""Shared by all tests: the real parts, found or asked for."""
