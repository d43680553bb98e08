"""Reads Swagger 2.0 and OpenAPI 3.0 and 3.1 documents as interfaces to be imported (spec/iform.md section 4).

A document is somebody else's text. It is parsed, judged and read in a process of its own, `child`, which can reach
nothing and is ended when it takes too long; workers load none of what that takes.
"""
