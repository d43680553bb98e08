"""The pages that people see: made by the service, in their language, without scripts."""

from __future__ import annotations

from service.pages import email_verification, invitation, rendering, stylesheet

ENDPOINTS = (stylesheet.ENDPOINT, *invitation.PAGE.endpoints, *email_verification.PAGE.endpoints)
set_up = rendering.set_up
