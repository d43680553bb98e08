"""The pages that people see: made by the service, in their language, without scripts."""

from __future__ import annotations

from service.pages import (
    account,
    consent,
    console,
    device,
    email_verification,
    invitation,
    login,
    rendering,
    second_factor,
    stylesheet,
)

ENDPOINTS = (
    stylesheet.ENDPOINT,
    *invitation.PAGE.endpoints,
    *email_verification.PAGE.endpoints,
    *login.ENDPOINTS,
    *second_factor.ENDPOINTS,
    *consent.ENDPOINTS,
    *device.ENDPOINTS,
    *account.ENDPOINTS,
    *console.ENDPOINTS,
)
set_up = rendering.set_up
