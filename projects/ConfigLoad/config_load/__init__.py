"""Layered configuration: defaults, a TOML file, a `.env` file, the environment; the later layer wins."""

from config_load.layers import InvalidSettings, Loaded, load_settings
from config_load.settings import Limits, Models, Service, Settings

__all__ = ["InvalidSettings", "Limits", "Loaded", "Models", "Service", "Settings", "load_settings"]
