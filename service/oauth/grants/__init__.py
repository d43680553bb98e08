"""The grants of people: one file each, one shape: `grant(request, parts, parameters, client)` issues or raises.

The client has proved itself, or named itself if it is a public one, was counted against its rate limit, and may use
the grant. Machines' own tokens, thousands a second, take a shorter way.
"""
