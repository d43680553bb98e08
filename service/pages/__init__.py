"""The pages that people see: made by the service, in their language, without scripts."""

from __future__ import annotations

from service.pages import account, consent, device, email_verification, invitation, login, rendering, stylesheet

ENDPOINTS = (
    stylesheet.ENDPOINT,
    *invitation.PAGE.endpoints,
    *email_verification.PAGE.endpoints,
    *login.ENDPOINTS,
    *consent.ENDPOINTS,
    *device.ENDPOINTS,
    *account.ENDPOINTS,
)
set_up = rendering.set_up
