"""/account: who somebody is here, how they sign in, what has access to it; all of it theirs to see and to change."""

from __future__ import annotations

from service.pages.account import (
    access,
    address_codes,
    app_factor,
    connections,
    factors,
    home,
    password,
    profile,
    tokens,
    username,
)

ENDPOINTS = (
    *home.ENDPOINTS,
    *access.ENDPOINTS,
    *profile.ENDPOINTS,
    *username.ENDPOINTS,
    *address_codes.ENDPOINTS,
    *password.ENDPOINTS,
    *factors.ENDPOINTS,
    *app_factor.ENDPOINTS,
    *tokens.ENDPOINTS,
    *connections.ENDPOINTS,
)
