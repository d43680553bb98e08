"""/console: an organization's tokens, third parties and interfaces, for whoever administers them.

What somebody may do here is what their roles let them do at this moment.
"""

from __future__ import annotations

from service.pages.console import (
    api_resource_form,
    approving_all,
    ending,
    grant_rejection,
    home,
    interface_approvals,
    interface_ending,
    interface_form,
    interface_grants,
    interface_import,
    interface_list,
    interface_logs,
    interface_request,
    interfaces,
    third_parties,
    tokens,
)

ENDPOINTS = (
    *home.ENDPOINTS,
    *tokens.ENDPOINTS,
    *ending.ENDPOINTS,
    *third_parties.ENDPOINTS,
    *interfaces.ENDPOINTS,
    *interface_list.ENDPOINTS,
    *api_resource_form.ENDPOINTS,
    *interface_form.ENDPOINTS,
    *interface_ending.ENDPOINTS,
    *interface_import.ENDPOINTS,
    *interface_approvals.ENDPOINTS,
    *approving_all.ENDPOINTS,
    *interface_grants.ENDPOINTS,
    *grant_rejection.ENDPOINTS,
    *interface_request.ENDPOINTS,
    *interface_logs.ENDPOINTS,
)
