"""envyard: isolated Python environments for the projects of a monorepo, built safely and shared cheaply."""

__version__ = "0.1.0"
