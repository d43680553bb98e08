"""The doors are tested through the whole service."""

from tests.app_fixture import app, app_database, app_template

__all__ = ["app", "app_database", "app_template"]
