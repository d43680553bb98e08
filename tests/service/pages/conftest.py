"""Pages are tested through the whole service, over HTTP."""

from __future__ import annotations

from tests.service.doors.conftest import app, app_database, app_template, fresh_app

__all__ = ["app", "app_database", "app_template", "fresh_app"]
