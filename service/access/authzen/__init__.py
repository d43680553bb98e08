"""The Authorization API 1.0 of OpenID AuthZEN: who may do what, told of accounts, roles, interfaces and audiences.

`vocabulary` says what there is to ask about, `facts` reads it in one moment, `rules` decide, `search` turns the
decisions round.
"""
