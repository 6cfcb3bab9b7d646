"""Acoustic models: phones to mel, one system a file."""
